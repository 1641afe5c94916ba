package compare

import (
	"cmp"
	"slices"
)

// holm gives each of a family of p-values the level at which it is judged, so that the chance of any false verdict among
// them stays at alpha (Holm, Scandinavian Journal of Statistics 6, 1979): the smallest at alpha/m, the next at alpha/(m-1),
// and so on up to the first that is above its level; that one's level is then everyone's who is left. An interval at the
// level given holds the limit exactly where the verdict is undecided.
func holm(ps []float64, alpha float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	levels := make([]float64, len(ps))
	stopped := false
	level := alpha
	for rank, i := range order {
		if !stopped {
			level = alpha / float64(len(ps)-rank)
			stopped = ps[i] > level
		}
		levels[i] = level
	}
	return levels
}
