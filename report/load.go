package report

import (
	"math"
	"slices"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// wide is the ratio of largest to smallest from which a logarithmic axis shows more than a linear one.
const (
	wideLoad    = 8
	wideLatency = 20
)

// versusLoad draws how latency grows: a panel a metric, a row a kind of load, since arrivals a second and concurrency
// share no axis. Where nothing was streamed the only metric is the time to the end.
func versusLoad(runs []Run, metrics ...metric.Name) figure {
	f := figure{Name: "latency_vs_load", Title: "Latency against load"}
	groups := groupsOf(runs)
	for _, open := range []bool{false, true} {
		if row := loadRow(groups, open, metrics); len(row) > 0 {
			f.Panels = append(f.Panels, row)
		}
	}
	f.Keys = []key{
		{Name: "p50", Style: style{Color: black, Line: true, Marks: disc}},
		{Name: "p99", Style: style{Color: black, Line: true, Dash: 1, Marks: disc, Hollow: true}},
	}
	drawn := make(map[string]bool)
	for p := range f.panels {
		for _, s := range p.Series {
			drawn[s.Name] = drawn[s.Name] || s.drawable()
		}
	}
	for _, g := range groups {
		if drawn[g.Name] {
			f.Keys = append(f.Keys, key{Name: g.Name, Style: style{Color: g.Style.Color, Marks: g.Style.Marks}})
		}
	}
	f.markFailures()
	return f
}

// arrivals is the axis of an open loop's load.
const arrivals = "arrivals/s"

// loadRow is the panels of closed or of open stages, none when fewer than two loads were run.
func loadRow(groups []group, open bool, metrics []metric.Name) []*panel {
	var loads []float64
	var own []group
	for _, g := range groups {
		if isOpen(g.Stages[0]) == open {
			own = append(own, g)
			for _, s := range g.Stages {
				loads = append(loads, size(s.Load))
			}
		}
	}
	slices.Sort(loads)
	loads = slices.Compact(loads)
	if len(loads) < 2 {
		return nil
	}
	x := axis{Label: "concurrency", At: loads}
	if open {
		x.Label = arrivals
	}
	if loads[0] > 0 && loads[len(loads)-1]/loads[0] >= wideLoad {
		x.Scale = log2
	}
	row := loadPanels(own, x, metrics...)
	if len(row) == 0 { // nothing was streamed
		row = loadPanels(own, x, metric.E2E)
	}
	return row
}

// loadPanels draws p50 and p99 of each metric that has any.
func loadPanels(groups []group, x axis, names ...metric.Name) []*panel {
	var row []*panel
	for _, name := range names {
		p := &panel{Title: title(name, isOpen(groups[0].Stages[0])), X: x}
		for _, g := range groups {
			p.Series = append(p.Series, loadSeries(g, name, "p50"), loadSeries(g, name, "p99"))
		}
		if p.drawable() {
			p.Y = latencyAxis(p.Series)
			row = append(row, p)
		}
	}
	return row
}

// loadSeries draws one quantile: p99 dashed and hollow, so that colour is left to tell the groups apart.
func loadSeries(g group, name metric.Name, stat string) series {
	s := series{Name: g.Name, Style: g.Style}
	s.Style.Dash = 0
	if stat != "p50" {
		s.Style.Dash, s.Style.Hollow = 1, true
	}
	for _, stage := range g.Stages {
		v := quantile(stage, name, stat)
		pt := point{X: size(stage.Load), Y: math.NaN(), Failed: v.mark == failed}
		if v.mark == plain {
			pt.Y = v.n
		}
		s.Points = append(s.Points, pt)
	}
	return s
}

// latencyAxis is logarithmic where a linear one would press the small values onto its foot.
func latencyAxis(all []series) axis {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range all {
		for _, pt := range s.Points {
			if finite(pt.Y) {
				lo, hi = min(lo, pt.Y), max(hi, pt.Y)
			}
		}
	}
	if lo > 0 && hi/lo >= wideLatency {
		return axis{Label: "ms (log scale)", Scale: log10}
	}
	return axis{Label: "ms", FromZero: true}
}

// title names a metric over a panel, and in open loop whence it counts.
func title(name metric.Name, open bool) string {
	titles := map[metric.Name]string{
		metric.TTFT: "Time to first token",
		metric.TPOT: "Time per output token",
		metric.E2E:  "End to end",
	}
	if open && felt(&results.StageSummary{Load: results.Load{Mode: "open"}}, name) != name {
		return titles[name] + ", from the intended arrival"
	}
	return titles[name]
}
