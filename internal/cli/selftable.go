package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/llmload/llmload/internal/metric"
)

// The errors against the truth over which this machine's figures are not to be trusted under a load. The tail's is the delay
// that never makes a run invalid.
const (
	maxSelfError = time.Millisecond
	maxSelfTail  = 10 * time.Millisecond
)

// selfRow is what one load of a selftest showed. Errors are in milliseconds.
type selfRow struct {
	Streams  int       `json:"streams,omitempty"`
	Rate     int       `json:"rate_per_s,omitempty"`
	Requests int       `json:"requests"`
	TTFT     selfStamp `json:"ttft"`
	Arrival  selfStamp `json:"arrival"`
	Trusted  bool      `json:"trusted"`
	Why      string    `json:"why,omitempty"` // it cannot be trusted

	load   selfLoad
	joined *joined
}

// selfStamp is how much later than the server's write one kind of the client's stamps is. A null is a quantile that the
// sample does not resolve.
type selfStamp struct {
	Compared int64    `json:"compared"`
	BiasMS   *float64 `json:"bias_ms"`
	P50MS    *float64 `json:"p50_ms"`
	P99MS    *float64 `json:"p99_ms"`
	MaxMS    *float64 `json:"max_ms"`
}

func newSelfStamp(l *lateness) selfStamp {
	n := l.size.Count()
	if n == 0 {
		return selfStamp{}
	}
	in := func(ns float64) *float64 { ns /= 1e6; return &ns }
	at := func(q float64) *float64 {
		if n < int64(metric.MinSamples(q)) {
			return nil
		}
		return in(float64(l.size.Quantile(q)))
	}
	return selfStamp{Compared: n, BiasMS: in(l.sum / float64(n)), P50MS: at(0.50), P99MS: at(0.99), MaxMS: in(float64(l.size.Max()))}
}

func newSelfRow(load selfLoad, j *joined, invalid string) selfRow {
	r := selfRow{
		Streams: load.streams, Rate: load.rate, Requests: j.matched,
		TTFT: newSelfStamp(&j.ttft), Arrival: newSelfStamp(&j.arrival), load: load, joined: j,
	}
	r.Why = r.doubt(invalid)
	r.Trusted = r.Why == ""
	return r
}

// doubt is why the load cannot be trusted; empty where it can. A quantile that the sample does not resolve decides nothing
// but the median's, without which there is no verdict.
func (r *selfRow) doubt(invalid string) string {
	switch {
	case r.broken():
		return "the run and the ledger do not tell the same requests"
	case invalid != "":
		return "the run is invalid: " + invalid
	case r.TTFT.P50MS == nil || r.Arrival.P50MS == nil:
		return "too few requests to tell"
	}
	for _, s := range []struct {
		what string
		got  *float64
		most time.Duration
	}{
		{"the median error of the first token", r.TTFT.P50MS, maxSelfError},
		{"the median error of arrivals", r.Arrival.P50MS, maxSelfError},
		{"the p99 error of the first token", r.TTFT.P99MS, maxSelfTail},
		{"the p99 error of arrivals", r.Arrival.P99MS, maxSelfTail},
	} {
		if s.got != nil && *s.got > s.most.Seconds()*1e3 {
			return fmt.Sprintf("%s is %.1f ms, over %s", s.what, *s.got, s.most)
		}
	}
	return ""
}

// broken reports that records and ledger disagree, which no load excuses.
func (r *selfRow) broken() bool {
	j := r.joined
	return j.matched == 0 || j.onlyClient+j.onlyServer+j.odd > 0
}

// printSelfRows shows the error of each metric under each load.
func printSelfRows(w io.Writer, rows []selfRow) {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"load", "error of", "compared", "bias ms", "p50 ms", "p99 ms", "max ms", "trusted"})
	for i := range rows {
		r := &rows[i]
		verdict := "yes"
		if !r.Trusted {
			verdict = "no"
		}
		t.AppendRow(r.TTFT.row(r.load.String(), "time to first token", verdict))
		t.AppendRow(r.Arrival.row("", "each arrival", ""))
	}
	fmt.Fprintln(w, t.Render())
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(w, "%s: %d requests matched, %d unknown to the server, %d unknown to the client, %d with other counts\n",
			r.load, r.joined.matched, r.joined.onlyClient, r.joined.onlyServer, r.joined.odd)
		if r.Why != "" {
			fmt.Fprintf(w, "%s: not trusted: %s\n", r.load, r.Why)
		}
	}
}

func (s selfStamp) row(load, what, verdict string) table.Row {
	in := func(v *float64, format string) string {
		if v == nil {
			return "·" // too few to resolve it
		}
		return fmt.Sprintf(format, *v)
	}
	return table.Row{load, what, s.Compared, in(s.BiasMS, "%+.3f"), in(s.P50MS, "%.3f"), in(s.P99MS, "%.3f"), in(s.MaxMS, "%.3f"), verdict}
}

// selfError is exit code 3 where no load can be trusted, or the books of one are broken.
func selfError(rows []selfRow) error {
	trusted := false
	for i := range rows {
		if rows[i].broken() {
			return &exitError{exitInvalid, fmt.Errorf("%s: %s", rows[i].load, rows[i].Why)}
		}
		trusted = trusted || rows[i].Trusted
	}
	if !trusted {
		return &exitError{exitInvalid, fmt.Errorf("do not trust times of this machine: under %s, %s", rows[0].load, rows[0].Why)}
	}
	return nil
}
