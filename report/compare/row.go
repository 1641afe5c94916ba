package compare

import (
	"fmt"
	"math"
	"slices"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// shareMargin is the change of a share that does not matter: one percentage point.
const shareMargin = 0.01

// scale puts a value where changes are differences: a share stays, of anything else it is the logarithm.
func scale(info metric.Info, v float64) float64 {
	if info.Points() {
		return v
	}
	return math.Log(v)
}

// change takes a difference on the scale back: to a relative change, or to one of a share.
func change(info metric.Info, d float64) float64 {
	if info.Points() {
		return d
	}
	return math.Expm1(d)
}

// bound puts a change on the scale.
func bound(info metric.Info, change float64) float64 {
	if info.Points() {
		return change
	}
	return math.Log1p(change)
}

// evidence is all that is known of one figure of one stage.
type evidence struct {
	info       metric.Info
	base, new  []float64 // in the summary's unit, a run or a repeat each; failures are infinite
	test       test      // nil: why says what is missing
	need       need
	why        string
	absent     bool // neither side has such a figure
	unresolved bool // neither side has requests enough for it
	n          int  // observations
	method     string
}

// weigh is the evidence of a figure, which a row and its gates share.
func (c *comparing) weigh(stage string, f figure) evidence {
	key := stage + "\x00" + f.String()
	e, ok := c.weighed[key]
	if !ok {
		e = c.collect(stage, f)
		c.weighed[key] = e
	}
	return e
}

// collect gathers what is known of a figure.
func (c *comparing) collect(stage string, f figure) evidence {
	info, _ := metric.Lookup(string(f.metric))
	e := evidence{info: info}
	base, new := c.base.of[stage], c.new.of[stage]
	var whyBase, whyNew string
	var lackBase, lackNew results.State
	e.base, whyBase, lackBase = observe(base, f, info)
	e.new, whyNew, lackNew = observe(new, f, info)
	e.absent = lackBase == results.Absent && lackNew == results.Absent
	e.unresolved = lackBase == results.Unresolved && lackNew == results.Unresolved
	switch {
	case c.res.blocked != "":
		e.why = c.res.blocked
	case silent(base):
		e.why = "base: no request succeeded"
	case silent(new):
		e.why = "new: no request succeeded"
	case whyBase != "":
		e.why = "base: " + whyBase
	case whyNew != "":
		e.why = "new: " + whyNew
	default:
		c.choose(&e, stage, f)
	}
	return e
}

// choose picks the test that fits how the figure was observed.
func (c *comparing) choose(e *evidence, stage string, f figure) {
	base, new := toScale(e.info, e.base), toScale(e.info, e.new)
	switch {
	case c.blocks == nil:
		from, to := byRun(c.base.of[stage], base), byRun(c.new.of[stage], new)
		e.method, e.n = "pairs", len(to)
		diffs := make([]float64, 0, len(to))
		for run, value := range to {
			if _, ok := from[run]; ok {
				diffs = append(diffs, difference(from[run], value))
			}
		}
		if len(diffs) != len(from) || len(diffs) != len(to) {
			e.why = "a pair has the stage on one side alone"
			return
		}
		e.test = newPaired(diffs)
	case len(base) > 1 || len(new) > 1:
		e.method, e.n = "repeats", min(len(base), len(new))
		e.test = newRepeated(base, new)
	default:
		e.method, e.n = "requests", 0
		e.test, e.need, e.why = c.blocks.bootstrap(stage, f, e.info)
		if t, ok := e.test.(*bootstrapped); ok {
			e.n = t.requests
		}
		if e.test == nil || e.why != "" {
			e.test = nil
			return
		}
	}
	if e.info.Points() {
		e.test = both{e.test, share{pooled(c.base.of[stage], f.metric), pooled(c.new.of[stage], f.metric)}}
	}
}

// byRun is the mean over the repeats that a run made of the stage. They share what the run scatters, so that a pair of runs is
// one observation, however many repeats it has.
func byRun(samples []sample, values []float64) map[int]float64 {
	means, count := map[int]float64{}, map[int]float64{}
	for _, s := range samples {
		count[s.run]++
	}
	for i, v := range values {
		run := samples[i].run
		means[run] += v / count[run]
	}
	return means
}

func toScale(info metric.Info, values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = scale(info, v)
	}
	return out
}

