package compare

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
)

// A test holds observations of one change and says how well a change m explains them. Changes are on the scale of the
// figure: logarithms of ratios, or differences of shares.
type test interface {
	// p is the two-sided p-value of "the change is m".
	p(m float64) float64
	// interval is every m whose p is above level, from the first to the last.
	interval(level float64) (lo, hi float64)
	// center is the estimate of the change.
	center() float64
	// more is how many observations more are needed for the interval of this level to end before a limit that lies so far
	// above the center, or below it.
	more(level, limit float64) need
}

// need is what is missing for a verdict.
type need struct {
	n    int    // 0: not known
	unit string // pairs, repeats, requests
}

func (n need) String() string {
	if n.n == 1 {
		return "1 more " + strings.TrimSuffix(n.unit, "s")
	}
	return fmt.Sprintf("%d more %s", n.n, n.unit)
}

// mostMore is how much more is worth asking for.
const mostMore = 100_000

// scaled is the need of n observations: an interval shrinks with the root of their count. It need not reach as far to one side
// of its center as to the other.
func scaled(t test, n int, level, limit float64, unit string) need {
	lo, hi := t.interval(level)
	reach := hi - t.center()
	if limit < 0 {
		reach = t.center() - lo
	}
	more := float64(n)*(reach*reach/(limit*limit)) - float64(n)
	if math.IsNaN(more) || more > mostMore {
		return need{unit: unit}
	}
	return need{max(1, int(math.Ceil(more))), unit}
}

// steps inverts a test whose p changes at the edges alone and falls away from its center: regions between edges are
// accepted or not as a whole. edges are ascending.
func steps(t test, edges []float64, level float64) (lo, hi float64) {
	edges = finite(edges)
	center := t.center()
	if math.IsInf(center, 0) {
		return stepsTo(t, edges, level, center)
	}
	// Region i lies between edges[i-1] and edges[i].
	first := sort.Search(len(edges)+1, func(i int) bool { return at(edges, i) >= center || t.p(at(edges, i)) > level })
	last := sort.Search(len(edges)+1, func(i int) bool { return at(edges, i) > center && t.p(at(edges, i)) <= level }) - 1
	lo, hi = math.Inf(-1), math.Inf(1)
	if first > 0 {
		lo = edges[first-1]
	}
	if last < len(edges) {
		hi = edges[max(last, 0)]
	}
	return min(lo, center), max(hi, center)
}

// stepsTo inverts a test whose center is beyond every number: a quantile that has become a failure. The far end is the
// center itself.
func stepsTo(t test, edges []float64, level, center float64) (lo, hi float64) {
	if center > 0 {
		first := sort.Search(len(edges)+1, func(i int) bool { return t.p(at(edges, i)) > level })
		switch {
		case first > len(edges):
			return center, center
		case first == 0:
			return math.Inf(-1), center
		}
		return edges[first-1], center
	}
	last := sort.Search(len(edges)+1, func(i int) bool { return t.p(at(edges, i)) <= level }) - 1
	switch {
	case last < 0:
		return center, center
	case last == len(edges):
		return center, math.Inf(1)
	}
	return center, edges[last]
}

// at is a point inside region i.
func at(edges []float64, i int) float64 {
	const beyond = 1
	switch {
	case len(edges) == 0:
		return 0
	case i == 0:
		return edges[0] - beyond
	case i == len(edges):
		return edges[i-1] + beyond
	}
	return edges[i-1] + (edges[i]-edges[i-1])/2
}

// finite are the distinct finite edges.
func finite(edges []float64) []float64 {
	var out []float64
	for _, e := range edges {
		if !math.IsInf(e, 0) {
			out = append(out, e)
		}
	}
	return slices.Compact(out)
}

// difference is to - from on a scale where failures are infinite; two failures do not differ.
func difference(from, to float64) float64 {
	if from == to {
		return 0
	}
	return to - from
}

// middle is the median; of an even number of values the mean of the two in the middle.
func middle(sorted []float64) float64 {
	n := len(sorted)
	return halfway(sorted[(n-1)/2], sorted[n/2])
}

// halfway is the mean of two changes. Between a failure and its opposite it is no change.
func halfway(a, b float64) float64 {
	if m := a/2 + b/2; !math.IsNaN(m) {
		return m
	}
	return 0
}
