package agent

import (
	"github.com/hashicorp/consul/api"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/k8s-registrar/k8s-registrar/register"
)

const namespace = "k8s_registrar"

// metrics are all that is counted. No label has more values than this file or
// retry.go lists.
type metrics struct {
	watchSuccess   prometheus.Gauge
	watchIndex     prometheus.Gauge
	watchErrors    *prometheus.CounterVec
	withheld       prometheus.Gauge
	desired        prometheus.Gauge
	registered     *prometheus.GaugeVec
	maintenance    prometheus.Gauge
	quarantined    prometheus.Gauge
	warned         prometheus.Gauge
	taken          prometheus.Gauge
	reconciles     *prometheus.CounterVec
	reconcileTime  prometheus.Histogram
	reconcileLast  prometheus.Gauge
	changes        *prometheus.CounterVec
	changeTime     *prometheus.HistogramVec
	backlog        prometheus.Gauge
	deferred       prometheus.Gauge
	guardBlocked   prometheus.Gauge
	pendingRemoval prometheus.Gauge
	approvals      prometheus.Counter
	diverging      prometheus.Gauge
	verifiedLast   prometheus.Gauge
	tokenGood      prometheus.Gauge
	tokenProven    prometheus.Gauge
	filesGood      prometheus.Gauge
	configGood     prometheus.Gauge
	configLast     prometheus.Gauge
	members        prometheus.Gauge
	membersKnown   prometheus.Gauge
	membersSeen    prometheus.Gauge
	elsewhere      prometheus.Gauge
	leaving        prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) *metrics {
	f := promauto.With(registry)
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return f.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	}
	m := &metrics{
		watchSuccess:   gauge("kv_watch_last_success_timestamp_seconds", "When Consul last answered a question for the tree."),
		watchIndex:     gauge("kv_index", "Consul's index of the tree as it is known."),
		watchErrors:    counter("kv_errors_total", "Answers for the tree that are not knowledge, by reason.", "reason"),
		withheld:       gauge("kv_withheld_keys", "Keys that are missing since the servers went back in time, and stay announced."),
		desired:        gauge("desired_services", "Services that this node should announce."),
		registered:     f.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: "registered_services", Help: "Services of ours on the local agent as of the last comparison, by the status of their checks."}, []string{"status"}),
		maintenance:    gauge("maintenance", "1 while k8s-registrar maintenance has taken this node out of the load balancers."),
		quarantined:    gauge("quarantined_services", "Keys whose value cannot be announced."),
		warned:         gauge("warned_services", "Keys that are announced, though something about them may not be meant."),
		taken:          gauge("taken_ids", "IDs of ours that a service of somebody else has."),
		reconciles:     counter("reconcile_total", "Comparisons of the tree with the local agent, by result.", "result"),
		reconcileTime:  f.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: "reconcile_duration_seconds", Help: "Time of a comparison and its changes.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 10)}),
		reconcileLast:  gauge("last_reconcile_success_timestamp_seconds", "When a comparison last succeeded, its changes included."),
		changes:        counter("changes_total", "Changes sent to the local agent, by action and result.", "action", "result"),
		changeTime:     f.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: "change_duration_seconds", Help: "Time that the local agent took for a change.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}, []string{"action"}),
		backlog:        gauge("backlog_changes", "Changes that are still to be tried, of those that the last comparison asked for: one pass does not do all of many."),
		deferred:       gauge("deferred_changes", "Changes that wait because they failed, or were undone, lately."),
		guardBlocked:   gauge("guard_blocked", "1 while removals wait for a human."),
		pendingRemoval: gauge("pending_removals", "Keys whose services are announced until a human approves their removal."),
		approvals:      f.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: "approvals_total", Help: "Approvals of removals that were found and used."}),
		diverging:      gauge("catalog_diverging_services", "Services that Consul's servers hold otherwise than the local agent."),
		verifiedLast:   gauge("last_catalog_verification_timestamp_seconds", "When Consul's servers last told all they hold for this node."),
		tokenGood:      gauge("token_file_good", "1 if the token in the token file is in force, or there is no such file."),
		tokenProven:    gauge("token_old_revocable_timestamp_seconds", "When the token before the last change was seen to be of no more use."),
		filesGood:      gauge("tls_files_good", "1 if the certificates for Consul are in force as they are in their files, or there are no such files."),
		configGood:     gauge("config_last_reload_successful", "1 if the last reading of the configuration succeeded, 0 if it was refused."),
		configLast:     gauge("config_last_reload_success_timestamp_seconds", "When the configuration in force was read."),
		members:        gauge("spread_members", "Nodes among which services are shared out; 0 if they are not."),
		membersKnown:   gauge("spread_members_known", "1 if Consul's servers told which nodes those are when they were last asked, or services are not shared out."),
		membersSeen:    gauge("spread_last_success_timestamp_seconds", "When Consul's servers last told which nodes those are."),
		elsewhere:      gauge("spread_elsewhere_services", "Keys whose services only other nodes announce."),
		leaving:        gauge("spread_leaving_services", "Keys whose services other nodes should announce, and this one does until they have them passing."),
	}
	m.tokenGood.Set(1)
	m.filesGood.Set(1)
	m.membersKnown.Set(1)
	m.configured(nil)
	m.zero()
	return m
}

