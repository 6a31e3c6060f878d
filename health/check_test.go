package health_test

import (
	"encoding/json"
	"net/netip"
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
		{"IPv4", "web", "192.0.2.7:30080", usual, api.AgentServiceCheck{
			CheckID: "web.tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"IPv6 in brackets", "web", "[2001:db8::7]:30080", usual, api.AgentServiceCheck{
			CheckID: "web.tcp", Name: "NodePort", Notes: "TCP connect to [2001:db8::7]:30080 every 10s, timeout 2s", TCP: "[2001:db8::7]:30080",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"IPv6 with a zone", "web", "[fe80::7%eth0]:30080", usual, api.AgentServiceCheck{
			CheckID: "web.tcp", Name: "NodePort", Notes: "TCP connect to [fe80::7%eth0]:30080 every 10s, timeout 2s", TCP: "[fe80::7%eth0]:30080",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"smallest port", "web", "192.0.2.7:1", usual, api.AgentServiceCheck{
			CheckID: "web.tcp", Name: "NodePort", Notes: "TCP connect to 192.0.2.7:1 every 10s, timeout 2s", TCP: "192.0.2.7:1",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"largest port", "web", "192.0.2.7:65535", usual, api.AgentServiceCheck{
			CheckID: "web.tcp", Name: "NodePort", Notes: "TCP connect to 192.0.2.7:65535 every 10s, timeout 2s", TCP: "192.0.2.7:65535",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"ID of its own", "k8s-registrar-shop-cart", "192.0.2.7:30080", usual, api.AgentServiceCheck{
			CheckID: "k8s-registrar-shop-cart.tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"each threshold in its field", "web", "192.0.2.7:30080", settings(func(s *health.Settings) {
			s.SuccessBeforePassing, s.FailuresBeforeWarning, s.FailuresBeforeCritical = 5, 2, 4
		}), api.AgentServiceCheck{
			CheckID: "web.tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080",
			Interval: "10s", Timeout: "2s", SuccessBeforePassing: 5, FailuresBeforeWarning: 2, FailuresBeforeCritical: 4,
		}},
		{"times below a second and above a minute", "web", "192.0.2.7:30080", settings(func(s *health.Settings) {
			s.Interval, s.Timeout = 90*time.Second, 250*time.Millisecond
		}), api.AgentServiceCheck{
			CheckID: "web.tcp", Name: "NodePort", Notes: "TCP connect to 192.0.2.7:30080 every 1m30s, timeout 250ms", TCP: "192.0.2.7:30080",
			Interval: "1m30s", Timeout: "250ms", FailuresBeforeCritical: 3,
		}},
		{"passing until the first probe", "web", "192.0.2.7:30080", settings(func(s *health.Settings) {
			s.InitialStatus = api.HealthPassing
		}), api.AgentServiceCheck{
			CheckID: "web.tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080", Status: "passing",
			Interval: "10s", Timeout: "2s", FailuresBeforeCritical: 3,
		}},
		{"critical until the first probe", "web", "192.0.2.7:30080", settings(func(s *health.Settings) {
			s.InitialStatus = api.HealthCritical
		}), api.AgentServiceCheck{
			CheckID: "web.tcp", Name: "NodePort", Notes: notes, TCP: "192.0.2.7:30080", Status: "critical",
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

// TestCheckInJSON has golden values, since fingerprints are made of it: all fields of the
// request that we use, in their order.
func TestCheckInJSON(t *testing.T) {
	settings := health.Settings{
		Interval: 10 * time.Second, Timeout: 2 * time.Second,
		FailuresBeforeCritical: 3, FailuresBeforeWarning: 2, SuccessBeforePassing: 1, InitialStatus: api.HealthCritical,
	}
	target := netip.MustParseAddrPort("192.0.2.7:30080")
	for want, check := range map[string]*health.Check{
		`{"CheckID":"web.tcp","Name":"NodePort","Interval":"10s","Timeout":"2s","TCP":"192.0.2.7:30080","Status":"critical",` +
			`"Notes":"TCP connect to 192.0.2.7:30080 every 10s, timeout 2s",` +
			`"SuccessBeforePassing":1,"FailuresBeforeWarning":2,"FailuresBeforeCritical":3}`: settings.TCP("web", target),
		`{"CheckID":"web.http","Name":"NodePort","Interval":"10s","Timeout":"2s","HTTP":"https://192.0.2.7:30080/ok?a\u0026b",` +
			`"Header":{"Host":["web.example.com"]},"Status":"critical",` +
			`"Notes":"GET https://192.0.2.7:30080/ok?a\u0026b for web.example.com every 10s, timeout 2s","TLSServerName":"web.example.com",` +
			`"SuccessBeforePassing":1,"FailuresBeforeWarning":2,"FailuresBeforeCritical":3}`: settings.HTTP("web", target, health.HTTP{TLS: true, Path: "/ok?a&b", Host: "web.example.com"}),
		`{"CheckID":"web.http","Name":"NodePort","Interval":"10s","Timeout":"2s","HTTP":"https://192.0.2.7:30080/","Status":"critical",` +
			`"Notes":"GET https://192.0.2.7:30080/ every 10s, timeout 2s","TLSSkipVerify":true,` +
			`"SuccessBeforePassing":1,"FailuresBeforeWarning":2,"FailuresBeforeCritical":3}`: settings.HTTP("web", target, health.HTTP{TLS: true, Path: "/"}),
		`{"CheckID":"web.grpc","Name":"NodePort","Interval":"10s","Timeout":"2s","Status":"critical",` +
			`"Notes":"gRPC health of 192.0.2.7:30080/web.v1 every 10s, timeout 2s (token t) (#n)","GRPC":"192.0.2.7:30080/web.v1",` +
			`"SuccessBeforePassing":1,"FailuresBeforeWarning":2,"FailuresBeforeCritical":3}`: settings.GRPC("web", target, "web.v1").Noted("token t").Noted("#n"),
	} {
		got, err := json.Marshal(check)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestHasID holds it against the ID.
func TestHasID(t *testing.T) {
	check := health.Settings{}.TCP("web", netip.MustParseAddrPort("192.0.2.7:1"))
	for _, id := range []string{"web.tcp", "web", "web.http", "web.tcp.tcp", "web.tcpx", "xweb.tcp", "tcp", ""} {
		if got, want := check.HasID(id), check.ID() == id; got != want {
			t.Errorf("%q: got %v, want %v", id, got, want)
		}
	}
}

// TestNotedIsAnother check, and the first stays as it was.
func TestNotedIsAnother(t *testing.T) {
	check := health.Settings{Interval: time.Second, Timeout: time.Second}.TCP("web", netip.MustParseAddrPort("192.0.2.7:1"))
	const notes = "TCP connect to 192.0.2.7:1 every 1s, timeout 1s"
	noted := check.Noted("a")
	if check.Notes() != notes || noted.Notes() != notes+" (a)" {
		t.Errorf("%q, noted %q", check.Notes(), noted.Notes())
	}
}
