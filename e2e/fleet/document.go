package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

const scalingDocument = "scaling.md"

// document writes the results into scaling.md, between the lines that mark them.
func (r *results) document(dir string) error {
	return measure.WriteSection(filepath.Join(dir, scalingDocument), "measured", r.text())
}

// text describes all results.
func (r *results) text() string {
	var text strings.Builder
	for _, part := range []struct{ title, table string }{
		{"One change", r.changes()},
		{"One change, beside the floor and careful", r.beside()},
		{"What a change asks the servers for, on each node", r.requests()},
		{"At rest", r.idle()},
		{"A deploy of 100 services in a minute", r.deploys()},
		{"All agents start at once, and the catalog is empty", r.starts()},
		{"The only server is killed, and started again after 5 s", r.restarts()},
		{"The leader of three servers is killed, and started again after 5 s", herds(r.Leaders)},
		{"The model and what was measured", r.model()},
	} {
		fmt.Fprintf(&text, "### %s\n\n%s\n", part.title, part.table)
	}
	return text.String()
}

func (r *results) rows(row func(fleetResult) []string) [][]string {
	var rows [][]string
	for _, f := range r.ours() {
		rows = append(rows, append(f.cells(), row(f)...))
	}
	return rows
}

// cells are the first of each row, under those of [head].
func (p point) cells() []string {
	return []string{fmt.Sprint(p.Agents), fmt.Sprint(p.Services), fmt.Sprint(p.Namespaces)}
}

func head(more ...string) []string {
	return append([]string{"agents", "services", "namespaces"}, more...)
}

func (r *results) changes() string {
	return measure.Table(head("median node", "99 of 100", "last node", "last, worst change", "lost", "server CPU, agent and change", "bytes", "CPU of agent and stand-in"),
		r.rows(func(f fleetResult) []string {
			return []string{
				ms(median(f.Change)), ms(median(f.Change99)), ms(median(f.ChangeLast)), ms(highest(f.ChangeLast)), fmt.Sprint(f.Lost),
				fmt.Sprintf("%.2f ms", f.ChangeCPU), fmt.Sprintf("%.1f KB", f.ChangeBytes/1000), fmt.Sprintf("%.2f ms", f.OwnCPU),
			}
		}))
}

// beside compares what a change costs with what it costs the others, where they were measured.
func (r *results) beside() string {
	var rows [][]string
	for _, f := range r.Fleets {
		same := r.at(f.point, f.Clients)
		if len(same) == 1 && f.Contender == oursName && !f.Clients {
			continue
		}
		ratio := "-"
		if ours := same[0]; f.Contender != oursName && ours.Contender == oursName && f.ChangeCPU > 0 {
			ratio = fmt.Sprintf("%.2f", ours.ChangeCPU/f.ChangeCPU)
		}
		name, bytes := f.Contender, fmt.Sprintf("%.1f KB", f.ChangeBytes/1000)
		if f.Clients {
			name, bytes = name+", client agents", "-"
		}
		rows = append(rows, append(f.cells(),
			name, ms(median(f.Change)), ms(median(f.ChangeLast)), fmt.Sprint(f.Lost),
			fmt.Sprintf("%.2f ms", f.ChangeCPU), bytes, fmt.Sprintf("%.2f ms", f.OwnCPU), ratio,
		))
	}
	if len(rows) == 0 {
		return "Not measured yet.\n"
	}
	return measure.Table(head("contender", "median node", "last node", "lost", "server CPU, agent and change", "bytes", "CPU of agent and stand-in", "server CPU of ours to it"), rows)
}

func (r *results) requests() string {
	kinds := map[string]bool{}
	for _, f := range r.ours() {
		for kind := range f.Requests {
			kinds[kind] = true
		}
	}
	names := slices.Sorted(maps.Keys(kinds))
	return measure.Table(head(names...), r.rows(func(f fleetResult) []string {
		var row []string
		for _, kind := range names {
			row = append(row, fmt.Sprintf("%.2f", f.Requests[kind]))
		}
		return row
	}))
}

func (r *results) idle() string {
	return measure.Table(head("server CPU", "requests a second", "bytes a second", "writes", "memory of the server", "memory of an agent", "goroutines"),
		r.rows(func(f fleetResult) []string {
			return []string{
				fmt.Sprintf("%.2f %% of a core", 100*f.IdleCPU), fmt.Sprintf("%.1f", f.IdleRequests), fmt.Sprintf("%.1f KB", f.IdleBytes/1000), fmt.Sprint(f.IdleWrites),
				fmt.Sprintf("%.0f MB", f.ServerMB), fmt.Sprintf("%.0f KB", f.AgentKB), fmt.Sprintf("%.0f", f.AgentGoroutines),
			}
		}))
}

func (r *results) deploys() string {
	return measure.Table(head("last node, median", "last node, worst", "all done after", "server CPU"), r.rows(func(f fleetResult) []string {
		return []string{ms(median(f.DeployLast)), ms(highest(f.DeployLast)), fmt.Sprintf("%.1f s", f.DeploySeconds), fmt.Sprintf("%.1f s", f.DeployCPU)}
	}))
}

func (r *results) starts() string {
	return measure.Table(head("all in the catalog after", "server CPU", "CPU for each registration", "most requests in a second"), r.rows(func(f fleetResult) []string {
		return []string{
			fmt.Sprintf("%.1f s", f.StartSeconds), fmt.Sprintf("%.1f s", f.StartCPU),
			fmt.Sprintf("%.2f ms", 1000*f.StartCPU/float64(f.Agents*f.Services)), fmt.Sprint(peak(f.Start)),
		}
	}))
}

func (r *results) restarts() string {
	var all []herdResult
	for _, f := range r.ours() {
		all = append(all, f.Restart)
	}
	return herds(all)
}

// herds shows the requests in each second after the end of a server.
func herds(all []herdResult) string {
	var rows [][]string
	for _, h := range all {
		rows = append(rows, []string{
			fmt.Sprint(h.Agents), fmt.Sprint(h.Servers), fmt.Sprintf("%.1f s", h.Back), fmt.Sprintf("%.1f s", h.Last), fmt.Sprint(h.Lost),
			fmt.Sprint(peak(h.Rate)), strings.Trim(fmt.Sprint(h.Rate[:min(30, len(h.Rate))]), "[]"),
		})
	}
	return measure.Table([]string{"agents", "servers", "ready again", "last node, next change", "lost", "most in a second", "requests in each of the first 30 s"}, rows)
}

func ms(v float64) string { return fmt.Sprintf("%.0f ms", v) }
