package health_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/health"
)

// A want is the whole check: a field that is not in it must be empty, above all
// DeregisterCriticalServiceAfter.
func TestTCPSaysHowConsulChecksAPort(t *testing.T) {
	usual := health.Settings{Interval: 10 * time.Second, Timeout: 2 * time.Second, FailuresBeforeCritical: 3, InitialStatus: health.Probe}
	settings := func(change func(*health.Settings)) health.Settings {
		s := usual
		change(&s)
		return s
	}
	const notes = "TCP connect to 192.0.2.7:30080 every 10s, timeout 2s"
	for _, tt := range []struct {
		name, id, target string
		settings         health.Settings
		want             api.AgentServiceCheck
	}{
		{"IPv4", "web:tcp", "192.0.2.7:30080", usual, api.AgentServiceCheck{
			CheckID: "web:tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"IPv6 in brackets", "web:tcp", "[2001:db8::7]:30080", usual, api.AgentServiceCheck{
			CheckID: "web:tcp", Name: "NodePort", Notes: "TCP connect to [2001:db8::7]:30080 every 10s, timeout 2s", TCP: "[2001:db8::7]:30080",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"IPv6 with a zone", "web:tcp", "[fe80::7%eth0]:30080", usual, api.AgentServiceCheck{
			CheckID: "web:tcp", Name: "NodePort", Notes: "TCP connect to [fe80::7%eth0]:30080 every 10s, timeout 2s", TCP: "[fe80::7%eth0]:30080",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"smallest port", "web:tcp", "192.0.2.7:1", usual, api.AgentServiceCheck{
			CheckID: "web:tcp", Name: "NodePort", Notes: "TCP connect to 192.0.2.7:1 every 10s, timeout 2s", TCP: "192.0.2.7:1",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"largest port", "web:tcp", "192.0.2.7:65535", usual, api.AgentServiceCheck{
			CheckID: "web:tcp", Name: "NodePort", Notes: "TCP connect to 192.0.2.7:65535 every 10s, timeout 2s", TCP: "192.0.2.7:65535",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"ID of its own", "k8s-registrar-shop-cart:tcp", "192.0.2.7:30080", usual, api.AgentServiceCheck{
			CheckID: "k8s-registrar-shop-cart:tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"each threshold in its field", "web:tcp", "192.0.2.7:30080", settings(func(s *health.Settings) {
			s.SuccessBeforePassing, s.FailuresBeforeWarning, s.FailuresBeforeCritical = 5, 2, 4
		}), api.AgentServiceCheck{
			CheckID: "web:tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080",
			Interval: "10s", Timeout: "2s", SuccessBeforePassing: 5, FailuresBeforeWarning: 2, FailuresBeforeCritical: 4,
		}},
		{"times below a second and above a minute", "web:tcp", "192.0.2.7:30080", settings(func(s *health.Settings) {
			s.Interval, s.Timeout = 90*time.Second, 250*time.Millisecond
		}), api.AgentServiceCheck{
			CheckID: "web:tcp", Name: "NodePort", Notes: "TCP connect to 192.0.2.7:30080 every 1m30s, timeout 250ms", TCP: "192.0.2.7:30080",
			Interval: "1m30s", Timeout: "250ms", FailuresBeforeCritical: 3,
		}},
		{"passing until the first probe", "web:tcp", "192.0.2.7:30080", settings(func(s *health.Settings) {
			s.InitialStatus = api.HealthPassing
		}), api.AgentServiceCheck{
			CheckID: "web:tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080", Status: "passing",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"critical until the first probe", "web:tcp", "192.0.2.7:30080", settings(func(s *health.Settings) {
			s.InitialStatus = api.HealthCritical
		}), api.AgentServiceCheck{
			CheckID: "web:tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080", Status: "critical",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.settings.TCP(tt.id, netip.MustParseAddrPort(tt.target))
			if diff := cmp.Diff(&tt.want, got.Request()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever is set: Consul deletes nothing by itself, and reads back what was meant.
func TestNoCheckEverDeletesItsService(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		settings := health.Settings{
			Interval:               time.Duration(rapid.Int64Min(1).Draw(t, "interval")),
			Timeout:                time.Duration(rapid.Int64Min(1).Draw(t, "timeout")),
			FailuresBeforeCritical: rapid.IntMin(1).Draw(t, "critical"),
			FailuresBeforeWarning:  rapid.IntMin(0).Draw(t, "warning"),
			SuccessBeforePassing:   rapid.IntMin(0).Draw(t, "passing"),
			InitialStatus:          rapid.SampledFrom([]string{health.Probe, api.HealthPassing, api.HealthCritical}).Draw(t, "status"),
		}
		address := netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")))
		if rapid.Bool().Draw(t, "v4") {
			address = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4 address")))
		}
		target := netip.AddrPortFrom(address, rapid.Uint16Min(1).Draw(t, "port"))

		check := settings.TCP("id", target).Request()
		if check.DeregisterCriticalServiceAfter != "" {
			t.Fatalf("Consul would delete the service after %s", check.DeregisterCriticalServiceAfter)
		}
		if got, err := netip.ParseAddrPort(check.TCP); err != nil || got != target {
			t.Fatalf("target: got %q, %v, want %s", check.TCP, err, target)
		}
		if got, err := time.ParseDuration(check.Interval); err != nil || got != settings.Interval {
			t.Fatalf("interval: got %q, %v, want %s", check.Interval, err, settings.Interval)
		}
		if got, err := time.ParseDuration(check.Timeout); err != nil || got != settings.Timeout {
			t.Fatalf("timeout: got %q, %v, want %s", check.Timeout, err, settings.Timeout)
		}
		if known := check.Status == "" || check.Status == api.HealthPassing || check.Status == api.HealthCritical; !known {
			t.Fatalf("Consul does not know the status %q", check.Status)
		}
	})
}

// TestCheckIsTheRequestInJSON, which is what fingerprints are made of: all of its fields,
// under their names and in their order.
func TestCheckIsTheRequestInJSON(t *testing.T) {
	var check health.Check
	for field, value := range reflect.ValueOf(&check).Elem().Fields() {
		switch field.Type.Kind() {
		case reflect.String:
			value.SetString("some " + field.Name)
		case reflect.Int:
			value.SetInt(int64(field.Index[0]))
		case reflect.Bool:
			value.SetBool(true)
		case reflect.Map:
			value.Set(reflect.ValueOf(map[string][]string{"Host": {"some host"}}))
		default:
			t.Fatalf("%s is a %s", field.Name, field.Type)
		}
	}
	for _, c := range []health.Check{{}, check} {
		got, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(c.Request())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("(-request +check):\n%s", diff)
		}
	}
}