// zero makes every series exist from the start: an alert on a counter that appears
// with its first failure misses that failure.
func (m *metrics) zero() {
	for _, why := range []string{"acl", "no_leader", "not_kv", unreachable.String(), overloaded.String(), denied.String(), failed.String()} {
		m.watchErrors.WithLabelValues(why)
	}
	for _, result := range []string{"success", "error"} {
		m.reconciles.WithLabelValues(result)
		for _, action := range []register.Action{register.Add, register.Update, register.Remove} {
			m.changes.WithLabelValues(string(action), result)
		}
	}
	m.countRegistered(nil)
}

func result(err error) string {
	if err != nil {
		return "error"
	}
	return "success"
}

func (m *metrics) watched(before *Snapshot, err error) {
	if err != nil {
		m.watchErrors.WithLabelValues(reason(err)).Inc()
	} else {
		m.watchSuccess.SetToCurrentTime()
	}
	if before != nil {
		m.watchIndex.Set(float64(before.Index))
	}
}

func (m *metrics) step(o register.Outcome) {
	m.changes.WithLabelValues(string(o.Step.Action), result(o.Err)).Inc()
	m.changeTime.WithLabelValues(string(o.Step.Action)).Observe(o.Took.Seconds())
}

func (m *metrics) passed(pass Pass, err error) {
	m.reconciles.WithLabelValues(result(err)).Inc()
	if err == nil {
		m.reconcileLast.SetToCurrentTime()
	}
	if !pass.Compared() {
		return
	}
	m.shared(pass)
	m.withheld.Set(float64(len(pass.Belief.Withheld) + len(pass.Lost)))
	m.backlog.Set(float64(len(pass.Backlog)))
	m.deferred.Set(float64(len(pass.Deferred)))
	m.reconcileTime.Observe(pass.Took.Seconds())
	m.desired.Set(float64(len(pass.Desired.Want)))
	m.countRegistered(pass.Actual.Ours)
	m.maintenance.Set(float64(min(1, len(pass.Actual.Marker))))
	m.quarantined.Set(float64(pass.Quarantined()))
	m.warned.Set(float64(warned(pass)))
	m.taken.Set(float64(len(pass.Plan.Taken)))
	m.guardBlocked.Set(float64(min(1, len(pass.Waiting))))
	var pending int
	for _, w := range pass.Waiting {
		pending += len(w.Keys)
	}
	m.pendingRemoval.Set(float64(pending))
}

// warned counts the keys with a warning, of which each may have several.
func warned(pass Pass) int {
	keys := map[string]bool{}
	for _, p := range pass.Problems {
		if p.Warning {
			keys[p.Key] = true
		}
	}
	return len(keys)
}

func (m *metrics) verified(v *verifier) {
	m.diverging.Set(float64(len(v.lasting())))
	if v.err == nil {
		m.verifiedLast.SetToCurrentTime()
	}
}

func (m *metrics) tokenRead(err error) {
	m.tokenGood.Set(1)
	if err != nil {
		m.tokenGood.Set(0)
	}
}

func (m *metrics) filesRead(err error) {
	m.filesGood.Set(1)
	if err != nil {
		m.filesGood.Set(0)
	}
}

func (m *metrics) configured(err error) {
	if err != nil {
		m.configGood.Set(0)
		return
	}
	m.configGood.Set(1)
	m.configLast.SetToCurrentTime()
}

func (m *metrics) countRegistered(ours map[register.ID]*register.Registered) {
	count := map[string]int{}
	for _, r := range ours {
		count[r.Status()]++
	}
	for _, status := range []string{api.HealthPassing, api.HealthWarning, api.HealthCritical, api.HealthMaint} {
		m.registered.WithLabelValues(status).Set(float64(count[status]))
	}
}
