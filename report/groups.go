package report

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/llmload/llmload/results"
)

// group is the stages of one run that differ in nothing but how much load they offered: a sweep, which may be joined by
// a line, or a single stage.
type group struct {
	Name   string
	Stages []*results.StageSummary // in order of load
	Style  style
}

func (g group) sweep() bool { return len(g.Stages) > 1 }

// groupsOf sorts the runs' stages into sweeps and single stages, sweeps first, each with a style of its own.
func groupsOf(runs []Run) []group {
	var sweeps, singles []group
	for i, r := range runs {
		prefix := runPrefix(runs, i)
		for _, stages := range alike(r.Summary.Stages) {
			if distinctLoads(stages) > 1 {
				sweeps = append(sweeps, group{Name: prefix + sweepName(stages[0].Load), Stages: stages})
				continue
			}
			for _, s := range stages {
				singles = append(singles, group{Name: prefix + clean(s.Name), Stages: []*results.StageSummary{s}})
			}
		}
	}
	all := append(sweeps, singles...)
	for i := range all {
		all[i].Style = styleOf(i)
		all[i].Style.Line = all[i].sweep()
	}
	return all
}

// alike collects stages whose loads differ only in their size. Injected faults differ in ways that a load does not
// tell, so such a stage stands alone.
func alike(stages []results.StageSummary) [][]*results.StageSummary {
	var kinds []results.Load
	var lists [][]*results.StageSummary
	for i := range stages {
		kind := stages[i].Load
		kind.Concurrency, kind.Rate = 0, 0
		at := slices.Index(kinds, kind)
		if at < 0 || kind.Faults > 0 {
			kinds, lists = append(kinds, kind), append(lists, nil)
			at = len(lists) - 1
		}
		lists[at] = append(lists[at], &stages[i])
	}
	for _, list := range lists {
		slices.SortStableFunc(list, func(a, b *results.StageSummary) int { return cmp.Compare(size(a.Load), size(b.Load)) })
	}
	return lists
}

func distinctLoads(stages []*results.StageSummary) int {
	sizes := make(map[float64]bool)
	for _, s := range stages {
		sizes[size(s.Load)] = true
	}
	return len(sizes)
}

// size is how much load is offered: arrivals a second in open loop, else concurrency.
func size(l results.Load) float64 {
	if l.Mode == "open" {
		return l.Rate
	}
	return float64(l.Concurrency)
}

func sweepName(l results.Load) string {
	name := "concurrency sweep"
	if l.Mode == "open" {
		name = "rate sweep"
		if l.Arrivals != "" {
			name += ", " + clean(l.Arrivals)
		}
	}
	if l.BatchSize > 1 {
		name += fmt.Sprintf(", batch %d", l.BatchSize)
	}
	return name
}

// sizeLabel names a point of a sweep: c=8, 5/s.
func sizeLabel(l results.Load) string {
	if l.Mode == "open" {
		return tickLabel(l.Rate) + "/s"
	}
	return fmt.Sprintf("c=%d", l.Concurrency)
}

// runPrefix tells runs apart where there are several: by name, by id where names are the same.
func runPrefix(runs []Run, at int) string {
	if len(runs) < 2 {
		return ""
	}
	return runNames(summariesOf(runs))[at] + ": "
}
