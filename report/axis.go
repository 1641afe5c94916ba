package report

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// axis says how values become places. Its zero value is linear.
type axis struct {
	Label    string
	Scale    scale
	FromZero bool      // a linear axis that must not cut off its lower part
	At       []float64 // ticks at these values where they are few, such as the loads that were run
	Names    []string  // rows instead of values, from the top
}

type scale int

const (
	linear scale = iota
	log2
	log10
	tail // x = 1/(1-q), as HdrHistogram plots have it: every nine takes the same room
)

// narrow is the share of an axis' largest value under which the spread of its values is not magnified.
const narrow = 0.2

// place maps a value to the linear coordinate that gonum draws.
func (a axis) place(v float64) float64 {
	switch a.Scale {
	case log2:
		return math.Log2(v)
	case log10, tail:
		return math.Log10(v)
	default:
		return v
	}
}

// reach gives the first and last place of an axis on which values must show, never an empty or infinite stretch.
func (a axis) reach(values []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if p := a.place(v); finite(p) {
			lo, hi = min(lo, p), max(hi, p)
		}
	}
	if lo > hi {
		return 0, 1
	}
	if a.Scale == tail {
		return 0, max(hi, 1)
	}
	margin := 0.05 * (hi - lo)
	if margin <= 0 || !finite(margin) {
		margin = max(math.Abs(hi)*0.5, 1e-9)
	}
	if a.Scale == linear && lo >= 0 && hi-lo < narrow*hi {
		return 0, hi * 1.05 // magnified, such a stretch would pass noise for a finding
	}
	if a.FromZero && a.Scale == linear {
		return min(0, lo), hi + margin
	}
	return lo - margin, hi + margin
}

// Ticks implements plot.Ticker over places.
func (a axis) Ticks(lo, hi float64) []plot.Tick {
	switch {
	case a.Names != nil:
		return a.nameTicks()
	case a.Scale == tail:
		return tailTicks(hi)
	case len(a.At) > 0 && a.fits(lo, hi):
		return a.ticksAt(a.At)
	case a.Scale == linear:
		return niceTicks(lo, hi)
	default:
		return a.logTicks(lo, hi)
	}
}

// fits reports whether the labels of At would stand clear of one another.
func (a axis) fits(lo, hi float64) bool {
	const apart = 1.0 / 14
	at := slices.Compact(slices.Sorted(slices.Values(a.At)))
	for i := 1; i < len(at); i++ {
		if a.place(at[i])-a.place(at[i-1]) < apart*(hi-lo) {
			return false
		}
	}
	return true
}

func (a axis) ticksAt(values []float64) []plot.Tick {
	var ticks []plot.Tick
	for _, v := range slices.Compact(slices.Sorted(slices.Values(values))) {
		ticks = append(ticks, plot.Tick{Value: a.place(v), Label: tickLabel(v)})
	}
	return ticks
}

func (a axis) nameTicks() []plot.Tick {
	var ticks []plot.Tick
	for i, name := range a.Names {
		ticks = append(ticks, plot.Tick{Value: -float64(i), Label: name})
	}
	return ticks
}

// tailTicks labels the quantiles that people ask for.
func tailTicks(hi float64) []plot.Tick {
	ticks := []plot.Tick{{Value: 0, Label: "0%"}, {Value: math.Log10(2), Label: "50%"}}
	for nines := 1; float64(nines) <= hi+1e-9; nines++ {
		label := "90%"
		if nines > 1 {
			label = strings.TrimSuffix("99."+strings.Repeat("9", nines-2), ".") + "%"
		}
		ticks = append(ticks, plot.Tick{Value: float64(nines), Label: label})
	}
	return ticks
}

// niceTicks places about six ticks at multiples of 1, 2 or 5.
func niceTicks(lo, hi float64) []plot.Tick {
	step := niceStep((hi - lo) / 6)
	if !finite(step) || step <= 0 || lo+step == lo || hi+step == hi {
		return []plot.Tick{{Value: lo, Label: tickLabel(lo)}}
	}
	var ticks []plot.Tick
	first := math.Ceil(lo / step)
	for i := range 10 { // the first may be -0, which adding 0 makes 0
		if v := (first + float64(i)) * step; v <= hi+step*1e-9 {
			ticks = append(ticks, plot.Tick{Value: v, Label: stepLabel(v, step)})
		}
	}
	return ticks
}

func niceStep(raw float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if raw <= m*power*1.0001 {
			return m * power
		}
	}
	return 10 * power
}

// logTicks labels powers of two, or 1, 2 and 5 times powers of ten, thinned until they stand clear of one another.
func (a axis) logTicks(lo, hi float64) []plot.Tick {
	base, marks := 10.0, []float64{1, 2, 5}
	if a.Scale == log2 {
		base, marks = 2, []float64{1}
	}
	first, last := math.Floor(lo/a.place(base)), math.Ceil(hi/a.place(base))
	if last-first > 4 {
		marks = marks[:1]
	}
	every := math.Ceil((last - first) / 10)
	var ticks []plot.Tick
	for exp := first; exp <= last; exp += every {
		for _, m := range marks {
			v := m * math.Pow(base, exp)
			if p := a.place(v); p >= lo && p <= hi {
				ticks = append(ticks, plot.Tick{Value: p, Label: tickLabel(v)})
			}
		}
	}
	return ticks
}

// tickLabel writes a value as short as it can be.
func tickLabel(v float64) string {
	if !finite(v) {
		return "?"
	}
	if math.Abs(v) >= 1000 {
		return digits(v)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// stepLabel writes a multiple of step with the decimals that step has, so that 0.30000000000000004 is 0.3.
func stepLabel(v, step float64) string {
	if step >= 1 || step < 1e-6 {
		return tickLabel(v)
	}
	return strconv.FormatFloat(v, 'f', int(math.Ceil(-math.Log10(step)-1e-9)), 64)
}
