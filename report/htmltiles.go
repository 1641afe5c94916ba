package report

import (
	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// tile is one figure that a reader takes away, with the stage that it is of.
type tile struct{ Name, Value, Unit, Note string }

// tilesOf picks the figures of the stages that did best: a sweep is run to find those.
func tilesOf(s *results.Summary) []tile {
	var issued, ok, counted int64
	for i := range s.Stages {
		r := s.Stages[i].Requests
		issued, ok, counted = issued+r.Issued, ok+r.Succeeded, counted+r.Issued-r.Cancelled
	}
	requests := tile{Name: "requests", Value: count(issued), Note: "none counted"}
	if counted > 0 {
		rate := float64(ok) / float64(counted)
		requests.Note = share(&rate).text + " succeeded"
	}
	return []tile{
		requests,
		best(s.Stages, "most output", "tok/s", scalar(metric.OutputTokensPerS), more),
		best(s.Stages, "fastest for one user", "tok/s", scalar(metric.TokSPerUser), more),
		best(s.Stages, "shortest TTFT p50", "ms", quantileOf(metric.TTFT, "p50"), less),
		best(s.Stages, "shortest E2E p50", "ms", quantileOf(metric.E2E, "p50"), less),
	}
}

func more(a, b float64) bool { return a > b }
func less(a, b float64) bool { return a < b }

func quantileOf(name metric.Name, stat string) func(*results.StageSummary) value {
	return func(s *results.StageSummary) value { return quantile(s, name, stat) }
}

func best(stages []results.StageSummary, name, unit string, read func(*results.StageSummary) value, better func(a, b float64) bool) tile {
	t, at := tile{Name: name, Value: "–", Note: "no stage has one"}, -1.0
	for i := range stages {
		if v := read(&stages[i]); v.mark == plain && (at < 0 || better(v.n, at)) {
			at = v.n
			t = tile{Name: name, Value: v.text, Unit: unit, Note: "at " + clean(stages[i].Name)}
		}
	}
	return t
}
