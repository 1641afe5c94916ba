package compare

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// repeated is the Mann-Whitney U test over repeats of a stage, by benchmath, which is exact up to 50 of them. The interval
// is made of the changes that it does not reject; the estimate is the median difference between a repeat of one side and
// one of the other.
type repeated struct {
	base, new []float64
	diffs     []float64 // every new less every base, ascending
}

func newRepeated(base, new []float64) *repeated {
	t := &repeated{base: base, new: new}
	for _, b := range base {
		for _, n := range new {
			t.diffs = append(t.diffs, difference(b, n))
		}
	}
	slices.Sort(t.diffs)
	return t
}

func (t *repeated) p(m float64) float64 {
	shifted := make([]float64, len(t.base))
	for i, v := range t.base {
		shifted[i] = v + m
	}
	limits := benchmath.DefaultThresholds
	a, b := benchmath.NewSample(shifted, &limits), benchmath.NewSample(slices.Clone(t.new), &limits)
	return min(1, benchmath.AssumeNothing.Compare(a, b).P)
}

func (t *repeated) interval(level float64) (lo, hi float64) { return steps(t, t.diffs, level) }

func (t *repeated) center() float64 { return middle(t.diffs) }

func (t *repeated) more(level, limit float64) need {
	n := min(len(t.base), len(t.new))
	if least := leastRepeats(level); n < least {
		return need{least - n, "repeats"}
	}
	return scaled(t, n, level, limit, "repeats")
}

// leastRepeats is the least n at which n against n can show a p of this level: 2 / (2n over n). At 0.05 it is 4, for 3
// against 3 have 0.10 at best.
func leastRepeats(level float64) int {
	n, p := 1, 1.0
	for p > level && n < 100 {
		n++
		p = 2 / binomial(2*n, n)
	}
	return n
}

func binomial(n, k int) float64 {
	all, _ := math.Lgamma(float64(n + 1))
	in, _ := math.Lgamma(float64(k + 1))
	out, _ := math.Lgamma(float64(n - k + 1))
	return math.Round(math.Exp(all - in - out))
}
