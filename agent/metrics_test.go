package agent

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func TestMetricsAreWellFormed(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	newMetrics(registry)
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// Dashboards and alerts depend on these names.
func TestMetricsNames(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	newMetrics(registry).step(register.Outcome{Step: &register.Step{Action: register.Add}})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		got = append(got, strings.TrimPrefix(f.GetName(), "k8s_registrar_"))
	}
	want := []string{
		"approvals_total", "backlog_changes", "catalog_diverging_services", "change_duration_seconds", "changes_total",
		"config_last_reload_success_timestamp_seconds", "config_last_reload_successful",
		"deferred_changes", "desired_services", "guard_blocked", "kv_errors_total", "kv_index",
		"kv_watch_last_success_timestamp_seconds", "kv_withheld_keys",
		"last_catalog_verification_timestamp_seconds", "last_reconcile_success_timestamp_seconds", "maintenance",
		"pending_removals", "quarantined_services", "reconcile_duration_seconds", "reconcile_total",
		"registered_services",
		"spread_elsewhere_services", "spread_last_success_timestamp_seconds", "spread_leaving_services", "spread_members",
		"spread_members_known",
		"taken_ids", "tls_files_good", "token_file_good", "token_old_revocable_timestamp_seconds", "warned_services",
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// A counter that appears with its first failure cannot be alerted on.
func TestCountersExistFromTheStart(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	newMetrics(registry)
	for name, want := range map[string]int{"k8s_registrar_kv_errors_total": 7, "k8s_registrar_changes_total": 6, "k8s_registrar_reconcile_total": 2} {
		if got, err := testutil.GatherAndCount(registry, name); err != nil || got != want {
			t.Errorf("%s has %d series (%v), want %d", name, got, err, want)
		}
	}
}

func TestMetricsTellTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillTwo(c)
		r := start(t, c)
		r.after(5 * time.Second)
		removeGone(c)
		c.SetKV("kubernetes/deployments/shop/s001", "not json")
		r.after(5 * time.Second)
		want := `
# HELP k8s_registrar_desired_services Services that this node should announce.
# TYPE k8s_registrar_desired_services gauge
k8s_registrar_desired_services 20
# HELP k8s_registrar_guard_blocked 1 while removals wait for a human.
# TYPE k8s_registrar_guard_blocked gauge
k8s_registrar_guard_blocked 1
# HELP k8s_registrar_pending_removals Keys whose services are announced until a human approves their removal.
# TYPE k8s_registrar_pending_removals gauge
k8s_registrar_pending_removals 20
# HELP k8s_registrar_quarantined_services Keys whose value cannot be announced.
# TYPE k8s_registrar_quarantined_services gauge
k8s_registrar_quarantined_services 1
# HELP k8s_registrar_registered_services Services of ours on the local agent as of the last comparison, by the status of their checks.
# TYPE k8s_registrar_registered_services gauge
k8s_registrar_registered_services{status="critical"} 0
k8s_registrar_registered_services{status="maintenance"} 0
k8s_registrar_registered_services{status="passing"} 40
k8s_registrar_registered_services{status="warning"} 0
`
		err := testutil.GatherAndCompare(r.agent.registry, strings.NewReader(want),
			"k8s_registrar_desired_services", "k8s_registrar_guard_blocked", "k8s_registrar_pending_removals",
			"k8s_registrar_quarantined_services", "k8s_registrar_registered_services")
		if err != nil {
			t.Error(err)
		}
	})
}

func TestVoiceIsDamped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logBuffer{}
		v := newVoice(newLogger(log), "it")
		for range 3600 {
			v.failed(errors.New("away"))
			time.Sleep(time.Second)
		}
		v.recovered()
		v.recovered()
		if w, e, i := log.count("[WARN]"), log.count("[ERROR]"), log.count("[INFO]"); w != 1 || e != 12 || i != 1 {
			t.Errorf("an hour of failures: %d warnings, %d errors, %d recoveries; want 1, 12, 1", w, e, i)
		}
	})
}
