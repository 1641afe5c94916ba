package report

import (
	"slices"

	"github.com/llmload/llmload/results"
)

// serverColumns are what a server said of itself.
var serverColumns = []struct {
	head, unit string
	of         func(*results.Server) *float64
	ratio      bool
}{
	{"running", "mean", func(s *results.Server) *float64 { return mean(s.Running) }, false},
	{"waiting", "mean", func(s *results.Server) *float64 { return mean(s.Waiting) }, false},
	{"waiting", "max", func(s *results.Server) *float64 { return most(s.Waiting) }, false},
	{"KV use", "max", func(s *results.Server) *float64 { return most(s.CacheUse) }, true},
	{"cached", "tokens", func(s *results.Server) *float64 { return s.CacheHitRatio }, true},
	{"preempted", "", func(s *results.Server) *float64 { return s.Preemptions }, false},
	{"tok/step", "specul.", func(s *results.Server) *float64 { return stepLength(s.Speculative) }, false},
	{"power", "W", func(s *results.Server) *float64 { return mean(s.PowerW) }, false},
	{"energy", "J/token", func(s *results.Server) *float64 { return s.JPerOutToken }, false},
	{"TTFT", "mean ms", func(s *results.Server) *float64 { return theirs(s.TTFT) }, false},
	{"ours", "mean ms", func(s *results.Server) *float64 { return ours(s.TTFT) }, false},
}

func mean(g *results.Gauge) *float64 {
	if g == nil {
		return nil
	}
	return &g.Mean
}

func most(g *results.Gauge) *float64 {
	if g == nil {
		return nil
	}
	return &g.Max
}

func stepLength(s *results.Speculative) *float64 {
	if s == nil {
		return nil
	}
	return s.AcceptanceLength
}

func theirs(t *results.ServerTTFT) *float64 {
	if t == nil {
		return nil
	}
	return t.MeanMS
}

func ours(t *results.ServerTTFT) *float64 {
	if t == nil {
		return nil
	}
	return t.ClientMeanMS
}

// server writes what the server said of itself, a line a stage, and why its time to first token is not ours. Columns of
// nothing but zeros are left out.
func (p *page) server(stages []results.StageSummary) {
	stages = slices.DeleteFunc(slices.Clone(stages), func(s results.StageSummary) bool { return s.Server == nil })
	table := []column{{head: "server", left: true}}
	for i := range stages {
		table[0].cells = append(table[0].cells, clean(stages[i].Name))
	}
	for _, spec := range serverColumns {
		c, informs := column{head: spec.head, unit: spec.unit}, false
		for i := range stages {
			v := spec.of(stages[i].Server)
			informs = informs || v != nil && *v != 0
			if spec.ratio {
				c.cells = append(c.cells, p.show(share(v)))
			} else {
				c.cells = append(c.cells, p.show(number(v)))
			}
		}
		if informs {
			table = append(table, c)
		}
	}
	if len(table) == 1 {
		return
	}
	p.blank()
	p.table(table)
	for i := len(stages) - 1; i >= 0; i-- { // of the last that can be compared: the highest load of a sweep
		if t := stages[i].Server.TTFT; t != nil && t.DifferenceMS != nil {
			p.line("TTFT of " + clean(stages[i].Name) + ": " + clean(t.Explanation))
			return
		}
	}
}
