package promscrape

import (
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// Histogram is a Prometheus histogram: Counts[i] of what lay above the bound before and not above Bounds[i]; the last bound
// is infinite.
type Histogram struct {
	Bounds []float64
	Counts []float64
	Sum    float64
}

// histogram adds up a family's series. Series of other bounds than the first's count in sum and number alone, and leave
// no quantile: all is then in one bucket.
func histogram(family *dto.MetricFamily) (out *Histogram) {
	for _, m := range family.GetMetric() {
		h := m.GetHistogram()
		if h == nil || math.IsNaN(h.GetSampleSum()) {
			continue
		}
		one := &Histogram{Sum: h.GetSampleSum()}
		var below float64
		for _, b := range h.GetBucket() {
			one.Bounds = append(one.Bounds, b.GetUpperBound())
			one.Counts = append(one.Counts, float64(b.GetCumulativeCount())-below)
			below = float64(b.GetCumulativeCount())
		}
		if n := len(one.Bounds); n == 0 || !math.IsInf(one.Bounds[n-1], 1) {
			one.Bounds = append(one.Bounds, math.Inf(1))
			one.Counts = append(one.Counts, float64(h.GetSampleCount())-below)
		}
		out = out.plus(one)
	}
	return out
}

// Count is the number of values.
func (h *Histogram) Count() (n float64) {
	if h == nil {
		return 0
	}
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// plus adds two histograms of one thing.
func (h *Histogram) plus(o *Histogram) *Histogram { return h.with(o, 1) }

// since is what was added after before, which may be nil: nothing.
func (h *Histogram) since(before *Histogram) *Histogram {
	if h == nil {
		return nil
	}
	if before == nil {
		return h
	}
	return h.with(before, -1)
}

func (h *Histogram) with(o *Histogram, sign float64) *Histogram {
	switch {
	case h == nil:
		return o
	case o == nil:
		return h
	case !slices.Equal(h.Bounds, o.Bounds):
		return &Histogram{Bounds: []float64{math.Inf(1)}, Counts: []float64{h.Count() + sign*o.Count()}, Sum: h.Sum + sign*o.Sum}
	}
	out := &Histogram{Bounds: h.Bounds, Counts: slices.Clone(h.Counts), Sum: h.Sum + sign*o.Sum}
	for i, c := range o.Counts {
		out.Counts[i] += sign * c
	}
	return out
}

// Quantile is Prometheus' histogram_quantile: straight through the bucket that holds the rank, which lies between low and
// high; no closer is it known. ok is false where there is nothing, or where it lies beyond the last finite bound.
func (h *Histogram) Quantile(q float64) (v, low, high float64, ok bool) {
	rank := q * h.Count()
	if rank <= 0 {
		return 0, 0, 0, false
	}
	var seen float64
	for i, c := range h.Counts {
		high = h.Bounds[i]
		if seen+c >= rank && c > 0 {
			if math.IsInf(high, 1) {
				return 0, low, high, false
			}
			return low + (high-low)*(rank-seen)/c, low, high, true
		}
		seen += c
		low = high
	}
	return 0, 0, 0, false
}
