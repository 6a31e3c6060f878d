package agent

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// manager is a service manager's end of the socket.
type manager struct {
	testing.TB
	conn *net.UnixConn
	log  *logBuffer
}

func listenAsManager(t *testing.T) manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return manager{t, conn, &logBuffer{}}
}

// hear returns the next message that has the text.
func (m manager) hear(text string) []string {
	m.Helper()
	buffer := make([]byte, 4096)
	if err := m.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		m.Fatal(err)
	}
	for {
		n, err := m.conn.Read(buffer)
		if err != nil {
			m.Fatalf("waiting for %s: %v: %s", text, err, m.log)
		}
		if strings.Contains(string(buffer[:n]), text) {
			return strings.Split(string(buffer[:n]), "\n")
		}
	}
}

// The whole life of a daemon as a service manager sees it.
func TestNotify(t *testing.T) {
	m := listenAsManager(t)
	t.Setenv("WATCHDOG_USEC", "30000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	c := consultest.New()
	c.SetKV(service("shop", "cart", 30080, ""))
	c.Down() // it is ready all the same
	cfg := config.Default()
	cfg.Telemetry.Listen = "127.0.0.1:0"
	cfg.Check.InitialStatus = "passing"
	log := m.log
	agent := New(cfg, Consul{Client: c.ClientWithToken(""), Token: NewToken("")}, newLogger(log), prometheus.NewPedanticRegistry())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()

	first := m.hear("")
	if len(first) != 3 || first[0] != "READY=1" || !strings.HasPrefix(first[2], "STATUS=not ready: the tree ") {
		t.Errorf("first message: %q", first)
	}
	if !strings.Contains(log.String(), "telemetry is served") {
		t.Error("it said to be ready before the listener was bound")
	}
	c.Up()
	m.hear("STATUS=1 service announced")
	for range 3 {
		m.hear("WATCHDOG=1") // without anything else to do
	}
	agent.notifier.reloading()
	if got := m.hear("RELOADING=1"); len(got) != 2 || !strings.HasPrefix(got[1], "MONOTONIC_USEC=") {
		t.Errorf("reloading: %q", got)
	}
	agent.board.configured(errors.New("line 3"))
	agent.notifier.reloaded()
	if got := m.hear("READY=1"); len(got) != 2 || !strings.HasPrefix(got[1], "STATUS=the new configuration is refused; ") {
		t.Errorf("reloaded: %q", got)
	}
	stop()
	m.hear("STOPPING=1")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestWatchdogNeedsTheLoop: the beats stop when the loop hangs, whatever else runs.
func TestWatchdogNeedsTheLoop(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "3000000") // 3 s
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(service("shop", "cart", 30080, ""))
		r := start(t, c)
		r.after(5 * time.Second)
		beats := r.agent.board.beats
		beating := func() bool {
			select {
			case <-beats:
				return true
			default:
				return false
			}
		}
		for range 3 {
			beating() // what was there before does not count
			if r.after(2 * time.Second); !beating() {
				t.Error("the loop turns and does not say so")
			}
		}
		c.Fault(consultest.On("GET", "/v1/agent/checks", consultest.Fault{Delay: time.Hour}))
		c.SetKV(service("shop", "web", 30081, ""))
		r.after(2 * time.Second) // it hangs now, for as long as a read may take
		beating()
		if r.after(5 * time.Second); beating() {
			t.Error("it beats while the loop hangs")
		}
	})
}

// TestPulseHidesNoNews: whatever wakes the loop, what is new of the tree leads to a pass.
func TestPulseHidesNoNews(t *testing.T) {
	pulse, look := make(chan time.Time, 1), make(chan time.Time, 1)
	l := &loop{board: newBoard(config.Default()), snapshots: newNews[Snapshot](), pulse: pulse, look: look}
	for range 200 { // a select among many is a matter of luck
		l.snapshots.put(Snapshot{})
		for _, timer := range []chan time.Time{pulse, look} {
			select {
			case timer <- time.Time{}:
			default:
			}
		}
		l.look = look
		if why := l.await(t.Context()); why != callNews {
			t.Fatalf("it woke for %d, and the news are gone", why)
		}
	}
}

