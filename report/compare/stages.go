package compare

import (
	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// sample is a stage of one run, or one repeat of it.
type sample struct {
	run        int // its place among the runs of its side
	summary    *results.StageSummary
	histograms map[metric.Name]*results.Histogram
}

// stages are the samples of each stage, repeats and runs together, in the order of the plan.
type stages struct {
	order []string
	of    map[string][]sample
}

func stagesOf(runs []Run) stages {
	all := stages{of: map[string][]sample{}}
	for at, r := range runs {
		for i := range r.Summary.Stages {
			s := &r.Summary.Stages[i]
			name := all.base(s.Name)
			if all.of[name] == nil {
				all.order = append(all.order, name)
			}
			all.of[name] = append(all.of[name], sample{at, s, distributions(r.Histograms, s.Name)})
		}
	}
	return all
}

// base is the name of the stage that this one repeats: of c=8#2 it is c=8, where there is such a stage.
func (s stages) base(name string) string {
	if first, round := results.Repeat(name); round > 1 && s.of[first] != nil {
		return first
	}
	return name
}

func distributions(hs []results.StageHistograms, stage string) map[metric.Name]*results.Histogram {
	for _, h := range hs {
		if h.Stage == stage {
			return h.Metrics
		}
	}
	return nil
}

// singles are the stages that neither side repeated.
func singles(base, new stages) (names []string) {
	for _, name := range new.order {
		if len(new.of[name]) == 1 && len(base.of[name]) == 1 {
			names = append(names, name)
		}
	}
	return names
}
