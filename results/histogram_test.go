package results_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/llmload/llmload/results"
)

func TestHistogramIsExactWhereItPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 3600e9), 1, 200).Draw(t, "values")
		var h results.Histogram
		for _, v := range values {
			h.Record(v)
		}
		slices.Sort(values)
		n := len(values)
		if h.Count() != int64(n) || h.Min() != values[0] || h.Max() != values[n-1] || h.Under()+h.Over() != 0 {
			t.Fatalf("count %d, min %d, max %d of %v", h.Count(), h.Min(), h.Max(), values)
		}
		mean, m2 := 0.0, 0.0
		for _, v := range values {
			mean += float64(v) / float64(n)
		}
		for _, v := range values {
			m2 += (float64(v) - mean) * (float64(v) - mean) / float64(n)
		}
		if !near(h.Mean(), mean, 1e-9) || !near(h.Stddev(), math.Sqrt(m2), 1e-6) {
			t.Fatalf("mean %g, stddev %g, want %g, %g", h.Mean(), h.Stddev(), mean, math.Sqrt(m2))
		}
		for k, v := range values {
			if got := h.Rank(int64(k + 1)); !near(float64(got), float64(v), 0.001) || got > h.Max() || got < h.Min() {
				t.Fatalf("rank %d is %d, want %d", k+1, got, v)
			}
		}
		if h.Rank(0) != 0 || h.Rank(int64(n+1)) != 0 {
			t.Fatal("a rank outside has a value")
		}
	})
}

func near(got, want, share float64) bool {
	return math.Abs(got-want) <= share*math.Abs(want)+1e-3
}

func TestHistogramKeepsWhatIsOutOfRange(t *testing.T) {
	var h results.Histogram
	for _, v := range []int64{-7, 5, 2 * 3600e9, math.MaxInt64} {
		h.Record(v)
	}
	if h.Count() != 4 || h.Under() != 1 || h.Over() != 2 {
		t.Errorf("count %d, under %d, over %d, want 4, 1, 2", h.Count(), h.Under(), h.Over())
	}
	if h.Min() != 0 || h.Max() != math.MaxInt64 || h.Rank(4) != math.MaxInt64 {
		t.Errorf("min %d, max %d", h.Min(), h.Max())
	}
	if got := h.Rank(3); !near(float64(got), 3600e9, 0.001) {
		t.Errorf("a value over the range ranks as %d, want an hour", got)
	}
	if v := h.Stddev(); math.IsNaN(v) || math.IsInf(v, 0) {
		t.Errorf("stddev %g", v)
	}
}

func TestStddevOfCloseValuesKeepsItsDigits(t *testing.T) {
	var h results.Histogram
	for i := range int64(1000) {
		h.Record(3599e9 + i%2) // sums of squares agree in 24 digits
	}
	if got := h.Stddev(); !near(got, 0.5, 1e-12) {
		t.Errorf("stddev %g, want 0.5", got)
	}
}

func TestEmptyHistogram(t *testing.T) {
	var h, o results.Histogram
	if err := h.Merge(&o); err != nil || h.Count() != 0 || h.Rank(1) != 0 || h.Min() != 0 || h.Max() != 0 {
		t.Errorf("%v: count %d, rank %d", err, h.Count(), h.Rank(1))
	}
	if !math.IsNaN(h.Mean()) || !math.IsNaN(h.Stddev()) {
		t.Error("a mean of nothing is a number")
	}
}

func TestMergeEqualsOneHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(-10, 4000e9), 0, 200).Draw(t, "values")
		var whole, left, right results.Histogram
		for i, v := range values {
			whole.Record(v)
			[]*results.Histogram{&left, &right}[rapid.IntRange(0, 1).Draw(t, "side")*min(i, 1)].Record(v)
		}
		if err := left.Merge(&right); err != nil {
			t.Fatal(err)
		}
		if got, want := digest(&left), digest(&whole); !slices.Equal(got, want) {
			t.Fatalf("merged %v, whole %v", got, want)
		}
	})
}

// digest is everything that can be seen of a histogram.
func digest(h *results.Histogram) []float64 {
	d := []float64{float64(h.Count()), float64(h.Min()), float64(h.Max()), float64(h.Under()), float64(h.Over())}
	if h.Count() > 0 {
		d = append(d, h.Mean(), h.Stddev())
	}
	for ns, n := range h.Buckets {
		d = append(d, float64(ns), float64(n))
	}
	return d
}
