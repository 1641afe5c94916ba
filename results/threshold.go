package results

import (
	"fmt"
	"strings"

	"github.com/llmload/llmload/internal/metric"
)

// Threshold is a bound that every stage whose name matches the glob Stage must keep; "" stands for all stages.
type Threshold struct {
	Stage string
	Expr  metric.Threshold
}

// The verdicts of a ThresholdResult.
const (
	Pass      = "pass"
	Fail      = "fail"
	Undecided = "undecided"
)

// Evaluate judges each threshold on each stage that it names. In open loop ttft and e2e are judged by their response_
// forms. A quantile that lands on failed requests fails; one that the sample cannot resolve is undecided, and Why says
// what is missing. hs resolves quantiles that a summary does not keep, such as p75; it may be nil.
func Evaluate(ts []Threshold, stages []StageSummary, hs []StageHistograms) []ThresholdResult {
	verdicts := []ThresholdResult{}
	for _, t := range ts {
		matched := false
		for i := range stages {
			if !t.names(stages[i].Name) {
				continue
			}
			matched = true
			verdicts = append(verdicts, t.judge(&stages[i], distributionsOf(hs, stages[i].Name)))
		}
		if !matched {
			verdicts = append(verdicts, ThresholdResult{
				Stage: t.Stage, Expr: t.Expr.String(), Unit: unitOf(t.Expr.Metric), Verdict: Undecided,
				Why: fmt.Sprintf("no stage matches %q: name one of the plan's stages, or use * in it", t.Stage),
			})
		}
	}
	return verdicts
}

// names reports whether the threshold holds for a stage.
func (t Threshold) names(stage string) bool { return metric.MatchStage(t.Stage, stage) }

func distributionsOf(hs []StageHistograms, stage string) map[metric.Name]*Histogram {
	for _, h := range hs {
		if h.Stage == stage {
			return h.Metrics
		}
	}
	return nil
}

// judge gives the verdict on one stage.
func (t Threshold) judge(s *StageSummary, hs map[metric.Name]*Histogram) ThresholdResult {
	name := s.Load.Judged(t.Expr.Metric)
	verdict := ThresholdResult{Stage: s.Name, Expr: t.Expr.String(), Unit: unitOf(name)}
	v, state := t.value(s, name, hs)
	verdict.Why = t.why(s, name, state)
	switch {
	case state == Value && t.Expr.Holds(v*scaleOf(name)):
		verdict.Value, verdict.Verdict = &v, Pass
	case state == Value:
		verdict.Value, verdict.Verdict = &v, Fail
	case state == Failed:
		verdict.Verdict = Fail
	default:
		verdict.Verdict = Undecided
	}
	return verdict
}

// value is the stage's figure in the summary's unit.
func (t Threshold) value(s *StageSummary, name metric.Name, hs map[metric.Name]*Histogram) (float64, State) {
	m := s.Metrics[name]
	q, isQuantile := t.Expr.Quantile()
	switch {
	case t.Expr.Stat == "":
		return s.Scalar(name)
	case m == nil || !isQuantile || keeps(t.Expr.Stat):
		return m.Quantile(t.Expr.Stat)
	}
	if strings.HasPrefix(t.Expr.Stat, "ok_") {
		m = &Metric{Count: m.Count}
	}
	k, state := m.rank(q)
	h := hs[name]
	if state != Value || h == nil {
		return known(nil, state)
	}
	return float64(h.Rank(k)) / nsPerMS, Value
}

// Figure returns a figure of the stage in the summary's unit: stat is a Threshold's, "" of a metric that is one number. why
// says what is missing where there is no value. hs resolves quantiles that a summary does not keep; it may be nil.
func (s *StageSummary) Figure(name metric.Name, stat string, hs map[metric.Name]*Histogram) (v float64, state State, why string) {
	t := Threshold{Expr: metric.Threshold{Metric: name, Stat: stat}}
	v, state = t.value(s, name, hs)
	return v, state, t.why(s, name, state)
}

// keeps reports whether a summary holds the quantile.
func keeps(stat string) bool {
	for _, k := range quantiles {
		if strings.TrimPrefix(stat, "ok_") == k.stat {
			return true
		}
	}
	return false
}

// why explains a verdict that has no value.
func (t Threshold) why(s *StageSummary, name metric.Name, state State) string {
	if name == metric.TokSPerUser { // rests on the median tpot
		name, t.Expr.Stat = metric.TPOT, "p50"
	}
	m := s.Metrics[name]
	q, _ := t.Expr.Quantile()
	switch {
	case state == Value:
		return ""
	case state == Failed:
		return t.censored(m)
	case state == Unresolved && m != nil && strings.HasPrefix(t.Expr.Stat, "ok_"):
		return missing(t.Expr.Stat, q, m.Count, "succeeded")
	case state == Unresolved && m != nil:
		return missing(t.Expr.Stat, q, m.Count+m.Failed, "were ranked")
	case m != nil && m.Count > 0:
		return t.Expr.Stat + " is not in a summary, and the run's histograms are missing"
	case name == metric.TokSPerGPU:
		return "the number of GPUs is not known: say it with --gpus, or gpus under target"
	case s.Requests.Issued-s.Requests.Cancelled == 0:
		return "no request was measured"
	}
	return fmt.Sprintf("the stage has no %s: see its load and SLO", t.Expr.Metric)
}

func (t Threshold) censored(m *Metric) string {
	if m == nil || m.Count == 0 {
		return "no request succeeded"
	}
	return fmt.Sprintf("%s is a failed request: %d of %d failed", t.Expr.Stat, m.Failed, m.Count+m.Failed)
}

func missing(stat string, q float64, n int64, did string) string {
	need := int64(metric.MinSamples(q))
	return fmt.Sprintf("%s needs %d requests, %d %s: send %d more", stat, need, n, did, need-n)
}

func unitOf(m metric.Name) string {
	info, _ := metric.Lookup(string(m))
	name, _ := info.Unit.Scale()
	return name
}

func scaleOf(m metric.Name) float64 {
	info, _ := metric.Lookup(string(m))
	_, factor := info.Unit.Scale()
	return factor
}
