package register_test

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestFingerprint has a golden value: another one makes every registration of every
// node be sent again, on the day of an upgrade and all at once. Change it only with
// the registration itself.
func TestFingerprint(t *testing.T) {
	cart := service("shop/cart", 30080, withTags("a", "traefik.enable=true"))
	equal(t, "630bf11779a73828159005a5e51b3106", fingerprint(t, mapping, cart, node1))
	equal(t, "630bf11779a73828159005a5e51b3106", fingerprint(t, mapping, cart, register.Node{Name: "another", UID: "another", Address: node1.Address}))
}

// TestFingerprints has golden values, too, of what most services have not.
func TestFingerprints(t *testing.T) {
	three := 3
	token := mapping
	token.Token = "0123abcd"
	rich := service("shop/cart", 30080, withTags("a<b>", "ü"), func(s *kvschema.Service) {
		s.Meta = map[string]string{"team": "shop & co", "a": ""}
		s.Weights = kvschema.Weights{Passing: 10, Warning: 1}
		s.Address, s.DualStack, s.Families = "node", true, kvschema.Families{IPv4: true, IPv6: true}
		s.Check = &kvschema.Check{
			Kind: "https", Path: "/ok?a=b&c", Host: "cart.example.com", Port: 30090, Interval: time.Minute, Timeout: time.Second,
			FailuresBeforeCritical: 5, FailuresBeforeWarning: &three, SuccessBeforePassing: &three, InitialStatus: "probe",
		}
	})
	for want, tt := range map[string]struct {
		m register.Mapping
		s kvschema.Service
	}{
		"61aa3a114a08fe1d996fa7b4aaefa146": {mapping, rich},
		"a11c6e40c92bf94eb4a57ec3803ee38f": {token, rich},
		"9e4797c29937fe5ada762bea525ae64c": {mapping, service("shop/cart", 30080, withCheck(func(c *kvschema.Check) { c.Kind, c.Service = "grpc", "shop.v1.Cart" }))},
		"91cf2a2060d789db52de02ab7a49184d": {mapping, service("shop/cart", 30080, withCheck(func(c *kvschema.Check) { c.Kind = "https" }))},
		"6cbcc8c9d2bddcccd53978d4f7774811": {mapping, service("shop/cart", 30080, withProtocol("UDP"))},
		"f76c245ad691de66970af5ccd14894d4": {token, service("shop/cart", 30080, func(s *kvschema.Service) { s.Address = "192.0.2.1" })},
		"c401ce0a3b0a05485f31c8d82cc71195": {mapping, service("shop/cart", 30080, withCheck(func(c *kvschema.Check) {
			c.Kind, c.Path, c.Host = "http", "/ok", "cart.example.com"
		}))},
		"0e424b6d31e4674ecc33ff896ff9ddeb": {token, service("shop/cart", 30080, withCheck(func(c *kvschema.Check) { c.Kind = "grpc" }))},
		"8fef18ceb7573c5345776f4690f4382f": {mapping, service("shop/cart", 30080, func(s *kvschema.Service) {
			s.Families.IPv6 = true
		}, withCheck(func(c *kvschema.Check) {
			c.FailuresBeforeWarning, c.FailuresBeforeCritical, c.SuccessBeforePassing = &three, 4, &three
		}))},
		"56df5a5e47d7329c5637040b9669d8c9": {mapping, service("shop/cart", 30080, withCheck(func(c *kvschema.Check) {
			c.Interval, c.Timeout, c.InitialStatus = 90*time.Second, 250*time.Millisecond, "probe"
		}))},
	} {
		equal(t, want, fingerprint(t, tt.m, tt.s, dual))
	}
}

// TestFingerprintShowsEverySetting includes settings of the check that do not exist
// yet.
func TestFingerprintShowsEverySetting(t *testing.T) {
	cart := service("shop/cart", 30080)
	seen := map[string]string{fingerprint(t, mapping, cart, node1): "unchanged"}
	settings := reflect.TypeFor[register.Mapping]().Field(1)
	equal(t, "Health", settings.Name)
	for i := range settings.Type.NumField() {
		changed := mapping
		switch field := reflect.ValueOf(&changed.Health).Elem().Field(i); field.Kind() {
		case reflect.Int, reflect.Int64:
			field.SetInt(field.Int() + 1)
		case reflect.String:
			field.SetString(api.HealthCritical)
		default:
			t.Fatalf("%s is a %s", settings.Type.Field(i).Name, field.Kind())
		}
		distinct(t, seen, settings.Type.Field(i).Name, fingerprint(t, changed, cart, node1))
	}
}

// TestFingerprintShowsEveryField mutates what the fingerprint is made of.
func TestFingerprintShowsEveryField(t *testing.T) {
	fields := map[string]func(*register.Registration){
		"ID":      func(r *register.Registration) { r.ID += "x" },
		"Name":    func(r *register.Registration) { r.Name += "x" },
		"Address": func(r *register.Registration) { r.Address = "10.0.0.9" },
		"Port":    func(r *register.Registration) { r.Port++ },
		"Tags":    func(r *register.Registration) { r.Tags = []string{"b", "a"} },
		"Meta":    func(r *register.Registration) { r.Meta = r.Meta.With("x", "y") },
		"Check":   func(r *register.Registration) { r.Check = nil },
		"Weights": func(r *register.Registration) { r.Weights = &api.AgentWeights{Passing: 1, Warning: 1} },
		"TaggedAddresses": func(r *register.Registration) {
			r.TaggedAddresses = map[string]api.ServiceAddress{"lan_ipv6": {Address: "fd00::1", Port: 30080}}
		},
	}
	stamped := func(change func(*register.Registration)) string {
		r := registration(t, service("shop/cart", 30080, withTags("a", "b")))
		change(&r)
		if err := r.Stamp(); err != nil {
			t.Fatal(err)
		}
		return r.Meta.Of(register.MetaFingerprint)
	}
	unchanged := stamped(func(*register.Registration) {})
	equal(t, registration(t, service("shop/cart", 30080, withTags("a", "b"))).Meta.Of(register.MetaFingerprint), unchanged)
	seen := map[string]string{unchanged: "unchanged"}
	for field := range reflect.TypeFor[register.Registration]().Fields() {
		if field.Tag.Get("json") == "-" {
			continue // it is not sent
		}
		if fields[field.Name] == nil {
			t.Fatalf("the table lacks %s", field.Name)
		}
		distinct(t, seen, field.Name, stamped(fields[field.Name]))
	}
	at := netip.MustParseAddrPort("10.0.0.1:30080")
	const id = prefix + "shop.cart.http"
	for name, check := range map[string]*health.Check{
		"check's ID":      mapping.Health.TCP(id+"x", at),
		"check's kind":    mapping.Health.GRPC(id, at, ""),
		"check's notes":   mapping.Health.TCP(id, at).Noted("x"),
		"check's target":  mapping.Health.TCP(id, netip.AddrPortFrom(at.Addr(), 1)),
		"check's service": mapping.Health.GRPC(id, at, "x"),
	} {
		distinct(t, seen, name, stamped(func(r *register.Registration) { r.Check = check }))
	}
}

func distinct(t *testing.T, seen map[string]string, what, fingerprint string) {
	t.Helper()
	if other, known := seen[fingerprint]; known {
		t.Errorf("%s has the same fingerprint as %s", what, other)
	}
	seen[fingerprint] = what
}

func fingerprint(t *testing.T, m register.Mapping, s kvschema.Service, node register.Node) string {
	t.Helper()
	d, problems := m.Desired(treeOf(s), node)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return d.Want[idOf(s)].Meta.Of(register.MetaFingerprint)
}
