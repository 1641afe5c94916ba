package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"

	"github.com/aclements/go-moremath/stats"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// draws is how often a run is put together anew from its own blocks.
const draws = 4000

// bootstrapped is the change between two runs that were not repeated, over blocks of their records drawn with replacement
// (Carlstein, Annals of Statistics 14, 1986). It knows how requests scatter inside a run, and nothing of how runs do.
type bootstrapped struct {
	estimate float64
	changes  []float64 // ascending
	blocks   int       // of the side that has fewer
	requests int       // likewise
}

// p takes the share of draws beyond m for a normal score and widens it to Student's, because few blocks know little of
// their own scatter (the expanded percentile interval: Hesterberg, The American Statistician 69, 2015, 4.5).
func (t *bootstrapped) p(m float64) float64 {
	above := len(t.changes) - sort.SearchFloat64s(t.changes, m)
	below := sort.Search(len(t.changes), func(i int) bool { return t.changes[i] > m })
	part := float64(min(above, below)+1) / float64(len(t.changes)+1)
	if part >= 0.5 {
		return 1
	}
	k := float64(t.blocks)
	score := stats.StdNormal.InvCDF(part) / math.Sqrt(k/(k-1))
	return min(1, 2*stats.TDist{V: k - 1}.CDF(score))
}

func (t *bootstrapped) interval(level float64) (lo, hi float64) { return steps(t, t.changes, level) }

func (t *bootstrapped) center() float64 { return t.estimate }

func (t *bootstrapped) more(level, limit float64) need {
	return scaled(t, t.requests, level, limit, "requests")
}

// bootstrap is the test of a figure of a stage that was not repeated, or why there is none.
func (b *blocking) bootstrap(stage string, f figure, info metric.Info) (test, need, string) {
	of := b.of[stage]
	t := &bootstrapped{blocks: math.MaxInt, requests: math.MaxInt}
	var sides [2][]float64
	var estimates [2]float64
	for side, name := range []string{"base", "new"} {
		k := of[side]
		if k.unread != "" {
			return nil, need{}, name + ": " + k.unread
		}
		if n := len(k.made); n < leastBlocks {
			return nil, need{leastBlocks*k.length - k.wanted, "requests"}, fmt.Sprintf(
				"%s: %d requests are %d blocks of %d, and under %d blocks say nothing; or repeat the stage", name, k.wanted, n, k.length, leastBlocks)
		}
		s, ok := newStatistic(k.made, f)
		if !ok {
			return nil, need{}, "one run has one of it: repeat the stage (`repeat: 4` under load), or use llmload ab"
		}
		sides[side] = s.resample(rand.New(rand.NewPCG(b.seed, uint64(side))), info)
		estimates[side] = s.of(ones(len(k.made)), info)
		t.blocks, t.requests = min(t.blocks, len(k.made)), min(t.requests, k.wanted)
	}
	t.estimate = difference(estimates[0], estimates[1])
	for i, base := range sides[0] {
		t.changes = append(t.changes, difference(base, sides[1][i]))
	}
	slices.Sort(t.changes)
	return t, need{}, ""
}

// statistic computes a figure of any choice of blocks, given how often each was chosen.
type statistic struct {
	raw func(weights []float64) float64 // in the figure's own unit; +Inf is a failed request
	n   int
}

func (s statistic) of(weights []float64, info metric.Info) float64 {
	return scale(info, s.raw(weights))
}

func (s statistic) resample(r *rand.Rand, info metric.Info) []float64 {
	out := make([]float64, draws)
	weights := make([]float64, s.n)
	for i := range out {
		clear(weights)
		for range s.n {
			weights[r.IntN(s.n)]++
		}
		out[i] = s.of(weights, info)
	}
	return out
}

func ones(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1
	}
	return w
}

// newStatistic finds what the figure is made of; ok is false where blocks do not tell it.
func newStatistic(parts []part, f figure) (s statistic, ok bool) {
	q, isQuantile := (metric.Threshold{Stat: f.stat}).Quantile()
	switch {
	case isQuantile:
		return newQuantile(parts, f, q), true
	case f.stat == "mean":
		return ratioOf(parts, func(p part) (float64, float64) {
			h := p.metrics[f.metric]
			if h == nil {
				return 0, 0
			}
			return h.Mean() * float64(h.Count()), float64(h.Count())
		}), true
	case f.metric == metric.SuccessRate, f.metric == metric.ErrorRate, f.metric == metric.Attainment:
		return ratioOf(parts, func(p part) (float64, float64) {
			c := countsOf(&p.summary, f.metric)
			return c.part, c.all
		}), true
	}
	return statistic{}, false
}

// ratioOf divides sums over blocks.
func ratioOf(parts []part, of func(part) (up, down float64)) statistic {
	ups, downs := make([]float64, len(parts)), make([]float64, len(parts))
	for i, p := range parts {
		ups[i], downs[i] = of(p)
	}
	return statistic{n: len(parts), raw: func(weights []float64) float64 {
		down := dot(weights, downs)
		if down == 0 {
			return math.Inf(1) // blocks in which nothing succeeded
		}
		return dot(weights, ups) / down
	}}
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// newQuantile ranks as results does, failures above every success, over counts that are summed up block by block.
func newQuantile(parts []part, f figure, q float64) statistic {
	values := edgesOf(parts, f.metric)
	counts := make([][]float64, len(values)) // counts[v][block]: values up to v
	for v := range counts {
		counts[v] = make([]float64, len(parts))
	}
	ranked := make([]float64, len(parts))
	for i, p := range parts {
		h := p.metrics[f.metric]
		if m := p.summary.Metrics[f.metric]; m != nil && !strings.HasPrefix(f.stat, "ok_") {
			ranked[i] = float64(m.Failed)
		}
		if h == nil {
			continue
		}
		ranked[i] += float64(h.Count())
		accumulate(counts, i, values, h)
	}
	return statistic{n: len(parts), raw: func(weights []float64) float64 {
		rank := float64(results.QuantileRank(q, int64(dot(weights, ranked))))
		at := sort.Search(len(values), func(v int) bool { return dot(weights, counts[v]) >= rank })
		if at == len(values) {
			return math.Inf(1)
		}
		return float64(values[at])
	}}
}

// accumulate fills one block's column.
func accumulate(counts [][]float64, block int, values []int64, h *results.Histogram) {
	var seen float64
	next := 0
	for ns, n := range h.Buckets {
		for next < len(values) && values[next] < ns {
			counts[next][block] = seen
			next++
		}
		seen += float64(n)
	}
	for ; next < len(values); next++ {
		counts[next][block] = seen
	}
}

// edgesOf are the distinct values of a metric over all blocks, ascending.
func edgesOf(parts []part, name metric.Name) (values []int64) {
	for _, p := range parts {
		if h := p.metrics[name]; h != nil {
			for ns := range h.Buckets {
				values = append(values, ns)
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}
