package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/llmload/llmload/internal/metric"
)

// chartGroup is charts under one heading that share a legend. Charts are indices into the page's data.
type chartGroup struct {
	ID, Short, Title, Help, Note string
	Charts                       []int
	Keys                         []chartKey
	Wide                         bool // its charts share an axis of time and stand below each other
	Absent                       string
}

// chartKey is a line of a legend: a sample and the name of the series that it stands for.
type chartKey struct {
	Name string
	chartStyle
	Words bool // the name alone
}

// chart is one pair of axes with what is drawn on them, as the page's script reads it.
type chart struct {
	Title  string        `json:"title"`
	Course bool          `json:"course,omitempty"` // its axis is the run's time, its cursor that of its neighbours
	X      chartAxis     `json:"x"`
	Y      chartAxis     `json:"y"`
	Series []chartSeries `json:"series"`
	Spans  []chartSpan   `json:"spans,omitempty"`
}

type chartAxis struct {
	Label string  `json:"label"`
	Unit  string  `json:"unit,omitempty"`
	Scale string  `json:"scale,omitempty"` // log2, log10 or tail; empty: linear
	At    []short `json:"at,omitempty"`
	Zero  bool    `json:"zero,omitempty"`
	Lo    short   `json:"lo,omitzero"` // the whole extent, where neighbours share it
	Hi    short   `json:"hi,omitzero"`
}

// chartSeries is points of one look. X is left out where it is that of the series before.
type chartSeries struct {
	Name   string   `json:"name"`
	Title  string   `json:"title,omitempty"` // in a readout; empty: the name
	X      []short  `json:"x,omitzero"`      // nil is left out, empty is not
	Y      []short  `json:"y"`
	Labels []string `json:"labels,omitempty"`
	Failed []short  `json:"failed,omitempty"` // where on x it lands on failures
	chartStyle
}

type chartStyle struct {
	Color  int    `json:"color"`
	Line   bool   `json:"line,omitempty"`
	Dash   int    `json:"dash,omitempty"`
	Marks  string `json:"marks,omitempty"`
	Hollow bool   `json:"hollow,omitempty"`
}

// chartSpan is a stretch of the x axis with a name.
type chartSpan struct {
	From   short  `json:"from"`
	To     short  `json:"to"`
	Name   string `json:"name"`
	Faults int    `json:"faults,omitempty"` // fault rules at work
}

// short is a number of a chart: six digits, and null for what is none.
type short float64

func (v short) MarshalJSON() ([]byte, error) {
	if !finite(float64(v)) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(v), 'g', 6, 64), nil
}

// chartGroups is all charts of a page, and the data that they draw.
func chartGroups(runs []Run) ([]chartGroup, []chart) {
	var groups []chartGroup
	var charts []chart
	add := func(g chartGroup, drawn []chart) {
		for _, c := range drawn {
			g.Charts = append(g.Charts, len(charts))
			charts = append(charts, c)
		}
		groups = append(groups, g)
	}
	for _, g := range []struct {
		figure
		id, short, help, absent string
	}{
		{
			pareto(runs), "pareto", "Pareto", "Up is more for the operator, right is faster for each user. Of two points, one that is up and right of the other is better.",
			"One load, or none, has both figures: a curve needs two.",
		},
		{
			versusLoad(runs, metric.TTFT, metric.TPOT, metric.E2E), "load", "load", "What more load costs each request. Where a line turns upwards, requests wait for one another.",
			"One load, or none, has latencies: a curve needs two.",
		},
		{
			percentiles(runs, metric.TTFT, metric.TPOT, metric.E2E), "percentiles", "percentiles", "Each nine takes the same room: 90, 99, 99.9%. A line ends where the sample can resolve no more; a failed request ranks above every success.",
			"No request succeeded that has a latency, or too few for a median.",
		},
	} {
		if !g.drawable() {
			add(chartGroup{ID: g.id, Short: g.short, Title: g.Title, Absent: g.absent}, nil)
			continue
		}
		group, drawn := chartGroup{ID: g.id, Short: g.short, Title: g.Title, Help: g.help, Note: g.Note, Keys: chartKeys(g.Keys)}, chartsOf(g.figure)
		if g.id == "load" {
			markKnee(&group, drawn, runs)
		}
		add(group, drawn)
	}
	g, drawn := courses(runs)
	add(g, drawn)
	return groups, charts
}

func chartsOf(f figure) (all []chart) {
	for p := range f.panels {
		c := chart{Title: p.Title, X: p.X.chart(), Y: p.Y.chart()}
		if c.Title == "" {
			c.Title = p.Y.Label
		}
		for _, s := range p.Series {
			if s.drawable() || slices.ContainsFunc(s.Points, func(pt point) bool { return pt.Failed }) {
				c.Series = append(c.Series, s.chart())
			}
		}
		all = append(all, shared(c))
	}
	return all
}

func (a axis) chart() chartAxis {
	scales := map[scale]string{log2: "log2", log10: "log10", tail: "tail"}
	c := chartAxis{Label: a.Label, Scale: scales[a.Scale], Zero: a.FromZero}
	for _, v := range a.At {
		c.At = append(c.At, short(v))
	}
	return c
}

func (s series) chart() chartSeries {
	c := chartSeries{Name: s.Name, X: []short{}, Y: []short{}, chartStyle: s.Style.chart()}
	labelled := false
	for _, pt := range s.Points {
		if pt.Failed {
			c.Failed = append(c.Failed, short(pt.X))
			if !finite(pt.Y) {
				continue
			}
		}
		c.X, c.Y, c.Labels = append(c.X, short(pt.X)), append(c.Y, short(pt.Y)), append(c.Labels, pt.Label)
		labelled = labelled || pt.Label != ""
	}
	if !labelled {
		c.Labels = nil
	}
	return c
}

func (s style) chart() chartStyle {
	marks := [...]string{noMark: "", disc: "disc", square: "square", triangle: "triangle", cross: "cross"}
	color := slices.Index(lineColors[:], s.Color)
	return chartStyle{Color: max(color, 0), Line: s.Line, Dash: s.Dash, Marks: marks[s.Marks], Hollow: s.Hollow}
}

func chartKeys(keys []key) (all []chartKey) {
	for _, k := range keys {
		all = append(all, chartKey{Name: k.Name, chartStyle: k.Style.chart(), Words: k.Style == (style{})})
	}
	return all
}

// shared leaves out what series have in common with the one before.
func shared(c chart) chart {
	var before []short
	for i := range c.Series {
		own := c.Series[i].X
		if i > 0 && slices.EqualFunc(own, before, func(a, b short) bool { return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b)) }) {
			c.Series[i].X = nil
		}
		before = own
	}
	return c
}

// dashes, for the legend's samples, in the units of a stroke.
var dashes = [...]string{"", "6 3", "2 2", "8 3 2 3"}

// Dashes is the legend's sample as SVG has it.
func (s chartStyle) Dashes() string { return dashes[s.Dash%len(dashes)] }

func thinned(note string, c *cloud, what string) string {
	if c.width == 0 {
		return note
	}
	return join(note, fmt.Sprintf("%s: of %s, the least and the greatest of every %s are drawn", what, count(c.total), duration(1000*c.width)))
}
