package prometheus

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// A daemon that announces itself is found by the scrape configuration that is shipped, where
// it listens and under the name of its node.
func TestDaemonIsFound(t *testing.T) {
	cluster, err := consulproc.Start(t.Context(), consulproc.Options{Clients: 1})
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Stop()) })
	node := cluster.Clients()[0]
	daemon, err := rig.StartRegistrar(t.Context(), rig.RegistrarOptions{
		Binary: build(t), Consul: node.HTTPAddr(), Flags: []string{"--telemetry-announce=k8s-registrar"},
	})
	must(t, err)
	t.Cleanup(func() { must(t, daemon.Close()) })

	job := shipped(t, node.HTTPAddr())
	found := make(chan []*targetgroup.Group)
	go discover(t, job, found)
	for {
		select {
		case groups := <-found:
			targets := relabeled(job, groups)
			if len(targets) == 0 {
				continue // it is not announced yet
			}
			want := labels.FromStrings("__address__", daemon.Telemetry(), "__scheme__", "http", "job", "k8s-registrar", "node", node.Name())
			if len(targets) != 1 || !labels.Equal(targets[0], want) {
				t.Errorf("the targets are %v, want %v", targets, want)
			}
			return
		case <-time.After(time.Minute):
			t.Fatal("nothing is found")
		}
	}
}

// shipped is the job of scrape.yml as Prometheus reads it, with another Consul.
func shipped(t *testing.T, server string) *config.ScrapeConfig {
	t.Helper()
	text, err := os.ReadFile("../../packaging/prometheus/scrape.yml")
	must(t, err)
	const usual = "server: 127.0.0.1:8500"
	if !strings.Contains(string(text), usual) {
		t.Fatalf("scrape.yml has no %q", usual)
	}
	file, err := config.Load(strings.Replace(string(text), usual, "server: "+server, 1), slog.New(slog.NewTextHandler(io.Discard, nil)))
	must(t, err)
	if len(file.ScrapeConfigs) != 1 || len(file.ScrapeConfigs[0].ServiceDiscoveryConfigs) != 1 {
		t.Fatal("scrape.yml has not one job with one way to find targets")
	}
	return file.ScrapeConfigs[0]
}

// discover looks into Consul until the test ends.
func discover(t *testing.T, job *config.ScrapeConfig, found chan<- []*targetgroup.Group) {
	settings := job.ServiceDiscoveryConfigs[0].(*consul.SDConfig)
	registry := prometheus.NewRegistry()
	metrics := settings.NewDiscovererMetrics(registry, discovery.NewRefreshMetrics(registry))
	d, err := settings.NewDiscoverer(discovery.DiscovererOptions{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: metrics})
	if err != nil {
		t.Error(err)
		return
	}
	d.Run(t.Context(), found)
}

// relabeled are the labels that targets have after the job's own rules, as Prometheus
// drops those for itself, but for two of them.
func relabeled(job *config.ScrapeConfig, groups []*targetgroup.Group) []labels.Labels {
	var all []labels.Labels
	for _, group := range groups {
		for _, target := range group.Targets {
			b := labels.NewBuilder(labels.EmptyLabels())
			for _, set := range []model.LabelSet{{"job": model.LabelValue(job.JobName), "__scheme__": model.LabelValue(job.Scheme)}, group.Labels, target} {
				for name, value := range set {
					b.Set(string(name), string(value))
				}
			}
			if !relabel.ProcessBuilder(b, job.RelabelConfigs...) {
				continue
			}
			b.Range(func(l labels.Label) {
				if strings.HasPrefix(l.Name, model.MetaLabelPrefix) {
					b.Del(l.Name)
				}
			})
			all = append(all, b.Labels())
		}
	}
	return all
}

func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "k8s-registrar")
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", path, ".")
	cmd.Dir = "../.."
	if printed, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
