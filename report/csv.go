package report

import (
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// WriteCSV writes a line a run and stage with every figure, in full and in the unit that the head names. A figure that is not
// known, or that the sample cannot resolve, is empty; a quantile that lands on failed requests is inf, for they rank above
// every success.
func WriteCSV(w io.Writer, runs []*results.Summary) error {
	out := csv.NewWriter(w)
	metrics := metric.All()
	if err := out.Write(csvHead(metrics)); err != nil {
		return err
	}
	for _, s := range runs {
		for i := range s.Stages {
			if err := out.Write(csvRow(s, &s.Stages[i], metrics)); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

// csvStats are the statistics of a distribution that have a column.
var csvStats = []string{"p50", "p90", "p95", "p99", "p99.9", "mean", "min", "max"}

func csvHead(metrics []metric.Info) []string {
	head := []string{
		"run_id", "run_name", "valid", "endpoint", "model", "stage", "mode", "concurrency", "rate_per_s", "batch_size",
		"issued", "succeeded", "failed", "timed_out", "cancelled", "dropped", "attempts", "retries", "window_s",
	}
	for _, m := range metrics {
		if !m.Distribution {
			head = append(head, string(m.Name))
			continue
		}
		for _, stat := range csvStats {
			head = append(head, string(m.Name)+"_"+strings.ReplaceAll(stat, ".", "_")+"_ms")
		}
	}
	return head
}

func csvRow(run *results.Summary, s *results.StageSummary, metrics []metric.Info) []string {
	r, whole := &s.Requests, func(n int64) string { return strconv.FormatInt(n, 10) }
	row := []string{
		run.Run.ID, run.Run.Name, valid(run), run.Target.Endpoint, run.Target.Model, s.Name, s.Load.Mode,
		positive(float64(s.Load.Concurrency)), positive(s.Load.Rate), positive(float64(s.Load.BatchSize)),
		whole(r.Issued), whole(r.Succeeded), whole(r.Failed), whole(r.TimedOut), whole(r.Cancelled), whole(r.Dropped),
		whole(s.Attempts), whole(s.Retries), exact(s.Window.DurationS, results.Value),
	}
	for _, m := range metrics {
		if !m.Distribution {
			row = append(row, exact(s.Scalar(m.Name)))
			continue
		}
		for _, stat := range csvStats {
			row = append(row, exact(s.Metrics[m.Name].Quantile(stat)))
		}
	}
	return row
}

// valid is not known of a run that another tool measured, unless nothing of it counts.
func valid(s *results.Summary) string {
	if s.Valid && s.Run.Imported != nil {
		return ""
	}
	return strconv.FormatBool(s.Valid)
}

func positive(v float64) string {
	if v <= 0 {
		return ""
	}
	return exact(v, results.Value)
}

// exact writes a figure for programs.
func exact(v float64, state results.State) string {
	switch {
	case state == results.Failed:
		return "inf"
	case state != results.Value || math.IsNaN(v):
		return ""
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
