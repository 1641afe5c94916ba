package report

import (
	"io"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Options says what the reader's terminal can show. The zero value is safe anywhere: ASCII, no colour, no limit.
type Options struct {
	Width   int  // columns of the terminal; tables that are wider are split into blocks. 0: no limit
	Color   bool // ANSI colour codes
	Unicode bool // characters beyond ASCII for rules and marks; names are printed as they are either way
	// Markdown writes tables and text as Markdown, whatever the width and without colour.
	Markdown bool
}

// WriteTables writes what a person needs to judge one run: what ran and whether it counts, a line a stage, how the
// requests ended, the thresholds' verdicts, and how wrong the instrument was.
func WriteTables(w io.Writer, s *results.Summary, o Options) error {
	p := &page{Options: o}
	p.headline(s)
	p.stages(s.Stages)
	p.groups(s.Stages)
	p.outcomes(s.Stages)
	p.server(s.Stages)
	p.thresholds(s.Thresholds)
	p.instrument(s)
	p.warnings(s.Stages)
	_, err := io.WriteString(w, p.out.String())
	return err
}

// stages writes a line a stage with the columns that have something to say.
func (p *page) stages(stages []results.StageSummary) {
	if len(stages) == 0 {
		p.blank()
		p.line("no stage was run")
		return
	}
	p.blank()
	p.table(dropLoad(p.rows("stage", stages)))
	p.legend(stages)
}

// groups writes a line for each part of a stage that has figures of its own, such as the workloads of a mix.
func (p *page) groups(stages []results.StageSummary) {
	var parts []results.StageSummary
	for i := range stages {
		for _, g := range stages[i].Groups {
			parts = append(parts, asStage(&stages[i], g))
		}
	}
	if len(parts) == 0 {
		return
	}
	p.blank()
	table := p.rows("part", parts)
	p.table(append(table[:1:1], table[2:]...)) // the load is the stage's
}

// asStage is a group in the shape of a stage, whose columns it has.
func asStage(s *results.StageSummary, g results.Group) results.StageSummary {
	return results.StageSummary{
		Name: s.Name + ", " + g.By + " " + g.Value, Load: s.Load, Requests: g.Requests, Success: g.Success,
		Throughput: g.Throughput, Goodput: g.Goodput, Metrics: g.Metrics,
	}
}

// rows are the columns that have something to say, of a line for each stage.
func (p *page) rows(head string, stages []results.StageSummary) []column {
	names := column{head: head, left: true}
	for i := range stages {
		names.cells = append(names.cells, clean(stages[i].Name))
	}
	table := []column{names}
	for _, spec := range stageColumns {
		c := column{head: spec.head, unit: spec.unit, left: spec.left, stay: spec.stay}
		for i := range stages {
			c.cells = append(c.cells, p.show(spec.cell(&stages[i])))
		}
		if spec.always || c.informs(p.mark(absent)) {
			table = append(table, c)
		}
	}
	return table
}

// dropLoad leaves out the load column where every stage is named after its load, as sweeps are.
func dropLoad(table []column) []column {
	if len(table) < 2 || table[1].head != loadHead {
		return table
	}
	for i, cell := range table[1].cells {
		if cell != table[0].cells[i] {
			return table
		}
	}
	return append(table[:1:1], table[2:]...)
}

// legend explains the marks that the stage table used, and only those.
func (p *page) legend(stages []results.StageSummary) {
	used := make(map[mark]bool)
	open := false
	for i := range stages {
		open = open || felt(&stages[i], metric.E2E) != metric.E2E
		for _, spec := range stageColumns {
			used[spec.cell(&stages[i]).mark] = true
		}
	}
	if used[unresolved] {
		p.line(p.mark(unresolved) + " too few requests to resolve this quantile")
	}
	if used[failed] {
		p.line(p.mark(failed) + ": this quantile lands on requests that did not succeed, which rank above every success")
	}
	if open {
		p.line("open-loop stages: TTFT and E2E count from the intended arrival (response_ttft, response_e2e)")
	}
}
