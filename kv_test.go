package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

const treePrefix = "kubernetes/deployments/"

// event is what kubectl prints of a Service of the namespace shop.
func event(kind, name string) string {
	const text = `{"type": %q, "object": {"kind": "Service", "metadata": {"name": %q, "namespace": "shop"},
		"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}}}`
	return fmt.Sprintf(text, kind, name)
}

// watching is an import that follows a watch, in a bubble of its own.
type watching struct {
	*testing.T
	consul  *consultest.Consul
	kubectl *io.PipeWriter
	stop    context.CancelFunc
	ended   chan error
	out     strings.Builder
}

func startWatching(t *testing.T, budget kvtree.Budget) *watching {
	w := &watching{T: t, consul: consultest.New(), ended: make(chan error, 1)}
	input, kubectl := io.Pipe()
	w.kubectl = kubectl
	i := &importer{
		tree:    tree{kvtree.NewStore(w.consul.Client(), treePrefix), treePrefix},
		reader:  agent.ReaderOf(config.Default()),
		options: kvtree.Options{Types: []string{"NodePort"}, Prune: kvtree.PruneDeleted, Budget: budget},
		out:     &w.out, errs: &w.out, follows: true,
	}
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	go func() { w.ended <- i.watch(ctx, input) }()
	return w
}

// says lets kubectl print events at once, and waits until they are dealt with.
func (w *watching) says(events ...string) {
	w.Helper()
	if _, err := io.WriteString(w.kubectl, strings.Join(events, "\n")); err != nil {
		w.Fatal(err)
	}
	time.Sleep(time.Second)
	synctest.Wait()
}

func (w *watching) holds(want ...string) {
	w.Helper()
	pairs, _, err := w.consul.Operator().KV().List(treePrefix, nil)
	if err != nil {
		w.Fatal(err)
	}
	var got []string
	for _, p := range pairs {
		got = append(got, strings.TrimPrefix(p.Key, treePrefix+"shop/"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("(-want +got):\n%s\n%s", diff, w.out.String())
	}
}

// What a watch begins with is written together, and what it says later at once.
func TestWatchWritesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWatching(t, kvtree.Budget{})
		w.says(event("ADDED", "a"), event("ADDED", "b"), event("ADDED", "c"))
		w.holds("a", "b", "c")
		if n := len(w.consul.Writes()); n != 1 {
			t.Errorf("%d writes, want 1", n)
		}
		time.Sleep(time.Hour)
		w.says(event("ADDED", "d"), event("MODIFIED", "a"))
		w.holds("a", "b", "c", "d")
		w.kubectl.Close()
		if err := <-w.ended; err != nil {
			t.Error(err)
		}
	})
}

// The removals of ten minutes count together.
func TestWatchHasABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWatching(t, kvtree.Budget{Min: 1})
		w.says(event("ADDED", "a"), event("ADDED", "b"), event("ADDED", "c"))
		w.says(event("DELETED", "a"))
		w.holds("b", "c")
		time.Sleep(removalWindow - 3*time.Second)
		w.says(event("DELETED", "b"))
		w.holds("b", "c")
		if !strings.Contains(w.out.String(), "error: 1 removal held") {
			t.Errorf("said %s", w.out.String())
		}
		time.Sleep(3 * time.Second)
		w.says(event("DELETED", "b"))
		w.holds("c")
		w.kubectl.Close()
		if err := <-w.ended; err != nil {
			t.Errorf("the end of the stream is an error: %v", err)
		}
	})
}

// A signal ends it, although kubectl does not.
func TestWatchIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWatching(t, kvtree.Budget{})
		w.says(event("ADDED", "a"))
		w.stop()
		synctest.Wait()
		select {
		case err := <-w.ended:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("it goes on")
		}
		w.kubectl.Close()
	})
}

// A watch that breaks off in the middle of an event is no watch that ended.
func TestWatchIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWatching(t, kvtree.Budget{})
		w.says(event("ADDED", "a"), event("ADDED", "b")[:20])
		w.holds("a")
		w.kubectl.Close()
		if err := <-w.ended; err == nil || !strings.Contains(err.Error(), "read document 2: unexpected EOF") {
			t.Errorf("got %v", err)
		}
	})
}

// To wait does not help against missing rights.
func TestTreeErrorsHaveCodes(t *testing.T) {
	for err, want := range map[error]int{
		kvtree.ErrUnknown:                exitRuntime,
		errors.New("connection refused"): exitUnreachable,
	} {
		if coded, _ := errors.AsType[codedError](errTree(fmt.Errorf("read: %w", err))); coded.code != want {
			t.Errorf("%v has %d, want %d", err, coded.code, want)
		}
	}
}
