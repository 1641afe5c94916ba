package report

import (
	"fmt"
	"strconv"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// loadHead is the head of the column that says what load a stage offered.
const loadHead = "load"

// columnSpec is one column of the stage table: what stands above it and how a stage fills it.
type columnSpec struct {
	head, unit string
	left, stay bool // as in column
	always     bool // shown even when no stage has a value
	cell       func(*results.StageSummary) value
}

// stageColumns is the stage table from left to right. Load comes before what it cost the server, and that before what
// users felt, so that a split table keeps together what is read together.
var stageColumns = []columnSpec{
	{head: loadHead, left: true, always: true, cell: func(s *results.StageSummary) value { return words(describe(s.Load)) }},
	{head: "requests", always: true, cell: func(s *results.StageSummary) value { return words(count(s.Requests.Issued)) }},
	{head: "success", always: true, cell: func(s *results.StageSummary) value { return share(s.Success) }},
	{head: "req/s", cell: scalar(metric.RequestsPerS)},
	{head: "output", unit: "tok/s", cell: scalar(metric.OutputTokensPerS)},
	{head: "tok/s", unit: "a user", cell: scalar(metric.TokSPerUser)},
	latency(metric.TTFT, "p50", "TTFT"),
	latency(metric.TTFT, "p99", "TTFT"),
	latency(metric.TPOT, "p50", "TPOT"),
	latency(metric.TPOT, "p99", "TPOT"),
	latency(metric.MaxGap, "p99", "max gap"),
	latency(metric.E2E, "p50", "E2E"),
	latency(metric.E2E, "p99", "E2E"),
	{head: "within", unit: "SLO", cell: func(s *results.StageSummary) value { return share(s.Goodput.Attainment) }},
}

// latency is the column of one quantile of one metric, in milliseconds.
func latency(name metric.Name, stat, head string) columnSpec {
	return columnSpec{head: head, unit: stat + " ms", stay: stat == "p99", cell: func(s *results.StageSummary) value {
		return quantile(s, name, stat)
	}}
}

// quantile reads a stage's metric as its users felt it: in open loop from the intended arrival, since a time that
// starts at the dispatch would leave out the wait that the load itself caused.
func quantile(s *results.StageSummary, name metric.Name, stat string) value {
	return reading(s.Metrics[felt(s, name)].Quantile(stat))
}

// scalar is the cell of a figure that a stage has one of.
func scalar(name metric.Name) func(*results.StageSummary) value {
	return func(s *results.StageSummary) value { return reading(s.Scalar(name)) }
}

// reading turns what a summary knows of a figure into a cell.
func reading(v float64, state results.State) value {
	switch state {
	case results.Value:
		return number(&v)
	case results.Unresolved:
		return value{mark: unresolved}
	case results.Failed:
		return value{mark: failed}
	default:
		return value{mark: absent}
	}
}

// felt is the name under which a stage's users felt a metric.
func felt(s *results.StageSummary, name metric.Name) metric.Name {
	if !isOpen(s) {
		return name
	}
	info, ok := metric.Lookup(string(name))
	if !ok || info.Open == "" || s.Metrics[info.Open] == nil && s.Metrics[name] != nil { // an imported run may not know what was intended
		return name
	}
	return info.Open
}

func isOpen(s *results.StageSummary) bool { return s.Load.Mode == "open" }

// describe names a load as sweeps name their stages: c=8, rate=5/s, c=8,batch=4.
func describe(l results.Load) string {
	text := "c=" + strconv.Itoa(l.Concurrency)
	if l.Mode == "" {
		text = "unknown" // of an imported run
	}
	if l.Mode == "open" {
		text = "rate=" + tickLabel(l.Rate) + "/s"
		if l.Sessions {
			text = "sessions=" + tickLabel(l.Rate) + "/s"
		}
		if l.Arrivals != "" && l.Arrivals != "poisson" {
			text += " " + clean(l.Arrivals)
		}
	}
	if l.BatchSize > 1 {
		text += fmt.Sprintf(",batch=%d", l.BatchSize)
	}
	if l.Faults > 0 {
		text += " +faults"
	}
	return text
}
