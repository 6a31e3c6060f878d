package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// samples is how many changes are measured: 200 make the 99th percentile more than luck.
const samples = 200

// BenchmarkLatency measures one change in a tree that is otherwise at rest: from the
// moment when the KV write is sent to the moment when a reader that waits at the
// servers' catalog has it. Trees have values of about 2 KB; 2768 is what a cluster can
// have NodePorts. All ports are open and checked, with the interval that the reference
// configuration recommends for so many. It also reports how long the first registration
// of everything took, the daemon's own processor time for each change, whatever else it
// did meanwhile included, and its memory.
//
//	go test -run '^$' -bench Latency -timeout 30m ./e2e
func BenchmarkLatency(b *testing.B) {
	program, err := build(filepath.Join(b.TempDir(), "k8s-registrar"), "-trimpath", "-ldflags=-s -w")
	must(b, err)
	for _, services := range []int{20, 500, 2768} {
		b.Run(fmt.Sprintf("services=%d", services), func(b *testing.B) {
			r := onOwnCluster(b, "latency", consulproc.Options{})
			r.program = program
			cold := r.announceAll(services)
			before := r.cpu()
			for b.Loop() {
				r.measure(b, services)
			}
			b.ReportMetric(cold.Seconds(), "s-all-new")
			b.ReportMetric((r.cpu()-before).Seconds()*1000/samples, "ms-cpu/change")
			r.reportMemory(b)
			b.ReportMetric(0, "ns/op") // says nothing
		})
	}
}

// announceAll fills the tree and says how long it took the daemon to announce all of it.
func (r *rig) announceAll(services int) time.Duration {
	r.Helper()
	values := map[string]string{}
	for i := range services {
		_, closePort, err := consulproc.Listen(fmt.Sprintf("%s:%d", r.node.Address(), 30000+i))
		must(r, err)
		r.Cleanup(func() { must(r, closePort()) })
		values[r.key(bigName(i))] = bigService(i, "first")
	}
	r.putAll(values)
	interval := 10 * (1 + services/1000)
	start := time.Now()
	r.start(fmt.Sprintf("--check-interval=%ds", interval))
	for r.announced() < services {
		if time.Since(start) > 3*patience {
			r.Fatalf("%d of %d services are announced", r.announced(), services)
		}
		time.Sleep(100 * time.Millisecond)
	}
	took := time.Since(start)
	r.ready()
	return took
}

// announced returns how many services of ours are in the catalog.
func (r *rig) announced() int {
	r.Helper()
	services, err := r.catalogServices()
	must(r, err)
	return len(services)
}

// measure makes the changes and reports their percentiles.
func (r *rig) measure(b *testing.B, services int) {
	took := make([]time.Duration, 0, samples)
	for n := range samples {
		// Past every pace, and at no fixed distance from anything periodic.
		time.Sleep(200*time.Millisecond + rand.N(200*time.Millisecond))
		i := rand.N(services)
		took = append(took, r.latency(bigName(i), bigService(i, "n"+strconv.Itoa(n)), "n"+strconv.Itoa(n)))
	}
	slices.Sort(took)
	for percent, unit := range map[int]string{50: "ms-p50", 99: "ms-p99", 100: "ms-max"} {
		at := took[(samples*percent-1)/100]
		b.ReportMetric(float64(at.Microseconds())/1000, unit)
	}
}

// latency changes one service and waits for its tag in the catalog.
func (r *rig) latency(name, value, tag string) time.Duration {
	r.Helper()
	_, meta, err := r.server.Catalog().Service(name, "", r.query())
	must(r, err)
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	type sight struct {
		at  time.Time
		err error
	}
	seen := make(chan sight, 1)
	go func() {
		err := awaitTag(ctx, r.server, name, tag, meta.LastIndex)
		seen <- sight{time.Now(), err}
	}()
	pair := &api.KVPair{Key: r.key(name), Value: []byte(value)}
	start := time.Now()
	_, err = r.server.KV().Put(pair, r.write())
	must(r, err)
	s := <-seen
	must(r, s.err)
	return s.at.Sub(start)
}

// awaitTag follows a service in the catalog until it has a tag.
func awaitTag(ctx context.Context, server *api.Client, name, tag string, index uint64) error {
	for {
		query := (&api.QueryOptions{WaitIndex: index, WaitTime: patience}).WithContext(ctx)
		services, meta, err := server.Catalog().Service(name, "", query)
		if err != nil {
			return err
		}
		if len(services) == 1 && slices.Contains(services[0].ServiceTags, tag) {
			return nil
		}
		index = meta.LastIndex
	}
}

// cpu returns the processor time that the daemon has used.
func (r *rig) cpu() time.Duration {
	r.Helper()
	seconds, err := r.metric("process_cpu_seconds_total")
	must(r, err)
	return time.Duration(seconds * float64(time.Second))
}

// reportMemory reports the daemon's resident memory, now and at its highest.
func (r *rig) reportMemory(b *testing.B) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.process.PID()))
	must(r, err)
	for line := range strings.Lines(string(text)) {
		var kb float64
		name, value, _ := strings.Cut(line, ":")
		if name == "VmHWM" || name == "VmRSS" {
			_, err := fmt.Sscanf(value, "%f kB", &kb)
			must(r, err)
			b.ReportMetric(kb/1024, "MB-"+name)
		}
	}
}

func bigName(i int) string { return fmt.Sprintf("service-%04d", i) }

// bigService is a value of about 2 KB, as those of current API servers are.
func bigService(i int, tag string) string {
	fields := strings.Repeat(`{"f:spec": {"f:ports": {}, "f:selector": {}, "f:type": {}}}, `, 25)
	more := fmt.Sprintf(`"metadata": {"managedFields": [%s{}], `, fields)
	return strings.Replace(service("shop", bigName(i), 30000+i, tag+",kubernetes"), `"metadata": {`, more, 1)
}
