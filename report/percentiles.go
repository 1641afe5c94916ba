package report

import (
	"fmt"
	"math"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// percentiles draws each stage's whole distribution of each metric, on an axis that gives every nine the same room.
func percentiles(runs []Run, metrics ...metric.Name) figure {
	f := figure{
		Name:  "latency_percentiles",
		Title: "Latency by percentile of all issued requests",
	}
	stages := tracedStages(runs)
	if len(stages) > maxLines {
		f.Note = fmt.Sprintf("%d of %d stages, evenly spaced", maxLines, len(stages))
		stages = evenly(stages, maxLines)
	}
	var row []*panel
	for _, name := range metrics {
		p := &panel{Title: title(name, false), X: axis{Label: "percentile", Scale: tail}}
		for i, l := range stages {
			p.Series = append(p.Series, series{Name: l.name, Points: l.curve(name), Style: lineStyle(i)})
		}
		if p.drawable() {
			p.Y = latencyAxis(p.Series)
			row = append(row, p)
		}
	}
	f.Panels = [][]*panel{row}
	for i, l := range stages {
		f.Keys = append(f.Keys, key{Name: l.legend(), Style: lineStyle(i)})
	}
	f.markFailures()
	if anyOpen(stages) {
		f.Note = join(f.Note, "open-loop stages count from the intended arrival")
	}
	return f
}

// tracedStage is one stage of one run with its distributions.
type tracedStage struct {
	name       string
	stage      *results.StageSummary
	histograms map[metric.Name]*results.Histogram
}

func tracedStages(runs []Run) []tracedStage {
	var all []tracedStage
	for i, r := range runs {
		for s := range r.Summary.Stages {
			stage := &r.Summary.Stages[s]
			l := tracedStage{name: runPrefix(runs, i) + clean(stage.Name), stage: stage}
			for _, h := range r.Histograms {
				if h.Stage == stage.Name {
					l.histograms = h.Metrics
				}
			}
			if len(l.curve(metric.TTFT))+len(l.curve(metric.E2E)) > 0 {
				all = append(all, l)
			}
		}
	}
	return all
}

// legend says why there is no line where there is none.
func (l tracedStage) legend() string {
	if l.stage.Requests.Succeeded == 0 {
		return l.name + ": no request succeeded"
	}
	return l.name
}

func anyOpen(all []tracedStage) bool {
	for _, l := range all {
		if isOpen(l.stage) {
			return true
		}
	}
	return false
}

func lineStyle(i int) style {
	s := styleOf(i)
	s.Line, s.Rise, s.Marks = true, true, noMark
	return s
}

// curve is a metric against x = 1/(1-q). It ends where the sample does (metric.MinSamples), or with a failed point
// where the failures begin, which rank above every success.
func (l tracedStage) curve(name metric.Name) []point {
	name = felt(l.stage, name)
	m := l.stage.Metrics[name]
	if m == nil || m.Failed < 0 || m.Count+m.Failed < int64(metric.MinSamples(0.5)) {
		return nil
	}
	h := l.histograms[name]
	if h == nil || h.Count() == 0 {
		return summaryCurve(m)
	}
	n := h.Count() + m.Failed
	var points []point
	for _, q := range ladder(n) {
		k := results.QuantileRank(q, n)
		x := 1 / (1 - q)
		if k > h.Count() {
			return append(points, point{X: x, Y: math.NaN(), Failed: true})
		}
		points = append(points, point{X: x, Y: float64(h.Rank(k)) / 1e6})
	}
	return points
}

// ladder is the quantiles to draw of n requests, forty a nine, up to the last that n can resolve: q^n <= 0.05.
func ladder(n int64) []float64 {
	const perNine = 40
	last := math.Exp(math.Log(0.05) / float64(n))
	var qs []float64
	for i := 0; ; i++ {
		q := 1 - math.Pow(10, -float64(i)/perNine)
		if q >= last || q == 1 {
			return append(qs, last)
		}
		qs = append(qs, q)
	}
}

// summaryCurve joins the quantiles that a summary keeps.
func summaryCurve(m *results.Metric) []point {
	var points []point
	for _, k := range []struct {
		stat string
		q    float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}} {
		switch v, state := m.Quantile(k.stat); state {
		case results.Value:
			points = append(points, point{X: 1 / (1 - k.q), Y: v})
		case results.Failed:
			return append(points, point{X: 1 / (1 - k.q), Y: math.NaN(), Failed: true})
		}
	}
	return points
}

// evenly keeps n of all, the first and the last among them.
func evenly[T any](all []T, n int) []T {
	var kept []T
	for i := range n {
		kept = append(kept, all[i*(len(all)-1)/(n-1)])
	}
	return kept
}

// join puts two notes into one line.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
