package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// results are those of all fleets.
type results struct {
	Fleets  []fleetResult `json:"fleets"`
	Leaders []herdResult  `json:"leaders"`
}

// fleetResult is what was measured of one fleet. Times are in milliseconds unless they say
// otherwise.
type fleetResult struct {
	point
	Contender string `json:"contender"`
	// Clients tells that each node had a client agent of Consul, and no stand-in. The requests
	// and bytes that go to the servers are not known then.
	Clients bool   `json:"clients,omitempty"`
	Date    string `json:"date"`

	// Start is about all agents starting at once, with an empty catalog: how long until
	// all is in it, the server's processor time, and the requests in each second.
	StartSeconds float64 `json:"start_s"`
	StartCPU     float64 `json:"start_cpu_s"`
	Start        []int   `json:"start_requests"`

	// Agent is what one agent takes in this process, its stand-in included.
	AgentKB         float64 `json:"agent_kb"`
	AgentGoroutines float64 `json:"agent_goroutines"`
	ServerMB        float64 `json:"server_mb"`

	// Idle is in a second in which nothing changes, of all agents together.
	IdleCPU      float64 `json:"idle_cpu_s"`
	IdleBytes    float64 `json:"idle_bytes"`
	IdleRequests float64 `json:"idle_requests"`
	IdleWrites   int     `json:"idle_writes"`

	// Change is when the median node, 99 of 100, and the last node have a change, for each
	// change; CPU, bytes and requests are for one change on one node.
	Change      []float64          `json:"change_p50_ms"`
	Change99    []float64          `json:"change_p99_ms"`
	ChangeLast  []float64          `json:"change_last_ms"`
	ChangeCPU   float64            `json:"change_server_ms"`
	OwnCPU      float64            `json:"change_own_ms"`
	ChangeBytes float64            `json:"change_bytes"`
	Requests    map[string]float64 `json:"change_requests"`
	Lost        int                `json:"lost"`

	// Deploy is about many services within a minute: when the last node has each, until
	// when all is done, and the server's processor time for all of it.
	DeployLast    []float64 `json:"deploy_last_ms"`
	DeploySeconds float64   `json:"deploy_s"`
	DeployCPU     float64   `json:"deploy_cpu_s"`

	Restart herdResult `json:"restart"`
}

// herdResult is what follows the end of a server.
type herdResult struct {
	Agents  int     `json:"agents"`
	Servers int     `json:"servers"`
	Back    float64 `json:"back_s"` // when the server was ready again, from its end on
	// Last is when the last node has a change that is made then.
	Last  float64          `json:"last_s"`
	Lost  int              `json:"lost"`
	Rate  []int            `json:"requests"` // in each second from the end on
	Kinds map[string][]int `json:"kinds"`
}

// line describes a fleet in a line.
func (r fleetResult) line() string {
	return fmt.Sprintf("start %.1f s; change p50 %.0f ms, last %.0f ms; server %.2f ms and %.1f KB for each agent and change; lost %d",
		r.StartSeconds, median(r.Change), median(r.ChangeLast), r.ChangeCPU, r.ChangeBytes/1000, r.Lost)
}

// line describes a herd in a line.
func (h herdResult) line() string {
	return fmt.Sprintf("back after %.1f s; at most %d requests in a second; the last node has the next change after %.1f s; lost %d", h.Back, peak(h.Rate), h.Last, h.Lost)
}

// load reads the results of earlier runs. Those of a time when there were no other contenders
// are ours.
func load(path string) (all results, err error) {
	err = measure.Load(path, &all)
	for i := range all.Fleets {
		all.Fleets[i].Contender = cmp.Or(all.Fleets[i].Contender, oursName)
	}
	return all, err
}

// save keeps the results, unless there is no file for them.
func (r *results) save(path string) error { return measure.Save(path, r) }

// replace takes in a result, in the place of an earlier one of the same fleet.
func (r *results) replace(fresh fleetResult) {
	place := func(f fleetResult) int {
		place := slices.Index(contenderNames(), f.Contender)
		if f.Clients {
			place += len(contenderNames())
		}
		return place
	}
	r.Fleets = measure.Replace(r.Fleets, fresh, func(a, b fleetResult) int {
		return cmp.Or(
			cmp.Compare(a.Agents, b.Agents), cmp.Compare(a.Services, b.Services), cmp.Compare(a.Namespaces, b.Namespaces), cmp.Compare(place(a), place(b)),
		)
	})
}

// ours returns the fleets of the product, of which everything was measured.
func (r *results) ours() []fleetResult {
	return slices.DeleteFunc(slices.Clone(r.Fleets), func(f fleetResult) bool { return f.Contender != oursName || f.Clients })
}

// at returns the fleets of one size, with client agents or with stand-ins, in the order of
// their contenders.
func (r *results) at(p point, clients bool) []fleetResult {
	return slices.DeleteFunc(slices.Clone(r.Fleets), func(f fleetResult) bool { return f.point != p || f.Clients != clients })
}

// replaceLeader does the same for a change of leader.
func (r *results) replaceLeader(fresh herdResult) {
	r.Leaders = measure.Replace(r.Leaders, fresh, func(a, b herdResult) int { return cmp.Compare(a.Agents, b.Agents) })
}

// median returns the middle one; 0 of nothing.
func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(all))[(len(all)-1)/2]
}

// highest returns the largest; 0 of nothing.
func highest(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	return slices.Max(all)
}

// peak returns the most requests in a second.
func peak(rate []int) int {
	if len(rate) == 0 {
		return 0
	}
	return slices.Max(rate)
}