// observe reads the figure of each sample; why and lack say what is missing in the first that lacks it.
func observe(samples []sample, f figure, info metric.Info) (values []float64, why string, lack results.State) {
	for _, s := range samples {
		v, state, missing := s.summary.Figure(f.metric, f.stat, s.histograms)
		switch {
		case state == results.Value:
			values = append(values, v)
		case state == results.Failed && info.HigherIsBetter:
			values = append(values, 0)
		case state == results.Failed:
			values = append(values, math.Inf(1))
		default:
			return nil, missing, state
		}
	}
	return values, "", results.Value
}

func silent(samples []sample) bool {
	return slices.ContainsFunc(samples, func(s sample) bool { return s.summary.Requests.Succeeded == 0 })
}

// pooled counts a share over all samples.
func pooled(samples []sample, name metric.Name) (sum counts) {
	for _, s := range samples {
		c := countsOf(s.summary, name)
		sum.part += c.part
		sum.all += c.all
	}
	return sum
}

func countsOf(s *results.StageSummary, name metric.Name) counts {
	all := float64(s.Requests.Issued - s.Requests.Cancelled)
	switch {
	case name == metric.ErrorRate:
		return counts{all - float64(s.Requests.Succeeded), all}
	case name == metric.Attainment && s.Goodput.Attainment != nil:
		return counts{*s.Goodput.Attainment * all, all}
	}
	return counts{float64(s.Requests.Succeeded), all}
}

// row compares one figure; ok is false where neither side has it, unless it was asked for.
func (c *comparing) row(stage string, f figure) (Row, bool) {
	e := c.weigh(stage, f)
	r := e.row(stage, f.String(), alpha)
	if e.test == nil {
		r.Verdict, r.Why = Undecided, e.undecided(e.need)
		return r, c.asked(stage, f) || !e.absent && !e.unresolved
	}
	lo, hi := e.test.interval(alpha)
	margin := bound(e.info, c.res.Margin)
	if e.info.Points() {
		margin = shareMargin
	}
	r.Verdict = judge(lo, hi, margin, e.info.HigherIsBetter)
	if r.Verdict == Undecided {
		r.Why = e.undecided(nearest(e.test, margin))
	}
	return r, true
}

// nearest is what is missing to tell a change apart from nothing, or to have it within the margin: whichever comes first.
func nearest(t test, margin float64) need {
	d := t.center()
	apart := t.more(alpha, -d)
	if math.Abs(d) >= margin {
		return apart
	}
	up, down := t.more(alpha, margin-d), t.more(alpha, -margin-d)
	same := up
	if up.n > 0 && (down.n == 0 || down.n > up.n) {
		same = down
	}
	if apart.n > 0 && (same.n == 0 || apart.n < same.n) {
		return apart
	}
	return same
}

// judge says what an interval proves of a change.
func judge(lo, hi, margin float64, higherIsBetter bool) Verdict {
	up, down := Worse, Better
	if higherIsBetter {
		up, down = down, up
	}
	switch {
	case lo > -margin && hi < margin:
		return Same
	case lo > 0:
		return up
	case hi < 0:
		return down
	}
	return Undecided
}

// row is the figures without a verdict.
func (e evidence) row(stage, name string, level float64) Row {
	unit, _ := e.info.Unit.Scale()
	r := Row{Stage: stage, Metric: name, Unit: unit, Points: e.info.Points(), Base: typical(e.base), New: typical(e.new), N: e.n, Of: e.method}
	if e.test == nil {
		return r
	}
	lo, hi := e.test.interval(level)
	r.Level = 1 - level
	r.Change, r.Lo, r.Hi = e.change(e.test.center()), e.change(lo), e.change(hi)
	return r
}

// change is a difference as a number that can be printed; an infinite one, of a failure or an open end, has none.
func (e evidence) change(d float64) Number {
	if math.IsInf(d, 0) {
		return Number{}
	}
	return asNumber(change(e.info, d))
}

// undecided says why there is no verdict and what would bring one.
func (e evidence) undecided(more need) string {
	switch {
	case e.why != "" && more.n > 0:
		return fmt.Sprintf("needs %s: %s", more, e.why)
	case e.why != "":
		return e.why
	case more.n > 0:
		return fmt.Sprintf("needs %s", more)
	}
	return "too close to the limit: no number of " + more.unit + " that is worth making would tell"
}

// typical is the median of a side.
func typical(values []float64) Number {
	if len(values) == 0 {
		return Number{}
	}
	return asNumber(middle(slices.Sorted(slices.Values(values))))
}
