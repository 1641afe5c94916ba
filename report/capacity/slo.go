package capacity

import (
	"errors"
	"fmt"
	"strings"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// SLO is what a rate must keep, beside that the server keeps up. The zero value asks for that alone.
type SLO struct {
	Terms  []metric.Threshold
	Limits []results.Limit // of one request: who is inside all of them attains
}

const (
	defaultAttainment = "attainment >= 0.99"   // where limits of one request are given and no share
	defaultSuccess    = "success_rate >= 0.99" // where nothing else counts failures
)

// ParseSLO reads items such as ttft.p99=500ms, tpot.p90<50ms, attainment=0.99 and, for the share that attains, ttft=500ms.
// An = is the side on which the metric is better.
func ParseSLO(items []string) (SLO, error) {
	var s SLO
	for _, item := range items {
		name, value, equals := strings.Cut(item, "=")
		if !equals || strings.ContainsAny(name, "<>") {
			if err := s.add(item); err != nil {
				return SLO{}, err
			}
			continue
		}
		info, ok := metric.Lookup(strings.TrimSpace(name))
		if ok && info.Distribution {
			t, err := metric.ParseThreshold(string(info.Name) + ".p50 <= " + value) // for the value's own errors
			if err != nil {
				return SLO{}, fmt.Errorf("SLO %q: %s", item, reason(err))
			}
			s.Limits = append(s.Limits, results.Limit{Metric: info.Name, MaxNS: int64(t.Value)})
			continue
		}
		op := " <= "
		if info.HigherIsBetter {
			op = " >= "
		}
		if err := s.add(name + op + value); err != nil {
			return SLO{}, err
		}
	}
	return s, s.complete()
}

// reason is what follows the place in an error of a threshold, whose columns are not those that the reader wrote.
func reason(err error) string {
	_, text, ok := strings.Cut(err.Error(), ": ")
	if !ok {
		return err.Error()
	}
	return text
}

func (s *SLO) add(expr string) error {
	t, err := metric.ParseThreshold(expr)
	if err != nil {
		return fmt.Errorf("SLO %q: %s", expr, reason(err))
	}
	if why := unsearchable(t); why != "" {
		return fmt.Errorf("SLO %q: %s", t, why)
	}
	s.Terms = append(s.Terms, t)
	return nil
}

// unsearchable says why no rate is the highest that keeps a threshold; empty where one is.
func unsearchable(t metric.Threshold) string {
	info, _ := metric.Lookup(string(t.Metric))
	falls := t.Op == "<" || t.Op == "<="
	switch {
	case info.Distribution && !falls, t.Metric == metric.ErrorRate && !falls, !info.Distribution && info.HigherIsBetter && falls:
		return "the worse side of the metric is no objective: turn the sign"
	case t.Stat == "max" || t.Stat == "min" || t.Stat == "stddev":
		return "no sample bounds it, the longer one looks the further it goes: take a quantile, such as p99.9"
	}
	switch t.Metric {
	case metric.Attainment, metric.SuccessRate:
		if t.Value >= 1 {
			return "no sample shows that none is outside: write 0.999"
		}
	case metric.ErrorRate:
		if t.Value <= 0 {
			return "no sample shows that none fails: write 0.001"
		}
	case metric.TokSPerUser:
		if t.Value <= 0 {
			return "no server is slower: write a number above 0"
		}
	default:
		if !info.Distribution {
			return "it rises with the rate, so the search would have no end: an SLO bounds latencies, attainment, success_rate, error_rate or tok_s_per_user"
		}
	}
	return ""
}

// complete adds the share that attains where only limits are given, refuses the share where none are, and lets a server
// that sheds its load satisfy nothing: where no term counts failures, their share is bounded too.
func (s *SLO) complete() error {
	asked, counted := false, len(s.Limits) > 0
	for _, t := range s.terms() {
		asked = asked || t.kind == ofAttainment
		counted = counted || t.kind != ofMean && t.kind != ofSuccesses
	}
	switch {
	case asked && len(s.Limits) == 0:
		return errors.New("attainment needs limits of one request beside it, such as ttft=500ms,tpot=50ms,attainment=0.99")
	case len(s.Limits) > 0 && !asked:
		return s.add(defaultAttainment)
	case !counted:
		return s.add(defaultSuccess)
	}
	return nil
}

// String writes the SLO as ParseSLO takes it.
func (s SLO) String() string {
	var parts []string
	for _, l := range s.Limits {
		info, _ := metric.Lookup(string(l.Metric))
		parts = append(parts, fmt.Sprintf("%s=%s", l.Metric, strings.ReplaceAll(info.Unit.Format(float64(l.MaxNS)), " ", "")))
	}
	for _, t := range s.Terms {
		parts = append(parts, strings.ReplaceAll(t.String(), " ", ""))
	}
	return strings.Join(parts, ",")
}

// term is a threshold as the search judges it: of a share of what is measured at most miss may be outside; of a mean, the
// mean is at most limit.
type term struct {
	metric.Threshold
	name  metric.Name // in open loop
	miss  float64     // 0: a mean
	limit float64     // nanoseconds
	kind  termKind
}

type termKind int

const (
	ofRequests termKind = iota // a quantile of something that a request has once
	ofSuccesses
	ofGaps // icl, itl: a request has many
	ofMean
	ofFailures
	ofAttainment
)

func (s SLO) terms() []term {
	out := make([]term, len(s.Terms))
	for i, t := range s.Terms {
		out[i] = termOf(t)
	}
	return out
}

func termOf(t metric.Threshold) term {
	info, _ := metric.Lookup(string(t.Metric))
	out := term{Threshold: t, name: info.Open, limit: t.Value}
	q, isQuantile := t.Quantile()
	switch {
	case t.Metric == metric.SuccessRate:
		out.kind, out.miss = ofFailures, 1-t.Value
	case t.Metric == metric.ErrorRate:
		out.kind, out.miss = ofFailures, t.Value
	case t.Metric == metric.Attainment:
		out.kind, out.miss = ofAttainment, 1-t.Value
	case t.Metric == metric.TokSPerUser: // 1 / the median tpot
		out.name, out.miss, out.limit = metric.TPOT, 0.5, 1e9/t.Value
	case !isQuantile:
		out.kind = ofMean
	case t.Metric == metric.ICL || t.Metric == metric.ITL:
		out.kind, out.miss = ofGaps, 1-q
	case strings.HasPrefix(t.Stat, "ok_"):
		out.kind, out.miss = ofSuccesses, 1-q
	default:
		out.miss = 1 - q
	}
	return out
}
