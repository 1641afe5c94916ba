package report

import (
	"io"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/dialect"
)

// WriteDialect writes what another tool would have reported of the run, and beside each figure the nearest of ours with what
// is different about it.
func WriteDialect(w io.Writer, s *results.Summary, tool *dialect.Tool, stages []dialect.Stage, o Options) error {
	p := &page{Options: o, lead: 1}
	p.blank()
	p.line(p.paint(bold, "in the terms of "+tool.Title) + " (" + tool.Name + "), of the same records:")
	p.blank()
	table := []column{
		{head: "stage", left: true},
		{head: "figure", left: true},
		{head: "of", left: true},
		{head: "mean"},
		{head: "p50"},
		{head: "p90"},
		{head: "p95"},
		{head: "p99"},
		{head: "unit", left: true},
	}
	add := func(cells ...string) {
		for i, cell := range cells {
			table[i].cells = append(table[i].cells, cell)
		}
	}
	var notes []string
	for _, d := range stages {
		ours := stageOf(s, d.Name)
		for _, t := range d.Times {
			add(clean(d.Name), t.Name, tool.Name, p.show(number(&t.Mean)), p.show(number(&t.P50)), p.show(number(&t.P90)), p.show(number(&t.P95)), p.show(number(&t.P99)), "ms")
			name, cells := p.ours(ours, t.Ours)
			add(append([]string{"", string(name), "llmload"}, append(cells, "ms")...)...)
			notes = append(notes, noteOf(t.Name, name, t.Note))
		}
		for _, r := range d.Rates {
			add(clean(d.Name), r.Name, tool.Name, p.show(number(&r.V)), "", "", "", "", r.Unit)
			add("", string(r.Ours), "llmload", p.show(reading(ours.Scalar(r.Ours))), "", "", "", "", r.Unit)
			notes = append(notes, noteOf(r.Name, r.Ours, r.Note))
		}
	}
	if len(stages) == 0 {
		p.line("there is no record of a measured request to compute it from")
	} else {
		p.table(table)
	}
	slices.Sort(notes)
	for _, note := range slices.Compact(notes) {
		if note != "" {
			p.line(note)
		}
	}
	p.line("quantiles of " + tool.Name + " are of successes; ours rank every issued request, failures above them")
	_, err := io.WriteString(w, p.out.String())
	return err
}

func stageOf(s *results.Summary, name string) *results.StageSummary {
	for i := range s.Stages {
		if s.Stages[i].Name == name {
			return &s.Stages[i]
		}
	}
	return &results.StageSummary{}
}

// ours are the cells of a metric under the name by which a stage's users felt it.
func (p *page) ours(s *results.StageSummary, name metric.Name) (under metric.Name, cells []string) {
	name = felt(s, name)
	for _, stat := range []string{"mean", "p50", "p90", "p95", "p99"} {
		cells = append(cells, p.show(reading(s.Metrics[name].Quantile(stat))))
	}
	return name, cells
}

func noteOf(theirs string, ours metric.Name, note string) string {
	if strings.HasPrefix(string(ours), "response_") {
		note = strings.TrimPrefix(note+"; ours counts from the intended arrival, in an open loop", "; ")
	}
	if note == "" {
		return ""
	}
	return theirs + ": " + note
}
