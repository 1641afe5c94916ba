package capacity

import (
	"math"
	"sync"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Meter takes in the records of one probe, in any order and from several goroutines, and makes an Observation of them.
type Meter struct {
	terms  []term
	limits []results.Limit

	mu       sync.Mutex
	rows     []row
	arrivals []int64 // of the measured requests, also of those that were cancelled
	ends     []int64 // of all requests, warm-up and tail too: what the server brought to an end
	good     []int64 // of those: what it answered
}

// row is what one measured request says. Times are in nanoseconds from the run's start.
type row struct {
	at, done      int64
	failed        bool
	input, output int
	ttft, tpot    float64   // nanoseconds, NaN without one
	bad, of       []float64 // of each term: outside, and of how many; of a mean, the sum and the count
	value         []float64 // of each term: the request's own figure, NaN without one
}

// NewMeter begins a probe.
func (s SLO) NewMeter() *Meter {
	m := &Meter{terms: s.terms()}
	for _, l := range s.Limits {
		info, _ := metric.Lookup(string(l.Metric))
		m.limits = append(m.limits, results.Limit{Metric: info.Open, MaxNS: l.MaxNS})
	}
	return m
}

// Add takes in one record; it keeps nothing of it.
func (m *Meter) Add(r *results.Record) {
	done := r.DoneNS
	if a := r.Last(); a != nil {
		done = a.DoneNS
	}
	one, measured := m.row(r, done)
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.Outcome != results.Cancelled && r.Outcome != results.Dropped {
		m.ends = append(m.ends, done)
	}
	if r.Outcome == results.OK {
		m.good = append(m.good, done)
	}
	if !r.Warmup && !r.Tail {
		m.arrivals = append(m.arrivals, r.IntendedNS)
	}
	if measured {
		m.rows = append(m.rows, one)
	}
}

func (m *Meter) row(r *results.Record, done int64) (row, bool) {
	if r.Warmup || r.Tail || r.Outcome == results.Cancelled {
		return row{}, false
	}
	n := len(m.terms)
	cells := make([]float64, 3*n)
	out := row{
		at: r.IntendedNS, done: done, failed: r.Outcome != results.OK, input: r.Tokens.Input, output: r.Tokens.Output,
		bad: cells[:n:n], of: cells[n : 2*n : 2*n], value: cells[2*n:],
	}
	out.ttft, out.tpot = valueOf(r, metric.ResponseTTFT), valueOf(r, metric.TPOT)
	for i, t := range m.terms {
		out.bad[i], out.of[i], out.value[i] = t.judge(r, m.limits)
	}
	return out, true
}

func valueOf(r *results.Record, m metric.Name) float64 {
	ns, ok := r.Value(m)
	if !ok || r.Outcome != results.OK {
		return math.NaN()
	}
	return float64(ns)
}

// judge says how many of a record's figures are outside the term, of how many.
func (t term) judge(r *results.Record, limits []results.Limit) (bad, of, value float64) {
	failed, nan := r.Outcome != results.OK, math.NaN()
	switch {
	case t.kind == ofAttainment:
		return count(failed || !r.Inside(limits, true)), 1, nan
	case t.kind == ofFailures:
		return count(failed), 1, nan
	case failed && (t.kind == ofSuccesses || t.kind == ofMean):
		return 0, 0, nan
	case failed:
		return 1, 1, math.Inf(1) // ranks above every success
	case t.kind == ofGaps:
		return t.gaps(r)
	}
	ns, ok := r.Value(t.name)
	switch v := float64(ns); {
	case !ok:
		return 0, 0, nan
	case t.kind == ofMean:
		return v, 1, v
	default:
		return count(!t.within(v)), 1, v
	}
}

func (t term) within(ns float64) bool {
	t.Threshold.Value = t.limit
	if t.Metric == metric.TokSPerUser {
		t.Op = "<="
	}
	return t.Holds(ns)
}

func (t term) gaps(r *results.Record) (bad, of, value float64) {
	each := r.Gaps
	if t.Metric == metric.ITL {
		each = r.ITL
	}
	sum := 0.0
	for ns := range each {
		bad, of, sum = bad+count(!t.within(float64(ns))), of+1, sum+float64(ns)
	}
	return bad, of, sum / of
}

func count(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
