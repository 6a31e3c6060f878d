package agent

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
)

// sharedIndex answers as Consul does for the checks of a node: only a change of this node
// wakes a query, and the index is that of the last change of any node.
type sharedIndex struct {
	index atomic.Uint64
	own   chan struct{}
}

func (s *sharedIndex) ask(_ string, options *api.QueryOptions) (uint64, error) {
	if index := s.index.Load(); index > options.WaitIndex {
		return index, nil
	}
	select {
	case <-s.own:
		return s.index.Load(), nil
	case <-time.After(options.WaitTime):
		return options.WaitIndex, nil
	case <-options.Context().Done():
		return 0, options.Context().Err()
	}
}

// What changes on other nodes is none of this node's business.
func TestDoorbellIsDeafToOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		checks := &sharedIndex{own: make(chan struct{})}
		checks.index.Store(10)
		ctx, cancel := context.WithCancel(t.Context())
		heard, rewound := newNews[uint64](), newNews[struct{}]()
		d := &drift{
			ask: checks.ask, shared: true, wait: 55 * time.Second,
			node: func(context.Context) (string, error) { return "node-1", nil },
			pace: newPace(),
			ring: heard.put, back: newNews[struct{}](), rewound: rewound,
			voice: newVoice(hclog.NewNullLogger(), "watching"),
		}
		go d.run(ctx) //nolint:errcheck // it returns none
		defer cancel()
		rung := func() (rings int) {
			synctest.Wait()
			select {
			case <-heard:
				return 1
			default:
				return 0
			}
		}
		time.Sleep(time.Minute)
		rung() // the first answer
		for range 3600 {
			checks.index.Add(1)
			time.Sleep(time.Second)
			if rung() > 0 {
				t.Fatal("it rings for other nodes")
			}
		}
		checks.index.Add(1)
		checks.own <- struct{}{}
		time.Sleep(bellPace)
		if rung() != 1 {
			t.Error("it does not ring for this node")
		}
		if len(rewound) > 0 {
			t.Error("it says that the servers went back, and they did not")
		}
		checks.index.Store(3) // the servers went back
		time.Sleep(2 * time.Minute)
		if rung() != 1 {
			t.Error("it does not ring when the index went back")
		}
		if len(rewound) == 0 {
			t.Error("it does not say that the servers went back")
		}
	})
}
