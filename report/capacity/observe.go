package capacity

import (
	"cmp"
	"math"
	"slices"

	"github.com/llmload/llmload/internal/metric"
)

// Score is how one term of the SLO fared in a probe.
type Score struct {
	Term       string  `json:"term"`
	Outside    float64 `json:"outside"` // requests, or gaps, outside the limit
	Of         float64 `json:"of"`
	Allowed    float64 `json:"allowed"`    // share that may be outside; 0 for a mean
	Dispersion float64 `json:"dispersion"` // variance of Outside / that of independent requests: how much they come in clusters
	Failed     float64 `json:"failed"`     // of Outside: requests that failed
	ValueNS    float64 `json:"value_ns"`   // the quantile or mean itself; 0 where it lands on failures or on nothing, and for a share
	ErrorNS    float64 `json:"error_ns"`   // of a mean: its standard error
	LimitNS    float64 `json:"limit_ns"`   // 0 for a share
}

// Observation is what a probe showed.
type Observation struct {
	Probe
	Stage     string  `json:"stage"`
	Issued    int     `json:"issued"`
	Failed    int     `json:"failed"`
	Offered   float64 `json:"offered_per_s"`   // arrivals that there were, a second
	Came      float64 `json:"came_per_s"`      // arrivals after the first quarter, a second
	Served    float64 `json:"served_per_s"`    // answers completed then, a second
	ServedSE  float64 `json:"served_se_per_s"` // its standard error
	Saturated bool    `json:"saturated"`       // the server did not keep up
	MeanS     float64 `json:"mean_s"`          // of a request, from intended to done
	Seconds   float64 `json:"seconds"`         // from the first measured arrival to the last
	Input     float64 `json:"input_tokens"`    // of an answered request, mean
	Output    float64 `json:"output_tokens"`
	TTFTP50   float64 `json:"ttft_p50_ns"` // of answers, from intended; 0: none
	TTFTP99   float64 `json:"ttft_p99_ns"` // 0 too where the sample does not resolve it
	TPOTP50   float64 `json:"tpot_p50_ns"`
	Scores    []Score `json:"scores"`
	// Spoiled is why the probe says nothing of the server; empty where it does.
	Spoiled string `json:"spoiled,omitempty"`
	// Server is what the server itself said, where it is scraped: its queue, its batch, its cache.
	Server string `json:"server,omitempty"`
}

// Observe makes the observation of all that was added.
func (m *Meter) Observe(p Probe) Observation {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := Observation{Probe: p, Issued: len(m.rows)}
	if len(m.rows) == 0 {
		o.Spoiled = "no request was measured"
		return o
	}
	slices.SortFunc(m.rows, func(a, b row) int { return cmp.Compare(a.at, b.at) })
	for _, r := range m.rows {
		o.Failed += int(count(r.failed))
		o.MeanS += float64(r.done-r.at) / 1e9 / float64(len(m.rows))
		if !r.failed {
			o.Input, o.Output = o.Input+float64(r.input), o.Output+float64(r.output)
		}
	}
	answered := float64(max(1, len(m.rows)-o.Failed))
	o.Input, o.Output = o.Input/answered, o.Output/answered
	o.TTFTP50 = m.quantileOf(0.5, func(r row) float64 { return r.ttft })
	o.TTFTP99 = m.quantileOf(0.99, func(r row) float64 { return r.ttft })
	o.TPOTP50 = m.quantileOf(0.5, func(r row) float64 { return r.tpot })
	m.keepsUp(&o)
	for i := range m.terms {
		o.Scores = append(o.Scores, m.score(i))
	}
	return o
}

// keepUp is the share of what is offered that a server completes which keeps up.
const keepUp = 0.95

// keepsUp compares what came and what was answered after the first quarter, in which a server may still fill up. It is
// saturated when it brought to an end under 95% of what came, and chance cannot be why: requests in flight then wander by
// no more than the arrivals do.
func (m *Meter) keepsUp(o *Observation) {
	slices.Sort(m.arrivals)
	slices.Sort(m.ends)
	slices.Sort(m.good)
	first, to := m.arrivals[0], m.arrivals[len(m.arrivals)-1]
	from := first + (to-first)/4
	if o.Seconds = float64(to-first) / 1e9; o.Seconds <= 0 {
		return
	}
	o.Offered = float64(len(m.arrivals)-1) / o.Seconds
	came, ended := float64(between(m.arrivals, from, to)), float64(between(m.ends, from, to))
	o.Came = came / (0.75 * o.Seconds)
	o.Saturated = ended < keepUp*came && came-ended > 3*math.Sqrt(came)
	const blocks = 12
	var counts [blocks]float64
	for i := range counts {
		a, b := from+(to-from)*int64(i)/blocks, from+(to-from)*int64(i+1)/blocks
		counts[i] = float64(between(m.good, a, b)) / (float64(b-a) / 1e9)
	}
	o.Served, o.ServedSE = meanOf(counts[:])
}

