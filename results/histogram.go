package results

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The geometry of every histogram: one nanosecond to one hour at three significant digits. One nanosecond, so that a
// delay of nothing is 0 and not the edge of the first bucket; the packed storage makes the unused resolution free.
const (
	lowestNS          = 1
	highestNS         = int64(3600e9)
	significantDigits = 3
	subBucketBits     = 11 // 2048 sub-buckets hold three digits
	momentCap         = 1 << 52
)

// Histogram counts durations in nanoseconds. Quantiles are within 0.1% (HdrHistogram, three significant digits); count,
// min, max, mean and standard deviation are exact. The zero value is ready for use and costs nothing until the first
// Record. It is not safe for concurrent use: one a goroutine, merged at the end. It must not be copied.
type Histogram struct {
	_ noCopy

	packed      *hdrhistogram.PackedHistogram // nil before the first value
	min, max    int64
	sum, sq     uint128
	under, over int64
}

// noCopy lets go vet refuse copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Record counts one duration. A negative one is counted as 0 and one above an hour in the last bucket; Under and Over
// say how many there were.
func (h *Histogram) Record(ns int64) { h.RecordN(ns, 1) }

// RecordN counts a duration n times, as when a histogram is read from its buckets.
func (h *Histogram) RecordN(ns, n int64) {
	if n <= 0 {
		return
	}
	if ns < 0 {
		h.under += n
		ns = 0
	}
	h.widen(ns, ns)
	bucket := ns
	if ns > highestNS {
		h.over += n
		bucket = highestNS
	}
	// In range by the lines above; the error remains for a count beyond 2^63.
	_ = h.packed.RecordValues(bucket, n)
	// Hostile stamps alone pass the cap of 52 days; the squares of 16 million of them still fit.
	moment := uint64(min(ns, momentCap))
	h.sum.add(product(moment, uint64(n)))
	h.sq.add(scaled(product(moment, moment), uint64(n)))
}

// widen takes lo and hi into the exact range.
func (h *Histogram) widen(lo, hi int64) {
	if h.packed == nil {
		h.packed = hdrhistogram.NewPacked(lowestNS, highestNS, significantDigits)
		h.min, h.max = lo, hi
		return
	}
	h.min, h.max = min(h.min, lo), max(h.max, hi)
}

// Merge adds all of o's values. The result is the one of recording both series into one histogram.
func (h *Histogram) Merge(o *Histogram) error {
	if o.packed == nil {
		return nil
	}
	h.widen(o.min, o.max)
	if dropped := h.packed.Merge(o.packed); dropped != 0 {
		return fmt.Errorf("results: merging histograms lost %d of %d values", dropped, o.Count())
	}
	h.sum.add(o.sum)
	h.sq.add(o.sq)
	h.under += o.under
	h.over += o.over
	return nil
}

// Count returns the number of values.
func (h *Histogram) Count() int64 {
	if h.packed == nil {
		return 0
	}
	return h.packed.TotalCount()
}

// Under returns how many values were negative, a sign of stamps out of order.
func (h *Histogram) Under() int64 { return h.under }

// Over returns how many values were above one hour.
func (h *Histogram) Over() int64 { return h.over }

// Min returns the smallest value, 0 when there is none.
func (h *Histogram) Min() int64 { return h.min }

// Max returns the largest value, 0 when there is none.
func (h *Histogram) Max() int64 { return h.max }

// Mean returns the mean, NaN when there is no value.
func (h *Histogram) Mean() float64 { return h.sum.float() / float64(h.Count()) }

// Stddev returns the standard deviation of the values as a population, NaN when there is none.
func (h *Histogram) Stddev() float64 {
	n := h.Count()
	if n == 0 {
		return math.NaN()
	}
	// n*sq - sum^2 in integers: no digit is lost however close the values lie together.
	d := new(big.Int).Mul(big.NewInt(n), h.sq.big())
	sum := h.sum.big()
	d.Sub(d, sum.Mul(sum, sum))
	f, _ := new(big.Float).SetInt(d).Float64()
	return math.Sqrt(math.Max(f, 0)) / float64(n)
}

// Rank returns the k-th smallest value (k from 1 to Count) within 0.1%, the first and the last exactly. As all readers
// of HdrHistogram do, it answers with the upper edge of the value's bucket. Outside that range of k it returns 0.
func (h *Histogram) Rank(k int64) int64 {
	switch n := h.Count(); {
	case k < 1 || k > n:
		return 0
	case k == 1:
		return h.min
	case k == n:
		return h.max
	}
	var seen, at int64
	for ns, count := range h.Buckets {
		if seen += count; seen >= k {
			at = ns
			break
		}
	}
	return min(max(at, h.min), h.max)
}

// Quantile returns the value of rank ceil(q n), the rule of every quantile here; 0 without a value.
func (h *Histogram) Quantile(q float64) int64 {
	if h.Count() == 0 {
		return 0
	}
	return h.Rank(QuantileRank(q, h.Count()))
}

// Buckets yields the upper edge and the count of each bucket that holds values, in ascending order.
func (h *Histogram) Buckets(yield func(ns, count int64) bool) {
	if h.packed == nil {
		return
	}
	for ns, count := range h.packed.ForEachBucket {
		if !yield(upperEdge(ns), count) {
			return
		}
	}
}

// upperEdge returns the largest duration that shares a bucket with ns.
func upperEdge(ns int64) int64 {
	if width := bits.Len64(uint64(ns)) - subBucketBits; width > 0 {
		return ns | (1<<width - 1)
	}
	return ns
}
