package report

import (
	"fmt"
	"io"
	"slices"

	"github.com/llmload/llmload/results"
)

// WriteRuns writes the tables of several runs side by side: a headline each, then tables with a column that names the run, in
// which stages of one name stand together. One run is written as WriteTables does.
func WriteRuns(w io.Writer, runs []*results.Summary, o Options) error {
	if len(runs) == 1 {
		return WriteTables(w, runs[0], o)
	}
	p := &page{Options: o}
	for _, s := range runs {
		p.headline(s)
		p.blank()
	}
	p.overlay(runs)
	names := runNames(runs)
	for i, s := range runs {
		p.blank()
		p.line(p.paint(bold, names[i]))
		p.thresholds(s.Thresholds)
		p.instrument(s)
		p.warnings(s.Stages)
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

// overlay writes the stage table and the outcomes of all runs.
func (p *page) overlay(runs []*results.Summary) {
	names, stages := rowsOf(runs)
	if len(stages) == 0 {
		p.line("no stage was run")
		return
	}
	p.lead = 1
	run := column{head: "run", left: true, cells: names}
	p.table(append([]column{run}, dropLoad(p.rows("stage", stages))...))
	p.legend(stages)
	p.blank()
	p.table(append([]column{run}, outcomeTable(stages)...))
	p.lead = 0
}

// rowsOf lists the stages of all runs, those of one name together, with the run of each.
func rowsOf(runs []*results.Summary) (names []string, stages []results.StageSummary) {
	var order []string
	for _, s := range runs {
		for i := range s.Stages {
			if name := s.Stages[i].Name; !slices.Contains(order, name) {
				order = append(order, name)
			}
		}
	}
	called := runNames(runs)
	for _, name := range order {
		for i, s := range runs {
			for _, stage := range s.Stages {
				if stage.Name == name {
					names, stages = append(names, called[i]), append(stages, stage)
				}
			}
		}
	}
	return names, stages
}

// runNames tells runs apart: by name, by id where names are the same, by their place where one run comes twice.
func runNames(runs []*results.Summary) []string {
	var names []string
	for i, s := range runs {
		name := clean(s.Run.Name)
		others := func(same func(*results.Summary) bool) bool {
			return slices.ContainsFunc(append(slices.Clone(runs[:i]), runs[i+1:]...), same)
		}
		if name == "" || others(func(o *results.Summary) bool { return o.Run.Name == s.Run.Name }) {
			name = clean(s.Run.ID)
		}
		if others(func(o *results.Summary) bool { return o.Run.ID == s.Run.ID }) {
			name = fmt.Sprintf("%s #%d", name, i+1)
		}
		names = append(names, name)
	}
	return names
}
