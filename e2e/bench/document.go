package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

const (
	benchmarksDocument = "benchmarks.md"
	latencyPlot        = "benchmarks-latency.svg"
	cpuPlot            = "benchmarks-cpu.svg"
)

// document writes the results into benchmarks.md, between the lines that mark the measured
// part, and draws the plots beside it.
func (r *results) document(dir string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n\n![Latency of a change over the size of the tree](%s)\n\n![Consul's processor time per change over the size of the tree](%s)\n\n", r.machine(), latencyPlot, cpuPlot)
	fmt.Fprintf(&text, "%s\n", r.targets())
	for _, size := range r.Sizes {
		fmt.Fprintf(&text, "### %d services in %d namespaces\n\nMeasured on %s.\n\n%s", size.Services, size.Namespaces, size.Date, size.text())
	}
	for name, plot := range map[string]measure.Plot{
		latencyPlot: r.plot("A change, from the KV write to the catalog", "median, ms", func(c *contenderResult) float64 { return c.Change.quantile(0.5) }),
		cpuPlot:     r.plot("Consul's processor time for a change, agent and server", "ms", consulCPU),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(plot.SVG()), 0o644); err != nil {
			return fmt.Errorf("draw plot: %w", err)
		}
	}
	return measure.WriteSection(filepath.Join(dir, benchmarksDocument), "measured", text.String())
}

// plot draws something over the size, a line for each contender.
func (r *results) plot(title, unit string, of func(*contenderResult) float64) measure.Plot {
	p := measure.Plot{Title: title, X: "services", Y: unit}
	for _, name := range []string{floorName, carefulName, oursName, templateName, pluginName} {
		line := measure.Line{Name: name}
		for i := range r.Sizes {
			if c := r.Sizes[i].named(name); c != nil {
				line.Points = append(line.Points, [2]float64{float64(r.Sizes[i].Services), of(c)})
			}
		}
		if len(line.Points) > 0 {
			p.Lines = append(p.Lines, line)
		}
	}
	return p
}

// targets compares ours with what was asked for, over all sizes.
func (r *results) targets() string {
	head := []string{"services", "ours to floor, p50", "p99", "ours to careful, p50", "p99", "p50 to that of the smallest size", "floor's", "late or lost", "template's Consul CPU to ours", "cold start to calls"}
	var rows [][]string
	var first, firstFloor *contenderResult
	for i := range r.Sizes {
		size := &r.Sizes[i]
		ours, floor, careful, template := size.named(oursName), size.named(floorName), size.named(carefulName), size.named(templateName)
		if ours == nil || floor == nil {
			continue
		}
		if first == nil {
			first, firstFloor = ours, floor
		}
		p50 := func(c *contenderResult) float64 { return c.Change.quantile(0.5) }
		p99 := func(c *contenderResult) float64 { return c.Change.quantile(0.99) }
		row := []string{
			fmt.Sprint(size.Services), ratio(ours, floor, p50), ratio(ours, floor, p99), ratio(ours, careful, p50), ratio(ours, careful, p99),
			fmt.Sprintf("%.2f", p50(ours)/p50(first)), fmt.Sprintf("%.2f", p50(floor)/p50(firstFloor)),
			fmt.Sprint(ours.Change.late() + ours.Delete.late() + ours.Lost.all()), none,
			ratio(ours, floor, func(c *contenderResult) float64 { return middle(c.Cold) }),
		}
		if template != nil && template.Died == "" {
			row[8] = ratio(template, ours, consulCPU)
		}
		rows = append(rows, row)
	}
	return measure.Table(head, rows)
}

// machine says where and of what the numbers are.
func (r *results) machine() string {
	var dates []string
	for _, size := range r.Sizes {
		dates = append(dates, size.Date)
	}
	slices.Sort(dates)
	return fmt.Sprintf("%s; %d cores, %s; Linux %s; %s; %s, %s.",
		strings.Join(slices.Compact(dates), ", "), runtime.NumCPU(), field("/proc/cpuinfo", "model name"), firstLine("uname", "-r"), runtime.Version(),
		firstLine("bin/consul", "version"), firstLine("bin/consul-template", "-version"))
}

// field returns the first value of a name in a file of /proc.
func field(path, name string) string {
	text, _ := os.ReadFile(path) // it is only shown
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "a processor of unknown kind"
}

// firstLine returns what a program says about itself.
func firstLine(program string, args ...string) string {
	output, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		return program + " of unknown version"
	}
	line, _, _ := strings.Cut(string(output), "\n")
	return strings.TrimSpace(line)
}
