package agent

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// mendedWithin is how long a hundred services may be missing after a restore: the doorbells
// say within a second that the servers went back, the first look is in the next two, and two
// more follow.
const mendedWithin = time.Second + 3*rewoundPause + time.Second

// catalogHolds checks how many services the servers hold.
func (r *rig) catalogHolds(want int) {
	r.Helper()
	if got := len(r.consul.CatalogServices()); got != want {
		r.Errorf("%d services in the catalog, want %d", got, want)
	}
}

// settled runs an agent until it has nothing to do any more. The snapshot has its tree, and
// nothing of what it has registered.
func settled(t *testing.T, c *consultest.Consul, services int) (*rig, *consultest.Snapshot) {
	t.Helper()
	fill(c, services)
	old := c.Snapshot()
	return start(t, c).after(10 * time.Minute), old
}

// What the servers lack after a restore is sent again soon, whatever became of the tree.
func TestRestoredCatalogIsMendedSoon(t *testing.T) {
	for what, restore := range map[string]func(t *testing.T, c *consultest.Consul) (*rig, *consultest.Snapshot){
		"keys are lost": func(t *testing.T, c *consultest.Consul) (*rig, *consultest.Snapshot) {
			fill(c, 2)
			r := start(t, c)
			r.after(time.Minute)
			old := c.Snapshot()
			fill(c, 102)
			return r, old
		},
		"the tree is the same": func(t *testing.T, c *consultest.Consul) (*rig, *consultest.Snapshot) {
			fill(c, 102)
			old := c.Snapshot()
			return start(t, c), old
		},
		"a value is older, which is sent before anybody looks": func(t *testing.T, c *consultest.Consul) (*rig, *consultest.Snapshot) {
			fill(c, 102)
			old := c.Snapshot()
			r := start(t, c)
			r.after(time.Minute)
			c.SetKV(service("shop", "s000", 31000, ""))
			return r, old
		},
	} {
		t.Run(what, func(t *testing.T) {
			eachWay(t, func(t *testing.T, c *consultest.Consul) {
				r, old := restore(t, c)
				r.after(10 * time.Minute) // nothing else is about to happen
				requests := len(c.Requests())
				c.Restore(old)
				r.after(mendedWithin)
				r.catalogHolds(102)
				r.after(rewoundFor)
				if catalog, _ := r.wholeLooks(requests); catalog > 12 {
					t.Errorf("the whole catalog was asked for %d times in a minute", catalog)
				}
				writes := len(c.Writes())
				r.after(10 * time.Minute).catalogHolds(102)
				if got := len(c.Writes()) - writes; got > 0 {
					t.Errorf("%d writes after the repair", got)
				}
			})
		})
	}
}

// While things change all the time nobody listens to the doorbells for a while after each ring,
// and the tree tells.
func TestRestoreIsMendedSoonWhileThingsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startLarge(t)
		old := c.Snapshot()
		fill(c, 100)
		r.stir(700*time.Millisecond, 2*time.Minute, func() {})
		c.Restore(old)
		r.after(mendedWithin).catalogHolds(100)
	})
}

// Nor does what a change of ours makes ring put off the look, where a look takes long.
func TestRestoreAfterAChangeIsMendedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.Fault(slowestLook)
		r, old := settled(t, c, 50)
		c.SetKV(service("shop", "s000", 31000, ""))
		r.after(3 * bellPace) // the doorbells wait again
		c.Restore(old)
		r.after(mendedWithin).catalogHolds(50)
	})
}

// Without patience a follower that lags is not taken at its word: the leader is asked, and no
// longer than that.
func TestTheLeaderIsAskedAfterARestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		r, old := settled(t, c, 50)
		c.Restore(old)
		askedLeader := func(within time.Duration) (leader, follower int) {
			requests := len(c.Requests())
			r.after(within)
			for _, request := range c.Requests()[requests:] {
				switch {
				case !strings.HasPrefix(request.Path, "/v1/catalog/node-services/") || request.Query.Has("filter"):
				case request.Query.Has("stale"):
					follower++
				default:
					leader++
				}
			}
			return leader, follower
		}
		if leader, follower := askedLeader(mendedWithin); leader == 0 || follower > 0 {
			t.Errorf("after a restore the leader was asked %d times for everything, and followers %d times", leader, follower)
		}
		r.after(rewoundFor)
		if leader, follower := askedLeader(10 * time.Minute); leader > 0 || follower == 0 {
			t.Errorf("later the leader was asked %d times for everything, and followers %d times", leader, follower)
		}
	})
}

// Whether something had arrived before tells nothing of a limit now.
func TestWhatWasSentBeforeARestoreIsNoLimit(t *testing.T) {
	now := time.Now()
	v := verifier{resent: []register.ID{"a"}, diverging: map[register.ID]*divergence{"a": {since: now, resent: now}}}
	v.rewound(now)
	v.pace()
	if !v.rewind.lasts(now) || v.resends < rewoundResends {
		t.Errorf("haste is over, with %d to be sent at once", v.resends)
	}
}

