package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// none stands for what was not measured.
const none = "-"

// text describes the result of one size.
func (r *sizeResult) text() string {
	var text strings.Builder
	text.WriteString(r.latencies() + "\n" + r.costs() + "\n")
	for _, c := range r.Contenders {
		if c.Died != "" {
			fmt.Fprintf(&text, "The %s ended by itself: `%s`\n\n", c.Name, c.Died)
		}
	}
	return text.String()
}

// latencies is the table of times.
func (r *sizeResult) latencies() string {
	head := []string{
		fmt.Sprintf("%d services", r.Services), "change p50", "p90", "p99", "max", "p50 of each round",
		"to floor p50", "p99", "to careful p50", "p99", "late", "lost", "delete p50", "max", "burst", "cold start", "to calls",
	}
	var rows [][]string
	floor, careful := r.named(floorName), r.named(carefulName)
	for _, c := range r.Contenders {
		row := []string{c.Name}
		for _, q := range []float64{0.5, 0.9, 0.99, 1} {
			row = append(row, milliseconds(c.Change.quantile(q)))
		}
		row = append(row, spread(c.Change.Rounds, 1))
		for _, other := range []*contenderResult{floor, careful} {
			for _, q := range []float64{0.5, 0.99} {
				row = append(row, ratio(&c, other, func(c *contenderResult) float64 { return c.Change.quantile(q) }))
			}
		}
		row = append(row, fmt.Sprint(c.Change.late()+c.Delete.late()), fmt.Sprint(c.Lost.all()),
			milliseconds(c.Delete.quantile(0.5)), milliseconds(c.Delete.quantile(1)), seconds(c.Burst), seconds(c.Cold),
			ratio(&c, floor, func(c *contenderResult) float64 { return middle(c.Cold) }))
		rows = append(rows, row)
	}
	return measure.Table(head, rows)
}

// costs is the table of processor time, bytes and memory.
func (r *sizeResult) costs() string {
	head := []string{
		fmt.Sprintf("%d services", r.Services), "own CPU", "agent", "server", "Consul to floor", "bytes received",
		"idle own", "agent", "server (all)", "bytes a minute", "wrote", "peak memory",
	}
	var rows [][]string
	floor := r.named(floorName)
	for _, c := range r.Contenders {
		if c.PeakMB == 0 { // it was not there any more
			continue
		}
		wrote := "no"
		if c.Idle.Wrote {
			wrote = "yes"
		}
		rows = append(rows, []string{
			c.Name, milliseconds(c.Cost.Own), milliseconds(c.Cost.Agent), milliseconds(c.Cost.Server),
			ratio(&c, floor, consulCPU), size(c.Cost.Bytes),
			percent(c.Idle.OwnPercent), percent(c.Idle.AgentPercent), percent(c.Idle.ServerPercent), size(c.Idle.Bytes), wrote,
			fmt.Sprintf("%.1f MB", c.PeakMB),
		})
	}
	return measure.Table(head, rows)
}

// consulCPU returns what a change costs the agent and the server together.
func consulCPU(c *contenderResult) float64 { return c.Cost.Agent + c.Cost.Server }

// ratio compares something with the same of another, such as the floor.
func ratio(c, floor *contenderResult, of func(*contenderResult) float64) string {
	if floor == nil || floor.Name == c.Name || of(floor) <= 0 || of(c) <= 0 {
		return none
	}
	return fmt.Sprintf("%.2f", of(c)/of(floor))
}

func milliseconds(ms float64) string {
	if ms == 0 {
		return none
	}
	return fmt.Sprintf("%.1f ms", ms)
}

// spread shows how far the rounds are apart, with so many decimal places.
func spread(rounds []float64, places int) string {
	if len(rounds) == 0 {
		return none
	}
	return fmt.Sprintf("%.*f to %.*f", places, slices.Min(rounds), places, slices.Max(rounds))
}

// middle returns the median; 0 of nothing.
func middle(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	return quantile(all, 0.5)
}

// seconds shows the median, and the range if there is one.
func seconds(all []float64) string {
	switch len(all) {
	case 0:
		return none
	case 1:
		return fmt.Sprintf("%.2f s", all[0])
	}
	return fmt.Sprintf("%.2f s (%.2f to %.2f)", middle(all), slices.Min(all), slices.Max(all))
}

func percent(p float64) string { return fmt.Sprintf("%.2f %%", p) }

func size(n float64) string {
	const thousand = 1000
	if n < 10*thousand {
		return fmt.Sprintf("%.0f B", n)
	}
	return fmt.Sprintf("%.0f KB", n/thousand)
}
