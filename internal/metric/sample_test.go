package metric_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/llmload/llmload/internal/metric"
)

func TestMinSamplesOfTheDesign(t *testing.T) {
	for q, want := range map[float64]int{.5: 5, .9: 29, .95: 59, .99: 299, .999: 2995, .001: 1} {
		if got := metric.MinSamples(q); got != want {
			t.Errorf("q %v needs %d samples, want %d", q, got, want)
		}
	}
}

func TestMinSamplesIsTheLeast(t *testing.T) {
	for _, q := range []float64{.5, .75, .9, .95, .99, .999, .9999} {
		n := float64(metric.MinSamples(q))
		if math.Pow(q, n) > .05 || math.Pow(q, n-1) <= .05 {
			t.Errorf("q %v: q^%v is %v", q, n, math.Pow(q, n))
		}
	}
}

func TestRankInterval(t *testing.T) {
	tests := map[string]struct {
		q      float64
		n      int
		lo, hi int
	}{
		"the p99 of a thousand":                  {.99, 1000, 983, 997},
		"the median of ten (tables give 2 to 9)": {.5, 10, 2, 9},
		"the median of a hundred":                {.5, 100, 40, 61},
		"too few to bound above":                 {.99, 100, 97, 101},
		"too few to bound below":                 {.01, 100, 0, 4},
		"no sample bounds nothing":               {.5, 0, 0, 1},
		"five million do not take for ever":      {.5, 5_000_000, 2_497_809, 2_502_192},
	}
	for name, test := range tests {
		if lo, hi := metric.RankInterval(test.q, test.n); lo != test.lo || hi != test.hi {
			t.Errorf("%s: %d to %d, want %d to %d", name, lo, hi, test.lo, test.hi)
		}
	}
}

// TestRankIntervalIsExact computes the tails of the binomial in whole numbers: at most 2.5% on each side, and more one rank
// further in.
func TestRankIntervalIsExact(t *testing.T) {
	for _, percent := range []int64{1, 10, 50, 90, 95, 99} {
		for n := range int64(120) {
			lo, hi := metric.RankInterval(float64(percent)/100, int(n))
			below := func(k int64) float64 { return binomialUpTo(n, k, percent) }       // P(B <= k)
			above := func(k int64) float64 { return binomialUpTo(n, n-k, 100-percent) } // P(B >= k)
			if below(int64(lo)-1) > .025 || below(int64(lo)) <= .025 || above(int64(hi)) > .025 || above(int64(hi)-1) <= .025 {
				t.Fatalf("p%d of %d: %d to %d is not the tightest interval", percent, n, lo, hi)
			}
		}
	}
}

func binomialUpTo(n, k, percent int64) float64 {
	sum := new(big.Int)
	for i := int64(0); i <= k; i++ {
		term := new(big.Int).Binomial(n, i)
		term.Mul(term, new(big.Int).Exp(big.NewInt(percent), big.NewInt(i), nil))
		sum.Add(sum, term.Mul(term, new(big.Int).Exp(big.NewInt(100-percent), big.NewInt(n-i), nil)))
	}
	p, _ := new(big.Rat).SetFrac(sum, new(big.Int).Exp(big.NewInt(100), big.NewInt(n), nil)).Float64()
	return p
}
