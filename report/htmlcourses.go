package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/llmload/llmload/results"
)

// linePoints is how many points of one line a page draws: all of them, of a run of 33 stages of full length.
const linePoints = 20000

// courses is what the runs did over time, on one axis, with the stages behind.
func courses(runs []Run) (chartGroup, []chart) {
	g := chartGroup{
		ID: "course", Short: "over time", Title: "Over time", Wide: true,
		Help:   "Every chart has the same axis and the same cursor: point at one, read all. Drag to zoom, double-click to go back.",
		Absent: "Nothing was measured over time.",
	}
	charts := []chart{
		courseChart(runs, "Output", "tok/s", line{"output tokens", outputTokens}),
		courseChart(runs, "Requests that ended", "/s", line{"succeeded", func(p results.Point) float64 { return p.RequestsPerS }}, line{"failed", func(p results.Point) float64 { return p.FailedPerS }}),
		courseChart(runs, "In flight", "requests", line{"in flight", func(p results.Point) float64 { return p.InFlight }}),
	}
	charts = append(charts, serverCharts(runs)...)
	dots, note := clouds(runs)
	charts = append(charts, dots...)
	g.Note = note
	var drawn []chart
	x := chartAxis{Label: "s from the run's start", Unit: "s"}
	x.Lo, x.Hi = extent(charts, spansOf(runs))
	for _, c := range charts {
		if len(c.Series) > 0 {
			c.Course, c.X, c.Spans = true, x, spansOf(runs)
			drawn = append(drawn, shared(c))
		}
	}
	if len(drawn) > 0 {
		g.Absent = ""
	}
	for _, r := range runs {
		if n := intervals(r.Summary); n > linePoints {
			g.Note = join(g.Note, fmt.Sprintf("%s intervals were measured; of each line %s points that keep its peaks and dips are drawn (LTTB)", count(int64(n)), count(linePoints)))
		}
	}
	if len(runs) > 1 {
		for i := range runs {
			g.Keys = append(g.Keys, chartKey{Name: runName(runs, i), chartStyle: chartStyle{Color: i % len(lineColors), Line: true, Dash: i / len(lineColors)}})
		}
	} else if anyFaults(runs[0].Summary) {
		g.Help += " Red: stages with injected faults."
	}
	return g, drawn
}

// extent is the time from the first thing that any chart shows to the last.
func extent(charts []chart, spans []chartSpan) (lo, hi short) {
	lo, hi = short(math.Inf(1)), short(math.Inf(-1))
	take := func(x short) { lo, hi = min(lo, x), max(hi, x) }
	for _, c := range charts {
		for _, s := range c.Series {
			for _, x := range s.X {
				take(x)
			}
		}
	}
	for _, s := range spans {
		take(s.From)
		take(s.To)
	}
	return lo, hi
}

func anyFaults(s *results.Summary) bool {
	for i := range s.Stages {
		if s.Stages[i].Load.Faults > 0 {
			return true
		}
	}
	return false
}

func runName(runs []Run, at int) string { return strings.TrimSuffix(runPrefix(runs, at), ": ") }

func intervals(s *results.Summary) (n int) {
	for i := range s.Stages {
		n += len(s.Stages[i].Series)
	}
	return n
}

// line is one reading of an interval.
type line struct {
	name string
	read func(results.Point) float64
}

// courseChart draws lines of each run. Where there are several runs, colours are the runs' and dashes the lines'.
func courseChart(runs []Run, title, unit string, lines ...line) chart {
	c := chart{Title: title, Y: chartAxis{Label: unit, Unit: unit, Zero: true}}
	for i, r := range runs {
		for l, of := range lines {
			s := series{Name: of.name}
			for _, stage := range r.Summary.Stages {
				s.Points = append(s.Points, course(stage.Series, linePoints/len(r.Summary.Stages), of.read)...)
			}
			if !s.drawable() {
				continue
			}
			drawn := s.chart()
			drawn.chartStyle = chartStyle{Color: l, Line: true}
			if name := runName(runs, i); name != "" {
				drawn.Name, drawn.Title = name, name+" "+of.name
				drawn.chartStyle = chartStyle{Color: i % len(lineColors), Line: true, Dash: i/len(lineColors) + 2*l}
			}
			c.Series = append(c.Series, drawn)
		}
	}
	return c
}

// serverCharts draws what the server said of itself, as far as it said anything but zero.
func serverCharts(runs []Run) (all []chart) {
	for _, of := range []struct {
		title, unit string
		read        func(results.Point) *float64
	}{
		{"Server: requests running", "requests", func(p results.Point) *float64 { return p.ServerRunning }},
		{"Server: requests waiting", "requests", func(p results.Point) *float64 { return p.ServerWaiting }},
		{"Server: KV memory in use", "share", func(p results.Point) *float64 { return p.ServerCacheUse }},
		{"Server: power", "W", func(p results.Point) *float64 { return p.ServerPowerW }},
	} {
		told := false
		c := courseChart(runs, of.title, of.unit, line{of.unit, func(p results.Point) float64 {
			v := of.read(p)
			if v == nil {
				return math.NaN()
			}
			told = told || *v != 0
			return *v
		}})
		if told {
			all = append(all, c)
		}
	}
	return all
}

// clouds draws a dot for each request, where records were read.
func clouds(runs []Run) ([]chart, string) {
	ttft := chart{Title: "Time to first token of each request", Y: chartAxis{Label: "ms", Unit: "ms", Zero: true}}
	e2e := chart{Title: "Time to the end of each request", Y: ttft.Y}
	note := ""
	for i, r := range runs {
		if r.Requests == nil {
			continue
		}
		add := func(to *chart, c *cloud, name string, color int, marks string) {
			if len(c.dots) == 0 {
				return
			}
			s := chartSeries{Name: name, chartStyle: chartStyle{Color: color, Marks: marks}}
			if run := runName(runs, i); run != "" {
				s.Name, s.Title, s.Color = run, run+" "+name, i%len(lineColors)
			}
			for _, d := range c.sorted() {
				s.X, s.Y = append(s.X, short(d.x)), append(s.Y, short(d.y))
			}
			to.Series = append(to.Series, s)
			note = thinned(note, c, strings.TrimSpace(runPrefix(runs, i)+name))
		}
		d := r.Requests
		d.mu.Lock()
		add(&ttft, &d.ttft, "time to first token", 0, "dot")
		add(&e2e, &d.e2e, "time to the end", 0, "dot")
		add(&e2e, &d.failed, "failed after", 1, "cross")
		d.mu.Unlock()
	}
	return []chart{ttft, e2e}, note
}

// spansOf is the measured windows of a single run; of several they would lie over one another.
func spansOf(runs []Run) (all []chartSpan) {
	if len(runs) != 1 {
		return nil
	}
	for _, s := range runs[0].Summary.Stages {
		for _, w := range windows([]results.StageSummary{s}) {
			all = append(all, chartSpan{From: short(w.From), To: short(w.To), Name: w.Name, Faults: s.Load.Faults})
		}
	}
	return all
}
