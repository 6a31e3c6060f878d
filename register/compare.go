package register

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Change is a field that differs.
type Change struct {
	// Field is for example "port", "tag", "meta k8s-registrar-key" or "check x".
	Field string `json:"field"`
	// Have and Want are empty where there is or should be none.
	Have string `json:"have,omitempty"`
	Want string `json:"want,omitempty"`
}

// String is the change in words.
func (c Change) String() string {
	switch {
	case c.Have == "":
		return fmt.Sprintf("%s: + %s", c.Field, c.Want)
	case c.Want == "":
		return fmt.Sprintf("%s: - %s", c.Field, c.Have)
	default:
		return fmt.Sprintf("%s: %s -> %s", c.Field, c.Have, c.Want)
	}
}

// compare lists what differs between what should be and what is. It does not look
// at what Consul adds by itself: some tagged addresses, indexes, a check's status.
func compare(want Registration, have *Registered) []Change {
	var changes []Change
	text := func(field, have, want string) {
		if have != want {
			changes = append(changes, Change{Field: field, Have: have, Want: want})
		}
	}
	text("name", have.Name, want.Name)
	text("address", have.Address, want.Address)
	text("port", fmt.Sprint(have.Port), fmt.Sprint(want.Port))
	text("weights", weights(have.Weights), weights(want.weights()))
	text("tag override", fmt.Sprint(have.EnableTagOverride), "false")
	filledIn := []string{"lan_ipv4", "lan_ipv6", "wan_ipv4", "wan_ipv6"} // by Consul, out of the address
	for _, tag := range slices.Sorted(maps.Keys(union(want.TaggedAddresses, have.TaggedAddresses))) {
		wanted, ours := want.TaggedAddresses[tag]
		if ours || !slices.Contains(filledIn, tag) {
			text("address "+tag, tagged(have.TaggedAddresses[tag]), tagged(wanted))
		}
	}
	changes = append(changes, compareTags(want.Tags, have.Tags)...)
	changes = append(changes, compareMeta(want.Meta, have.Meta)...)
	changes = append(changes, compareChecks(want, have)...)
	if len(changes) == 0 { // it differs with every other field, too
		text("meta "+MetaFingerprint, have.Meta.Of(MetaFingerprint), want.Meta.Of(MetaFingerprint))
	}
	return changes
}

// compareMeta leaves out the fingerprint.
func compareMeta(want, have Meta) []Change {
	if want.Equal(have) {
		return nil
	}
	var changes []Change
	for _, key := range slices.Sorted(maps.Keys(union(want.Map(), have.Map()))) {
		if key != MetaFingerprint && have.Of(key) != want.Of(key) {
			changes = append(changes, Change{Field: "meta " + key, Have: have.Of(key), Want: want.Of(key)})
		}
	}
	return changes
}

func tagged(a api.ServiceAddress) string {
	if a == (api.ServiceAddress{}) {
		return ""
	}
	return net.JoinHostPort(a.Address, strconv.Itoa(a.Port))
}

func weights(w api.AgentWeights) string { return fmt.Sprintf("%d/%d", w.Passing, w.Warning) }

// compareTags names the tags that come and go, or else that the order differs. A password
// in a tag is not told.
func compareTags(want, have []string) []Change {
	if slices.Equal(want, have) {
		return nil
	}
	var changes []Change
	for _, tag := range have {
		if !slices.Contains(want, tag) {
			changes = append(changes, Change{Field: "tag", Have: shown(tag)})
		}
	}
	for _, tag := range want {
		if !slices.Contains(have, tag) {
			changes = append(changes, Change{Field: "tag", Want: shown(tag)})
		}
	}
	if len(changes) == 0 {
		changes = append(changes, Change{Field: "order of tags", Have: shown(have...), Want: shown(want...)})
	}
	return changes
}

func shown(tags ...string) string { return strings.Join(kvschema.Shown(tags), " ") }

// compareChecks compares the check that we make. Checks that others hung onto the
// service, maintenance mode among them, are none of our business; a check with an
// ID of ours that should not be there is.
func compareChecks(want Registration, have *Registered) []Change {
	var changes []Change
	if want.Check != nil && !want.Check.Equal(have.Checks.own) {
		check := shownCheck(want.Check)
		got, ok := have.Checks.Of(check.ID)
		switch {
		case !ok:
			changes = append(changes, Change{Field: "check " + check.ID, Want: describe(check)})
		case !got.alike(check):
			changes = append(changes, Change{Field: "check " + check.ID, Have: describe(got), Want: describe(check)})
		}
	}
	for _, id := range staleChecks(want, have) {
		stale, _ := have.Checks.Of(id)
		changes = append(changes, Change{Field: "check " + id, Have: describe(stale)})
	}
	return changes
}

// staleChecks returns the checks that we made and that should not be there any more.
// An ID that merely begins like ours may be that of an operator's own check.
func staleChecks(want Registration, have *Registered) []string {
	if have == nil {
		return nil
	}
	var stale []string
	for _, kind := range []string{"grpc", "http", "tcp"} {
		if want.Check != nil && want.Check.Kind() == kind {
			continue
		}
		id := checkID(have.ID, kind)
		if _, there := have.Checks.Of(id); there {
			stale = append(stale, id)
		}
	}
	return stale
}

func describe(c Check) string { return fmt.Sprintf("%s (%s, %s)", c.Name, c.Type, c.Notes) }

func union[T any](a, b map[string]T) map[string]T {
	both := map[string]T{}
	maps.Copy(both, a)
	maps.Copy(both, b)
	return both
}
