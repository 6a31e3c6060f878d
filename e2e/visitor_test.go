package e2e

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// visitor is a load balancer: it follows the healthy instances of services on one node in
// the servers' catalog, and opens a connection to each that it is told of.
type visitor struct {
	sync.Mutex
	faults []string
	looks  int
	visits int
}

// visit follows the services until the test ends or the visitor is stopped; stop returns
// what went wrong. It begins when they are there: a new node passes for nobody before
// gossip knows it.
func (r *rig) visit(names ...string) (stop func() *visitor) {
	r.Helper()
	for _, name := range names {
		eventually(r, func() error {
			query := (&api.QueryOptions{Filter: fmt.Sprintf("Node.Node == %q", r.node.Name())}).WithContext(r.Context())
			instances, _, err := r.server.Health().Service(name, "", true, query)
			if err == nil && len(instances) == 0 {
				err = fmt.Errorf("%s has no passing instance", name)
			}
			return err
		})
	}
	ctx, cancel := context.WithCancel(r.Context())
	v := &visitor{}
	var all sync.WaitGroup
	for _, name := range names {
		all.Go(func() { v.follow(ctx, r, name) })
	}
	stop = sync.OnceValue(func() *visitor {
		cancel()
		all.Wait()
		return v
	})
	r.Cleanup(func() { stop() })
	return stop
}

// follow sees each state of the catalog that lasts, and looks again when nothing happens:
// a port may die without a word of the catalog.
func (v *visitor) follow(ctx context.Context, r *rig, name string) {
	var index uint64
	for ctx.Err() == nil {
		query := (&api.QueryOptions{WaitIndex: index, WaitTime: 200 * time.Millisecond, Filter: fmt.Sprintf("Node.Node == %q", r.node.Name())}).WithContext(ctx)
		instances, meta, err := r.server.Health().Service(name, "", true, query)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			v.fault("%s: %v", name, err)
			continue
		}
		index = meta.LastIndex
		v.call(name, instances)
	}
}

func (v *visitor) call(name string, instances []*api.ServiceEntry) {
	v.Lock()
	v.looks++
	v.Unlock()
	if len(instances) == 0 {
		v.fault("%s: no passing instance", name)
	}
	for _, instance := range instances {
		host := instance.Service.Address
		if host == "" {
			host = instance.Node.Address
		}
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, strconv.Itoa(instance.Service.Port)), 5*time.Second)
		if err != nil {
			v.fault("%s: %v", name, err)
			continue
		}
		_ = conn.Close()
		v.Lock()
		v.visits++
		v.Unlock()
	}
}

func (v *visitor) fault(format string, args ...any) {
	v.Lock()
	defer v.Unlock()
	v.faults = append(v.faults, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// content fails the test unless everything was always there.
func (v *visitor) content(t testing.TB) {
	t.Helper()
	v.Lock()
	defer v.Unlock()
	t.Logf("%d looks at the catalog, %d connections, %d faults", v.looks, v.visits, len(v.faults))
	if v.visits == 0 {
		t.Error("the visitor has seen nothing")
	}
	for _, fault := range v.faults[:min(len(v.faults), 10)] {
		t.Error(fault)
	}
}

// listen opens ports on the node, as kube-proxy does.
func (r *rig) listen(ports ...int) {
	r.Helper()
	for _, port := range ports {
		listener, err := net.Listen("tcp", net.JoinHostPort(r.node.Address(), strconv.Itoa(port)))
		must(r, err)
		r.Cleanup(func() { _ = listener.Close() })
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_ = conn.Close()
			}
		}()
	}
}
