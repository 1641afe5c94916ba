package results

import (
	"math"

	"github.com/llmload/llmload/internal/metric"
)

// State says what a summary knows of a figure.
type State string

// The states of a figure: known; more requests are needed to resolve it; its rank is a failed request's; the stage has
// no such thing.
const (
	Value      State = "value"
	Unresolved State = "unresolved"
	Failed     State = "failed"
	Absent     State = "absent"
)

// nsPerMS scales a histogram's unit to a summary's.
const nsPerMS = 1e6

// quantiles are those that a summary keeps.
var quantiles = [...]struct {
	stat      string
	q         float64
	value, ok func(*Metric) **float64
}{
	{"p50", 0.50, func(m *Metric) **float64 { return &m.P50 }, func(m *Metric) **float64 { return &m.OKP50 }},
	{"p90", 0.90, func(m *Metric) **float64 { return &m.P90 }, func(m *Metric) **float64 { return &m.OKP90 }},
	{"p95", 0.95, func(m *Metric) **float64 { return &m.P95 }, func(m *Metric) **float64 { return &m.OKP95 }},
	{"p99", 0.99, func(m *Metric) **float64 { return &m.P99 }, func(m *Metric) **float64 { return &m.OKP99 }},
	{"p99.9", 0.999, func(m *Metric) **float64 { return &m.P999 }, func(m *Metric) **float64 { return &m.OKP999 }},
}

// newMetric describes h's values, with failed requests ranked above them.
func newMetric(h *Histogram, failed int64) *Metric {
	m := &Metric{Unit: "ms", Count: h.Count(), Failed: failed, CI: map[string][2]float64{}}
	if m.Count > 0 {
		m.Min, m.Max = ms(float64(h.Min())), ms(float64(h.Max()))
		m.Mean, m.Stddev = ms(h.Mean()), ms(h.Stddev())
	}
	for _, k := range quantiles {
		switch rank, state := m.rank(k.q); state {
		case Value:
			*k.value(m) = ms(float64(h.Rank(rank)))
		case Failed:
			m.Censored = true
		}
		if int(m.Count) >= metric.MinSamples(k.q) {
			*k.ok(m) = ms(float64(h.Rank(QuantileRank(k.q, m.Count))))
		}
		m.interval(h, k.stat, k.q)
	}
	return m
}

// interval keeps the 95% rank interval of a quantile where both of its ends are values of successes.
func (m *Metric) interval(h *Histogram, stat string, q float64) {
	n := m.Count + m.Failed
	if int(n) < metric.MinSamples(q) {
		return
	}
	lo, hi := metric.RankInterval(q, int(n))
	if lo >= 1 && int64(hi) <= m.Count {
		m.CI[stat] = [2]float64{float64(h.Rank(int64(lo))) / nsPerMS, float64(h.Rank(int64(hi))) / nsPerMS}
	}
}

// rank returns the rank of a quantile over all ranked requests, and whether a success stands there.
func (m *Metric) rank(q float64) (int64, State) {
	n := m.Count + m.Failed
	switch k := QuantileRank(q, n); {
	case n == 0:
		return 0, Absent
	case int(n) < metric.MinSamples(q):
		return k, Unresolved
	case k > m.Count:
		return k, Failed
	default:
		return k, Value
	}
}

// QuantileRank is the rank of quantile q among n, the one rule of every quantile here: ceil(q*n), from 1. The small term keeps a product such as 0.9*10 from rounding up past its integer.
func QuantileRank(q float64, n int64) int64 {
	return max(int64(math.Ceil(q*float64(n)-1e-9)), 1)
}

// Quantile returns a statistic of the metric in its Unit: p50, p90, p95, p99, p99.9, the same with ok_ in front for
// successes alone, mean, min, max or stddev. v is 0 unless the state is Value. A nil metric has none.
func (m *Metric) Quantile(stat string) (v float64, state State) {
	if m == nil || m.Count+m.Failed == 0 {
		return 0, Absent
	}
	for _, k := range quantiles {
		switch stat {
		case k.stat:
			_, state := m.rank(k.q)
			return known(*k.value(m), state)
		case "ok_" + k.stat:
			return known(*k.ok(m), m.successState())
		}
	}
	for name, v := range map[string]*float64{"mean": m.Mean, "min": m.Min, "max": m.Max, "stddev": m.Stddev} {
		if name == stat {
			return known(v, m.successState())
		}
	}
	return 0, Absent
}

// successState is the state of a statistic of successes that has no value.
func (m *Metric) successState() State {
	if m.Count == 0 {
		return Failed
	}
	return Unresolved
}

// known prefers a value that is there to the reason why it might not be.
func known(v *float64, otherwise State) (float64, State) {
	switch {
	case v != nil:
		return *v, Value
	case otherwise == Value: // a file of another writer that left it out
		return 0, Absent
	default:
		return 0, otherwise
	}
}

func ms(ns float64) *float64 {
	v := ns / nsPerMS
	return &v
}
