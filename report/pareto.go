package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// pareto sets what the operator gets against what one user gets, a point a stage.
func pareto(runs []Run) figure {
	p := &panel{
		X: axis{Label: "tokens/s a user (1 / TPOT p50)"},
		Y: axis{Label: "output tokens/s, all users", FromZero: true},
	}
	f := figure{Name: "pareto", Title: "Pareto curve: throughput against the speed that one user sees", Panels: [][]*panel{{p}}}
	var missing []string
	points := 0
	for _, g := range groupsOf(runs) {
		s := series{Name: g.Name, Style: g.Style}
		for _, stage := range g.Stages {
			pt := paretoPoint(stage)
			if !finite(pt.X) || !finite(pt.Y) {
				missing = append(missing, clean(stage.Name))
				pt.Y = math.NaN()
			} else {
				points++
			}
			if g.sweep() {
				pt.Label = sizeLabel(stage.Load)
			}
			s.Points = append(s.Points, pt)
		}
		p.Series = append(p.Series, s)
	}
	if points < 2 { // one point is no curve
		return figure{}
	}
	f.Note = missingNote(missing)
	f.Keys = keysOf(p.Series)
	return f
}

func paretoPoint(s *results.StageSummary) point {
	at := func(name metric.Name) float64 {
		if v := scalar(name)(s); v.mark == plain {
			return v.n
		}
		return math.NaN()
	}
	return point{X: at(metric.TokSPerUser), Y: at(metric.OutputTokensPerS)}
}

// missingNote names the stages that have no point: silence would look like a run without them.
func missingNote(names []string) string {
	switch {
	case len(names) == 0:
		return ""
	case len(names) > 4:
		return fmt.Sprintf("%d stages have no point: their TPOT p50 is not resolved, or lands on failures", len(names))
	default:
		return "no point, TPOT p50 not resolved or on failures: " + strings.Join(names, ", ")
	}
}

// keysOf is the legend of series that have something to show, in their order.
func keysOf(all []series) []key {
	var keys []key
	for _, s := range all {
		if s.drawable() {
			keys = append(keys, key{Name: s.Name, Style: s.Style})
		}
	}
	return keys
}
