package interop

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// csvColumn is one column of the table of requests.
type csvColumn struct {
	head string
	cell func(*results.Record) string // empty for what is not known or did not happen
}

// csvMetrics have one value a request.
var csvMetrics = []metric.Name{
	metric.QueueDelay, metric.DispatchDelay, metric.TTFT, metric.ResponseTTFT, metric.TTFOT, metric.E2E, metric.ResponseE2E,
	metric.LogicalE2E, metric.MaxGap, metric.TPOT,
}

func csvColumns() []csvColumn {
	columns := []csvColumn{
		{"id", func(r *results.Record) string { return r.ID }},
		{"seq", func(r *results.Record) string { return strconv.FormatInt(r.Seq, 10) }},
		{"stage", func(r *results.Record) string { return r.Stage }},
		{"phase", phase},
		{"batch", func(r *results.Record) string { return some(r.Batch) }},
		{"session", func(r *results.Record) string { return some(r.Session) }},
		{"turn", func(r *results.Record) string { return some(int64(r.Turn)) }},
		{"workload", func(r *results.Record) string { return r.Workload }},
		{"custom_id", func(r *results.Record) string { return r.CustomID }},
		{"endpoint", func(r *results.Record) string { return r.Endpoint }},
		{"labels", labels},
		{"intended_s", func(r *results.Record) string { return seconds(r.IntendedNS) }},
		{"outcome", func(r *results.Record) string { return string(r.Outcome) }},
		{"status", func(r *results.Record) string { return some(int64(r.Status)) }},
		{"finish_reason", func(r *results.Record) string { return r.FinishReason }},
		{"attempts", func(r *results.Record) string { return strconv.Itoa(len(r.Attempts)) }},
		{"input_tokens", tokens(func(t *results.Tokens) int { return t.Input })},
		{"cached_tokens", tokens(func(t *results.Tokens) int { return t.Cached })},
		{"reasoning_tokens", tokens(func(t *results.Tokens) int { return t.Reasoning })},
		{"output_tokens", tokens(func(t *results.Tokens) int { return t.Output })},
		{"token_source", func(r *results.Record) string { return string(r.Tokens.Source) }},
	}
	for _, name := range csvMetrics {
		columns = append(columns, csvColumn{string(name) + "_ms", func(r *results.Record) string {
			if ns, ok := r.Value(name); ok {
				return strconv.FormatFloat(float64(ns)/1e6, 'f', -1, 64)
			}
			return ""
		}})
	}
	return append(columns, csvColumn{"error", func(r *results.Record) string { return r.Error }})
}

// CSV writes a table with a line a request, warm-up and tail included, in the order in which they ended.
func CSV(w io.Writer, records Records) error {
	out := csv.NewWriter(w)
	columns := csvColumns()
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = c.head
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for r, err := range records {
		if err != nil {
			return err
		}
		for i, c := range columns {
			row[i] = c.cell(r)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func phase(r *results.Record) string {
	switch {
	case r.Warmup:
		return "warmup"
	case r.Tail:
		return "tail"
	}
	return "measured"
}

func labels(r *results.Record) string {
	if len(r.Labels) == 0 {
		return ""
	}
	text, _ := json.Marshal(r.Labels) // a map of strings cannot fail
	return string(text)
}

// some is a number that counts from 1, or nothing.
func some(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func seconds(ns int64) string { return strconv.FormatFloat(float64(ns)/1e9, 'f', -1, 64) }

// tokens is a count of tokens, unknown where nobody counted.
func tokens(count func(*results.Tokens) int) func(*results.Record) string {
	return func(r *results.Record) string {
		n := count(&r.Tokens)
		if r.Tokens.Source == "" && n == 0 {
			return ""
		}
		return strconv.Itoa(n)
	}
}
