package measure

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// A Plot is a picture of lines over two logarithmic axes.
type Plot struct {
	Title, X, Y string // Y with its unit
	Lines       []Line
}

// A Line is a named row of points; values of 0 and below are left out.
type Line struct {
	Name   string
	Points [][2]float64 // x, y
}

const (
	plotWidth, plotHeight                      = 760, 420
	plotLeft, plotRight, plotTop, plotBottom   = 70, 600, 50, 360
	plotLegend, plotLegendLine, plotMarkRadius = 620, 22, 3.5
)

// plotColors are those of Okabe and Ito, which everybody can tell apart.
func plotColors() []string {
	return []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"}
}

// SVG returns the picture.
func (p Plot) SVG() string {
	x, y := p.scale(0, plotLeft, plotRight), p.scale(1, plotBottom, plotTop)
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&s, `<rect width="%d" height="%d" fill="white"/>`+"\n", plotWidth, plotHeight)
	text := func(x, y float64, anchor, what string) {
		fmt.Fprintf(&s, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(what))
	}
	grid := func(x1, y1, x2, y2 float64) {
		fmt.Fprintf(&s, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="#ccc"/>`+"\n", x1, y1, x2, y2)
	}
	text((plotLeft+plotRight)/2, 25, "middle", p.Title)
	text((plotLeft+plotRight)/2, plotBottom+45, "middle", p.X)
	text(plotLeft-50, plotTop-15, "start", p.Y)
	for _, v := range x.ticks() {
		grid(x.at(v), plotTop, x.at(v), plotBottom)
		text(x.at(v), plotBottom+20, "middle", fmt.Sprint(v))
	}
	for _, v := range y.ticks() {
		grid(plotLeft, y.at(v), plotRight, y.at(v))
		text(plotLeft-8, y.at(v)+4, "end", fmt.Sprint(v))
	}
	for i, line := range p.Lines {
		color := plotColors()[i%len(plotColors())]
		s.WriteString(line.svg(x, y, color))
		at := float64(plotTop + plotLegendLine*i + 10)
		fmt.Fprintf(&s, `<rect x="%d" y="%.1f" width="14" height="4" fill="%s"/>`+"\n", plotLegend, at-6, color)
		text(plotLegend+20, at, "start", line.Name)
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// svg draws a line through its points.
func (l Line) svg(x, y scale, color string) string {
	var s strings.Builder
	var path []string
	for _, point := range l.Points {
		if point[0] <= 0 || point[1] <= 0 {
			continue
		}
		px, py := x.at(point[0]), y.at(point[1])
		path = append(path, fmt.Sprintf("%.1f,%.1f", px, py))
		fmt.Fprintf(&s, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"><title>%s: %g, %.3g</title></circle>`+"\n", px, py, plotMarkRadius, color, html.EscapeString(l.Name), point[0], point[1])
	}
	fmt.Fprintf(&s, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, " "), color)
	return s.String()
}

// A scale maps values to places, by their logarithm.
type scale struct{ low, high, from, to float64 }

// scale returns the one of an axis, from the power of ten below the values, or twice or
// five times that, to the one above.
func (p Plot) scale(axis int, from, to float64) scale {
	var values []float64
	for _, line := range p.Lines {
		for _, point := range line.Points {
			if point[axis] > 0 {
				values = append(values, point[axis])
			}
		}
	}
	if len(values) == 0 {
		return scale{1, 10, from, to}
	}
	low, high := roundDown(slices.Min(values)), slices.Max(values)
	return scale{low, max(-roundDown(-high), low*2), from, to}
}

// roundDown returns the nearest of 1, 2 and 5 times a power of ten that is not above v,
// and for a negative v, which stands for its amount, the nearest that is not below it.
func roundDown(v float64) float64 {
	amount := math.Abs(v)
	power := math.Pow(10, math.Floor(math.Log10(amount)))
	if v < 0 {
		for _, step := range []float64{1, 2, 5, 10} {
			if step*power >= amount {
				return -step * power
			}
		}
	}
	for _, step := range []float64{5, 2} {
		if step*power <= amount {
			return step * power
		}
	}
	return power
}

func (s scale) at(v float64) float64 {
	return s.from + (s.to-s.from)*math.Log(v/s.low)/math.Log(s.high/s.low)
}

// ticks returns the round values within.
func (s scale) ticks() []float64 {
	var all []float64
	for power := math.Pow(10, math.Floor(math.Log10(s.low))); power <= s.high; power *= 10 {
		for _, step := range []float64{1, 2, 5} {
			if v := step * power; v >= s.low*0.999 && v <= s.high*1.001 {
				all = append(all, math.Round(v*1e6)/1e6)
			}
		}
	}
	return all
}