// between counts sorted times in (a, b].
func between(sorted []int64, a, b int64) int {
	lo, _ := slices.BinarySearch(sorted, a+1)
	hi, _ := slices.BinarySearch(sorted, b+1)
	return hi - lo
}

// meanOf is the mean of block means and its standard error.
func meanOf(values []float64) (mean, se float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		se += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(se / max(1, n-1) / n)
}

// score sums a term up over the rows, which are in order of time.
func (m *Meter) score(i int) Score {
	t := m.terms[i]
	s := Score{Term: t.String(), Allowed: t.miss}
	if t.kind != ofFailures && t.kind != ofAttainment {
		s.LimitNS = t.limit
	}
	for _, r := range m.rows {
		s.Outside, s.Of = s.Outside+r.bad[i], s.Of+r.of[i]
		if r.failed && t.kind != ofMean && t.kind != ofSuccesses {
			s.Failed++
		}
	}
	if t.kind == ofMean {
		s.ValueNS, s.ErrorNS = m.mean(i)
		s.Outside = 0
		return s
	}
	s.ValueNS = m.quantile(i, 1-t.miss)
	s.Dispersion = m.dispersion(i)
	return s
}

// rowBlocks is into how many stretches of time a probe is cut to see how its requests hang together.
const rowBlocks = 20

// mean is the mean of a term and its standard error, which is the largest that blocks of three lengths show: a queue lasts
// longer than a short block, so that short ones depend on each other.
func (m *Meter) mean(i int) (mean, se float64) {
	for _, blocks := range []int{rowBlocks, rowBlocks / 2, rowBlocks / 4} {
		var e float64
		mean, e = m.meanOver(i, blocks)
		se = max(se, e)
	}
	return mean, se
}

func (m *Meter) meanOver(i, blocks int) (mean, se float64) {
	var means []float64
	sum, n := 0.0, 0.0
	for b := range blocks {
		bad, of := 0.0, 0.0
		for _, r := range m.rows[len(m.rows)*b/blocks : len(m.rows)*(b+1)/blocks] {
			bad, of = bad+r.bad[i], of+r.of[i]
		}
		if of > 0 {
			means = append(means, bad/of)
		}
		sum, n = sum+bad, n+of
	}
	if n == 0 {
		return 0, 0
	}
	_, se = meanOf(means)
	return sum / n, se
}

// quantile is the quantile of the requests' own figures, 0 where it lands on a failure; of gaps, of each request's mean.
func (m *Meter) quantile(i int, q float64) float64 {
	return m.quantileOf(q, func(r row) float64 { return r.value[i] })
}

func (m *Meter) quantileOf(q float64, of func(row) float64) float64 {
	var values []float64
	for _, r := range m.rows {
		if v := of(r); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if len(values) < metric.MinSamples(q) {
		return 0
	}
	slices.Sort(values)
	v := values[max(0, int(math.Ceil(q*float64(len(values))))-1)]
	if math.IsInf(v, 1) {
		return 0
	}
	return v
}

// dispersion is how many times the variance of the number outside, block by block, is that of independent requests. A
// probe with hardly anything outside shows nothing of how what is outside clusters; what is above a lower level of its own
// does, and so the larger of the levels stands.
func (m *Meter) dispersion(i int) float64 {
	outside := func(r row) (bad, of float64) { return r.bad[i], r.of[i] }
	d := max(1, m.overBlocks(outside))
	for _, q := range []float64{0.8, 0.9, 0.95} {
		level := m.quantile(i, q)
		if level <= 0 || q >= 1-m.terms[i].miss {
			break
		}
		d = max(d, m.overBlocks(func(r row) (bad, of float64) {
			if math.IsNaN(r.value[i]) {
				return 0, 0
			}
			return count(r.value[i] > level), 1
		}))
	}
	return d
}

func (m *Meter) overBlocks(outside func(row) (bad, of float64)) float64 {
	return max(m.chi(rowBlocks, outside), m.chi(rowBlocks/2, outside))
}

// chi is Pearson's statistic over blocks, divided by its degrees of freedom.
func (m *Meter) chi(blocks int, outside func(row) (bad, of float64)) float64 {
	bad, of := make([]float64, blocks), make([]float64, blocks)
	sum, n := 0.0, 0.0
	for b := range blocks {
		for _, r := range m.rows[len(m.rows)*b/blocks : len(m.rows)*(b+1)/blocks] {
			k, all := outside(r)
			bad[b], of[b] = bad[b]+k, of[b]+all
		}
		sum, n = sum+bad[b], n+of[b]
	}
	p := sum / n
	if n == 0 || p <= 0 || p >= 1 {
		return 1
	}
	chi := 0.0
	for b := range blocks {
		if of[b] > 0 {
			chi += (bad[b] - p*of[b]) * (bad[b] - p*of[b]) / (of[b] * p * (1 - p))
		}
	}
	return chi / float64(blocks-1)
}
