package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// sequences are the ways to register many services that were thought of. All but the last
// two end with the same services in the catalog.
func sequences() []sequence {
	noCheck := func(r *api.AgentServiceRegistration) { r.Checks = nil }
	return []sequence{
		{name: "one by one", workers: 1},
		{name: "2 at once", workers: 2},
		{name: "4 at once", workers: 4},
		{name: "8 at once", workers: 8},
		{name: "in random order", workers: 1, shuffle: true},
		{name: "replace-existing-checks", workers: 1, options: api.ServiceRegisterOpts{ReplaceExistingChecks: true}},
		{name: "a connection for each", workers: 1, client: withoutKeepAlive},
		{name: "HTTP/2", workers: 1, client: withHTTP2},
		{name: "HTTP/2, 2 at once", workers: 2, client: withHTTP2},
		{name: "the check in a second call", workers: 1, request: noCheck, after: registerCheck},
		{name: "status critical, then probed", workers: 1, request: func(r *api.AgentServiceRegistration) { r.Checks[0].Status = api.HealthCritical }},
		{name: "without meta", workers: 1, request: func(r *api.AgentServiceRegistration) { r.Meta = nil }},
		{name: "without a check", workers: 1, request: noCheck},
	}
}

func withoutKeepAlive(node *consulproc.Process) (*api.Client, error) {
	return api.NewClient(&api.Config{
		Address: node.HTTPAddr(), HttpClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}},
	})
}

func withHTTP2(node *consulproc.Process) (*api.Client, error) {
	return api.NewClient(&api.Config{
		Address: fmt.Sprintf("%s:%d", node.Address(), measure.HTTPSPort), Scheme: "https",
		HttpClient: &http.Client{Transport: measure.HTTPSTransport(&net.Dialer{Timeout: time.Second})},
	})
}

// registerCheck registers the check that a service was registered without.
func registerCheck(ctx context.Context, client *api.Client, r *api.AgentServiceRegistration) error {
	check := &api.AgentCheckRegistration{ID: "service:" + r.ID, Name: "NodePort of " + r.Name, ServiceID: r.ID}
	check.AgentServiceCheck = api.AgentServiceCheck{TCP: "127.0.0.1:1", Interval: "100s", Timeout: "2s", Status: api.HealthPassing}
	return client.Agent().CheckRegisterOpts(check, (&api.QueryOptions{}).WithContext(ctx))
}

// runCalls compares the sequences, each on a client agent of its own, in rounds.
func runCalls(ctx context.Context, args []string, out io.Writer) error {
	e := newExperiment(callsName)
	rounds := e.flags.Int("rounds", 3, "how many `rounds`")
	most := e.flags.Int("sequences", len(sequences()), "measure only the first `n` sequences")
	return e.run(ctx, args, out, func(ctx context.Context, s *stage) (string, error) {
		var err error
		if s.agents, err = measure.HTTPS(s.dir); err != nil {
			return "", err
		}
		times := make([][]timed, *most)
		for round := range *rounds {
			for _, i := range rand.Perm(*most) {
				q := sequences()[i]
				t, node, err := s.timeCalls(ctx, q, fmt.Sprintf("%s-%d-%d", callsName, round, i))
				if err == nil {
					err = s.retire(ctx, node)
				}
				if err != nil {
					return "", fmt.Errorf("%s: %w", q.name, err)
				}
				fmt.Fprintf(out, "round %d, %s: %s\n", round+1, q.name, t.took.Round(10*time.Millisecond))
				times[i] = append(times[i], t)
			}
		}
		fmt.Fprintln(out)
		return callsTable(s.size, times), nil
	})
}

// callsTable compares each sequence with the first one in the same round.
func callsTable(size int, times [][]timed) string {
	var rows [][]string
	for i, all := range times {
		var took, ratios, agent, server []float64
		for round, t := range all {
			took = append(took, t.took.Seconds())
			ratios = append(ratios, t.took.Seconds()/times[0][round].took.Seconds())
			agent = append(agent, t.agent.Seconds())
			server = append(server, t.server.Seconds())
		}
		rows = append(rows, []string{
			sequences()[i].name, seconds(took), fmt.Sprintf("%.2f", middle(ratios)), spread(ratios, 2), seconds(agent), seconds(server),
		})
	}
	return measure.Table([]string{fmt.Sprintf("%d cold services", size), "time", "to the first", "in the rounds", "CPU of the agent", "of the server"}, rows)
}
