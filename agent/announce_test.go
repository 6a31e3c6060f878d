package agent

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

const selfID = "k8s-registrar_default"

// newAnnouncer returns one that runs in a bubble until the test ends.
func newAnnouncer(t *testing.T, c *consultest.Consul, listen string, text *logBuffer) *announcer {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	log := newLogger(text)
	a := &announcer{
		local: register.NewLocal(c.Client(), register.Owner{Instance: "default"}), token: func() bool { return false },
		address: address, config: config.Default(), configs: newNews[config.Config](), tokens: newNews[struct{}](), marks: newNews[bool](),
		voice: newVoice(log, "announcing"), log: log,
	}
	a.config.Telemetry.Announce = "k8s-registrar"
	go a.run(t.Context()) //nolint:errcheck // it returns none
	return a
}

// TestDaemonIsAnnounced, put right when somebody takes it away, and withdrawn when the
// operator does not want it any more.
func TestDaemonIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.Down() // at first
		a := newAnnouncer(t, c, ":28500", &logBuffer{})
		time.Sleep(time.Minute)
		c.Up()
		time.Sleep(time.Minute)
		if s := c.Services()[selfID]; s.Service != "k8s-registrar" || s.Address != "" || s.Port != 28500 {
			t.Errorf("the service is %+v", s)
		}
		before := len(c.Writes())
		time.Sleep(time.Hour)
		if n := len(c.Writes()) - before; n != 0 {
			t.Errorf("%d writes in an hour without a difference", n)
		}
		if err := c.Operator().Agent().ServiceDeregister(selfID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if _, there := c.Services()[selfID]; !there {
			t.Error("it is not announced again")
		}
		off := config.Default()
		a.configs.put(off)
		time.Sleep(time.Second)
		if _, there := c.Services()[selfID]; there {
			t.Error("it is announced though the configuration does not say so any more")
		}
		before = len(c.Requests())
		time.Sleep(time.Hour)
		if n := len(c.Requests()) - before; n != 0 {
			t.Errorf("%d requests in an hour for nothing", n)
		}
	})
}

// TestDaemonIsAnnouncedWhereItListens and not where it does not.
func TestDaemonIsAnnouncedWhereItListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		newAnnouncer(t, c, "127.0.0.1:1234", &logBuffer{})
		time.Sleep(time.Second)
		if s := c.Services()[selfID]; s.Address != "127.0.0.1" || s.Port != 1234 {
			t.Errorf("the service is %+v", s)
		}
	})
}

// TestDaemonOfARunBeforeIsWithdrawn when the operator does not want it any more.
func TestDaemonOfARunBeforeIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		local := register.NewLocal(c.Client(), register.Owner{Instance: "default"})
		if _, err := local.Announce(t.Context(), register.Self{Name: "k8s-registrar", Port: 1, Dial: "127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
		fill(c, 1)
		r := start(t, c)
		r.after(time.Minute).announces("s000:30000")
		r.ready(true)
	})
}

// TestAnnouncerTells of a name that is taken, but not that the agent is away.
func TestAnnouncerTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		if err := c.Operator().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: selfID, Name: "foreign"}); err != nil {
			t.Fatal(err)
		}
		c.Down()
		text := &logBuffer{}
		newAnnouncer(t, c, ":28500", text)
		time.Sleep(time.Minute)
		if text.String() != "" {
			t.Errorf("it said that the agent is away: %s", text)
		}
		c.Up()
		time.Sleep(time.Minute)
		if text.count("a service of somebody else has this ID") != 1 {
			t.Errorf("it said %q", text)
		}
	})
}
