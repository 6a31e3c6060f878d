package register_test

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// The properties live in a small world, so that what is wanted and what is there
// overlap all the time: three names in two namespaces, two names for a port and two
// of everything else. A second port may be called like a Service, and a Service like
// another.

func paths() []string {
	return []string{"a/api", "a/cart", "a/web", "b/api", "b/cart", "b/web", "b/web-m"}
}

func drawService(t *rapid.T, path string) kvschema.Service {
	return service(path, rapid.SampledFrom([]uint16{30001, 30002}).Draw(t, "node port"),
		createdAt(rapid.SampledFrom([]uint64{1, 2}).Draw(t, "created")),
		withPort(rapid.SampledFrom([]string{"http", ""}).Draw(t, "port name"), 80),
		withProtocol(rapid.SampledFrom([]string{"TCP", "TCP", "UDP"}).Draw(t, "protocol")),
		withTags(rapid.SampledFrom([][]string{nil, {"a"}, {"a", "b"}}).Draw(t, "tags")...),
		withName(rapid.SampledFrom([]string{"", "", "", "api", "web"}).Draw(t, "name in Consul")),
		withSecondPort(rapid.SampledFrom([]string{"", "", "m"}).Draw(t, "second port")),
	)
}

// drawTree has conflicts, unreadable keys and last good readings. Of an unreadable value
// either its claims can be read nonetheless, or nothing.
func drawTree(t *rapid.T) kvschema.Tree {
	var tree kvschema.Tree
	for _, path := range paths() {
		s := drawService(t, path)
		state := rapid.SampledFrom([]string{"good", "good", "good", "absent", "unreadable", "turned bad"}).Draw(t, path)
		if state == "good" || state == "turned bad" {
			tree.Services = append(tree.Services, &s)
		}
		if state == "unreadable" || state == "turned bad" {
			problem := unreadable(path, s.CreateIndex)
			if rapid.Bool().Draw(t, "claims can be read") {
				problem.Claims = s.Claims()
			}
			tree.Problems = append(tree.Problems, problem)
		}
	}
	return tree
}

func drawDesired(t *rapid.T) register.Desired {
	d, _ := mapping.Desired(drawTree(t), node1)
	return d
}

// drawActual has services as we registered them once, services that somebody edited
// since, and IDs of ours in other hands.
func drawActual(t *rapid.T) register.Actual {
	a := register.Actual{Ours: map[register.ID]*register.Registered{}, Taken: map[register.ID]string{}}
	for _, path := range paths() {
		for range rapid.IntRange(0, 2).Draw(t, "registrations of "+path) {
			have := shown(registration(t, drawService(t, path)))
			for range rapid.IntRange(0, 2).Draw(t, "edits") {
				drawEdit(t, &have)
			}
			have.TaggedAddresses = filledIn(have.Address, have.Port)
			delete(a.Ours, have.ID)
			delete(a.Taken, have.ID)
			if rapid.IntRange(0, 5).Draw(t, "in whose hands") == 0 {
				a.Taken[have.ID] = "somebody else's"
			} else {
				a.Ours[have.ID] = &have
			}
		}
	}
	return a
}

// filledIn are the tagged addresses that Consul makes out of an IPv4 address.
func filledIn(address string, port int) map[string]api.ServiceAddress {
	if address == "" {
		return nil
	}
	a := api.ServiceAddress{Address: address, Port: port}
	return map[string]api.ServiceAddress{"lan_ipv4": a, "wan_ipv4": a}
}

// nonced is a service that was sent again with a nonce.
func nonced(have register.Registered) register.Registered {
	have.Meta = have.Meta.With(register.MetaNonce, "n")
	if c, ok := have.Checks.Of(string(have.ID) + ".tcp"); ok && !strings.Contains(c.Notes, "#") {
		c.Notes += " (#n)"
		have.Checks = have.Checks.With(c)
	}
	return have
}

// drawEdit is what somebody else may do to a service of ours.
func drawEdit(t *rapid.T, have *register.Registered) {
	ours := string(have.ID) + ".tcp"
	edits := map[string]func(){
		"none":         func() {},
		"port":         func() { have.Port = 30003 },
		"name":         func() { have.Name = "edited" },
		"address":      func() { have.Address = "10.9.9.9" },
		"tags":         func() { have.Tags = append(have.Tags, "edited") },
		"order":        func() { slices.Reverse(have.Tags) },
		"meta changed": func() { have.Meta = have.Meta.With("external-k8s-ns", "edited") },
		"meta added":   func() { have.Meta = have.Meta.With("added", "edited") },
		"fingerprint":  func() { have.Meta = have.Meta.Without(register.MetaFingerprint) },
		"nonce":        func() { *have = nonced(*have) },
		"weights":      func() { have.Weights.Passing = 10 },
		"tag override": func() { have.EnableTagOverride = true },
		"check gone":   func() { have.Checks = have.Checks.Without(ours) },
		"check notes": func() {
			if c, ok := have.Checks.Of(ours); ok {
				c.Notes = "edited"
				have.Checks = have.Checks.With(c)
			}
		},
		"check critical": func() {
			if c, ok := have.Checks.Of(ours); ok {
				c.Status = api.HealthCritical
				have.Checks = have.Checks.With(c)
			}
		},
		"stale check": func() {
			have.Checks = have.Checks.With(register.Check{ID: string(have.ID) + ".grpc", Name: "NodePort", Notes: "old", Type: "tcp", Status: api.HealthCritical})
		},
		"operator's check": func() {
			have.Checks = have.Checks.With(register.Check{ID: "ops-" + string(have.ID), Name: "ops", Type: "ttl", Status: api.HealthWarning})
		},
	}
	edits[rapid.SampledFrom(slices.Sorted(maps.Keys(edits))).Draw(t, "edit")]()
}