// TestNotifierHasNoTimer: it tries to send when the loop beats, and never else.
func TestNotifierHasNoTimer(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nowhere"))
	t.Setenv("WATCHDOG_USEC", "3000000")
	synctest.Test(t, func(t *testing.T) {
		log := &logBuffer{}
		n := newNotifier(newBoard(config.Default()), newLogger(log))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go n.run(ctx) //nolint:errcheck // it returns none
		time.Sleep(time.Hour)
		synctest.Wait()
		if log.String() != "" {
			t.Errorf("without a beat it said %s", log)
		}
		n.beats.put(struct{}{})
		synctest.Wait()
		if log.count("cannot be told") != 1 {
			t.Errorf("with a beat it said %q", log)
		}
	})
}

// TestTheLastStatusIsTheNewest: the loop beats while the configuration is read again, and what
// each makes of it is told in the order in which it was true.
func TestTheLastStatusIsTheNewest(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nowhere"))
	synctest.Test(t, func(t *testing.T) {
		n := newNotifier(newBoard(config.Default()), newLogger(&logBuffer{}))
		told, sending, sent := "", make(chan struct{}, 1), make(chan struct{})
		n.send = func(message string) error {
			select {
			case sending <- struct{}{}: // the first one takes long
				<-sent
			default:
			}
			told = message
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go n.run(ctx) //nolint:errcheck // it returns none
		n.beats.put(struct{}{})
		synctest.Wait() // a status is made, and not told yet
		n.board.configured(errors.New("line 3"))
		go n.reloaded()
		synctest.Wait()
		if told != "" {
			t.Errorf("told before what came first: %q", told)
		}
		close(sent)
		synctest.Wait()
		if !strings.Contains(told, "the new configuration is refused") {
			t.Errorf("the last that was told: %q", told)
		}
		n.turn <- struct{}{}
		n.beats.put(struct{}{})
		synctest.Wait() // it waits for its turn
		n.board.configured(nil)
		<-n.turn
		synctest.Wait()
		if !strings.Contains(told, "STATUS=") || strings.Contains(told, "refused") {
			t.Errorf("told as it was before its turn: %q", told)
		}
	})
}

func TestNobodyAsked(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	log := &logBuffer{}
	n := newNotifier(newBoard(config.Default()), newLogger(log))
	if err := n.run(t.Context()); err != nil {
		t.Error(err)
	}
	n.reloading()
	n.reloaded()
	if log.String() != "" {
		t.Errorf("it said %s", log)
	}
}

func TestSentence(t *testing.T) {
	compared := ReconcileStatus{Last: time.Now()}
	passing, critical := ServiceStatus{Check: "passing"}, ServiceStatus{Check: "critical"}
	for _, tt := range []struct {
		status Status
		want   string
	}{
		{Status{NotReady: []string{"a", "b"}}, "not ready: a; b"},
		{Status{Ready: true, Reconcile: compared}, "0 services announced"},
		{Status{Ready: true, Reconcile: compared, Desired: 1, Services: []ServiceStatus{passing}}, "1 service announced, all passing"},
		{Status{Ready: true, Reconcile: compared, Desired: 9, Services: []ServiceStatus{passing, critical, {}}}, "3 services announced of 9, 1 passing, 1 critical"},
		{Status{Ready: true, Reconcile: compared, Desired: 9, Backlog: 6, Services: make([]ServiceStatus, 3)}, "6 changes to go; 3 services announced of 9"},
		{Status{Ready: true, Reconcile: compared, Desired: 1, Backlog: 1, Services: []ServiceStatus{passing}}, "1 change to go; 1 service announced, all passing"},
		{
			Status{
				Ready: true, Reconcile: compared, Problems: make([]ProblemStatus, 2), Waiting: []Waiting{{Keys: []string{"a"}}},
				Config: ConfigStatus{Error: "x"}, Token: TokenStatus{Error: "x"},
			},
			"1 removal waiting for k8s-registrar approve; 2 problems; the new configuration is refused; the new token is not used; 0 services announced",
		},
		{Status{Ready: true, Reconcile: compared, Problems: []ProblemStatus{{}, {Warning: true}, {Warning: true}}}, "1 problem; 2 warnings; 0 services announced"},
	} {
		if got := tt.status.Sentence(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
