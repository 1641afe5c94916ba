package compare

import (
	"math"
	"slices"
	"sort"
)

// paired is Wilcoxon's signed-rank test over pairs, with the interval of Hodges and Lehmann (Conover, Practical
// Nonparametric Statistics, 5.7). It assumes that the differences lie alike on both sides of their centre. Where both
// sides are the same server in alternating order they do by design, whatever their distribution.
type paired struct {
	n     int
	walsh []float64 // the mean of each two differences, and of each with itself, ascending
	tail  []float64 // tail[k] is the probability of a rank sum of at most k
}

func newPaired(differences []float64) *paired {
	t := &paired{n: len(differences), tail: rankSums(len(differences))}
	for i, a := range differences {
		for _, b := range differences[i:] {
			t.walsh = append(t.walsh, halfway(a, b))
		}
	}
	slices.Sort(t.walsh)
	return t
}

// rankSums is the exact distribution of the sum of those ranks from 1 to n whose coin showed heads.
func rankSums(n int) []float64 {
	tail := make([]float64, n*(n+1)/2+1)
	tail[0] = 1
	for rank := 1; rank <= n; rank++ {
		for sum := len(tail) - 1; sum >= 0; sum-- {
			tail[sum] /= 2
			if sum >= rank {
				tail[sum] += tail[sum-rank] / 2
			}
		}
	}
	for sum := 1; sum < len(tail); sum++ {
		tail[sum] += tail[sum-1]
	}
	return tail
}

// p counts the means on either side of m. Ties count against both sides, which errs towards undecided.
func (t *paired) p(m float64) float64 {
	above := sort.Search(len(t.walsh), func(i int) bool { return t.walsh[i] > m })
	below := len(t.walsh) - sort.SearchFloat64s(t.walsh, m)
	return min(1, 2*min(t.tail[above], t.tail[below]))
}

func (t *paired) interval(level float64) (lo, hi float64) { return steps(t, t.walsh, level) }

func (t *paired) center() float64 { return middle(t.walsh) }

// more rounds up to whole rounds of ABBA.
func (t *paired) more(level, limit float64) need {
	least := int(math.Ceil(1 - math.Log2(level))) // 2/2^n is the least p of n pairs
	out := need{least - t.n, "pairs"}
	if t.n >= least {
		out = scaled(t, t.n, level, limit, "pairs")
	}
	if (t.n+out.n)%2 == 1 && out.n > 0 {
		out.n++
	}
	return out
}
