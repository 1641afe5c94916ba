package compare

import (
	"math"

	"github.com/aclements/go-moremath/stats"
)

// counts is a share: part of all.
type counts struct{ part, all float64 }

// share is the difference of two shares by counting, after Agresti and Caffo (The American Statistician 54, 2000): one
// success and one failure more on each side keep "none of 20 failed" from meaning "none will". It takes requests for
// independent, so it never stands alone: see both.
type share struct{ base, new counts }

// moments are the estimate and its variance.
func (c counts) moments() (p, variance float64) {
	p = (c.part + 1) / (c.all + 2)
	return p, p * (1 - p) / (c.all + 2)
}

func (t share) moments() (mean, deviation float64) {
	p, v := t.base.moments()
	q, w := t.new.moments()
	return q - p, math.Sqrt(v + w)
}

func (t share) p(m float64) float64 {
	mean, deviation := t.moments()
	return 2 * stats.StdNormal.CDF(-math.Abs(mean-m)/deviation)
}

func (t share) interval(level float64) (lo, hi float64) {
	mean, deviation := t.moments()
	z := -stats.StdNormal.InvCDF(level / 2)
	return mean - z*deviation, mean + z*deviation
}

func (t share) center() float64 { return t.new.part/t.new.all - t.base.part/t.base.all }

func (t share) more(level, limit float64) need {
	return scaled(t, int(min(t.base.all, t.new.all)), level, limit, "requests")
}

// both holds where each of two tests holds: the one knows how runs scatter, the other how few were counted.
type both struct {
	test
	counted share
}

func (t both) p(m float64) float64 { return max(t.test.p(m), t.counted.p(m)) }

func (t both) interval(level float64) (lo, hi float64) {
	lo, hi = t.test.interval(level)
	a, b := t.counted.interval(level)
	return min(lo, a), max(hi, b)
}

func (t both) center() float64 { return t.counted.center() }

func (t both) more(level, limit float64) need {
	a, b := t.test.interval(level)
	lo, hi := t.counted.interval(level)
	if hi-lo > b-a {
		return t.counted.more(level, limit)
	}
	return t.test.more(level, limit)
}