// What was sent again may be lost again.
func TestSecondRestoreIsMendedSoon(t *testing.T) {
	eachWay(t, func(t *testing.T, c *consultest.Consul) {
		r, old := settled(t, c, 10)
		for range 2 {
			c.Restore(old)
			r.after(mendedWithin).catalogHolds(10)
		}
	})
}

// Where a limit of Consul's keeps what is sent from arriving, haste would make it worse.
func TestNoHasteAgainstALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		r, old := settled(t, c, 102)
		writes := len(c.Writes())
		c.Fault(consultest.On(http.MethodPut, "/v1/agent/service/register", consultest.Fault{NoCatalog: true}))
		c.Restore(old)
		r.after(rewoundFor)
		const most = rewoundResends + rewoundResends/2 + rewoundResends/4 + 4*minResends
		if got := len(c.Writes()) - writes; got < rewoundResends || got > most {
			t.Errorf("%d writes in a minute, want %d to %d", got, rewoundResends, most)
		}
		c.Fault(nil)
		r.after(2 * time.Minute).catalogHolds(102)
	})
}

// A server that stops lets go of all queries, and is not taken for one that went back.
func TestAServerThatStopsDidNotGoBack(t *testing.T) {
	hear := func(e ear, indexes []uint64) (back bool) {
		for _, index := range indexes {
			e.hear(index, true)
			back = back || e.back
		}
		return back
	}
	for _, tt := range []struct {
		what         string
		indexes      []uint64
		back, shared bool
	}{
		{"it begins", []uint64{70}, false, false},
		{"changes", []uint64{70, 71, 75, 80}, false, false},
		{"a server stops", []uint64{70, 70, 70, 70}, false, false},
		{"a server stops, and there is a change", []uint64{70, 70, 70, 75}, false, false},
		{"a restore", []uint64{70, 70, 20}, true, true},
		{"a restore, and a change at once", []uint64{70, 70, 79}, true, false},
		{"the index fell, unheard", []uint64{70, 20}, true, true},
	} {
		if back := hear(ear{}, tt.indexes); back != tt.back {
			t.Errorf("%s: back = %v", tt.what, back)
		}
		if back := hear(ear{shared: true}, tt.indexes); back != tt.shared {
			t.Errorf("%s, and the index is that of all nodes: back = %v", tt.what, back)
		}
	}
}

// A restore reaches all nodes at once. They do not look and send at once because of it.
func TestNodesMendApart(t *testing.T) {
	now := time.Now()
	var early int
	for range 1000 {
		var r rewind
		r.begin(now)
		if r.wait(now, time.Hour) < rewoundPause/2 {
			early++
		}
		if r.begin(now); r.wait(now, time.Hour) > rewoundPause {
			t.Fatal("the second sign of the same restore puts the look off")
		}
		if !r.due(now.Add(rewoundPause)) || r.due(now.Add(rewoundFor)) {
			t.Fatal("it is not to look then, or for ever")
		}
	}
	if early < 400 || early > 600 {
		t.Errorf("%d of a thousand nodes look in the first half of the time", early)
	}
}

// The doorbell on the others hears that the servers went back, too, and goes on.
func TestDoorbellOnTheOthersOutlivesARestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		indexes := []uint64{70, 70, 80, 60, 60}
		ask := func(ctx context.Context, _ *api.QueryOptions) (daemons, error) {
			if len(indexes) == 0 {
				<-ctx.Done()
				return daemons{}, ctx.Err()
			}
			d := daemons{meta: &api.QueryMeta{LastIndex: indexes[0]}}
			indexes = indexes[1:]
			return d, nil
		}
		a := &Agent{log: hclog.NewNullLogger()}
		a.config.Watch.Wait = time.Minute
		bell, ended := a.bell(newNews[daemons](), ask), make(chan error)
		go func() { ended <- bell.run(ctx) }()
		time.Sleep(time.Hour)
		stop()
		if err := <-ended; err != nil || len(indexes) > 0 {
			t.Errorf("it stopped before the indexes %v: %v", indexes, err)
		}
	})
}

// What was not sent, as there was something more urgent, is sent at the next look.
func TestWhatWasNotSentIsSentSoon(t *testing.T) {
	now := time.Now()
	v := verifier{resent: []register.ID{"a", "b", "c"}, diverging: map[register.ID]*divergence{}}
	again := map[register.ID]string{}
	for _, id := range v.resent {
		v.diverging[id] = &divergence{since: now, resent: now, resends: 1}
		again[id] = "it is not in the catalog"
	}
	v.rewound(now.Add(-rewoundPause))
	v.resent = []register.ID{"a", "b", "c"}
	for _, d := range v.diverging {
		d.resent = now
	}
	outcome := func(id register.ID, err error) register.Outcome {
		return register.Outcome{Step: &register.Step{ID: id}, Err: err}
	}
	v.sent(again, register.Report{Outcomes: []register.Outcome{outcome("a", nil), outcome("b", register.ErrPostponed)}})
	v.diverging["a"].over = now
	v.pace()
	for id, want := range map[register.ID]bool{"a": false, "b": true, "c": true} { // c was cut off
		if got := v.ripe(v.diverging[id], now); got != want {
			t.Errorf("%s is sent again: %v, want %v", id, got, want)
		}
	}
}
