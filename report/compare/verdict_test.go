package compare_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/report/compare"
	"github.com/llmload/llmload/results"
)

// stage is one with a TPOT at p50 and nothing else; NaN is a quantile that the sample does not resolve, infinity one that
// landed on a failed request.
func stage(name string, tpot float64) results.StageSummary {
	m := &results.Metric{Unit: "ms", Count: 400}
	s := results.StageSummary{
		Name: name, Load: results.Load{Mode: "closed", Stream: true, Concurrency: 8},
		Requests: results.Requests{Issued: 400, Succeeded: 400}, Metrics: map[metric.Name]*results.Metric{metric.TPOT: m},
	}
	switch {
	case math.IsNaN(tpot):
		m.Count, s.Requests = 3, results.Requests{Issued: 3, Succeeded: 3}
	case math.IsInf(tpot, 1):
		m.Count, m.Failed, m.Censored = 100, 300, true
		s.Requests = results.Requests{Issued: 400, Succeeded: 100, Failed: 300}
	default:
		m.P50 = &tpot
	}
	success := float64(s.Requests.Succeeded) / float64(s.Requests.Issued)
	s.Success = &success
	return s
}

func run(stages ...results.StageSummary) compare.Run {
	return compare.Run{Summary: &results.Summary{Valid: true, Run: results.Run{ID: "x", PlanSHA256: "p"}, Stages: stages}}
}

// repeated is a run of one stage with these values.
func repeated(tpot ...float64) compare.Run {
	var list []results.StageSummary
	for i, v := range tpot {
		name := "c=8"
		if i > 0 {
			name += fmt.Sprintf("#%d", i+1)
		}
		list = append(list, stage(name, v))
	}
	return run(list...)
}

// paired are pairs with these values on each side.
func paired(base, new []float64) (ps []compare.Pair) {
	for i := range base {
		ps = append(ps, compare.Pair{Base: run(stage("c=8", base[i])), New: run(stage("c=8", new[i]))})
	}
	return ps
}

func gates(t *testing.T, exprs ...string) (list []metric.Gate) {
	t.Helper()
	for _, e := range exprs {
		g, err := metric.ParseGate(e)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, g)
	}
	return list
}

var inf, nan = math.Inf(1), math.NaN()

func TestRepeatsAreJudgedByTheirNumber(t *testing.T) {
	for _, c := range []struct {
		name      string
		base, new []float64
		row       compare.Verdict
		gate      compare.Verdict
		why       string
	}{
		{"three against three prove nothing, however far apart", []float64{10, 10.1, 10.2}, []float64{20, 20.1, 20.2}, compare.Undecided, compare.Undecided, "needs 1 more repeat"},
		{"four against four can", []float64{10, 10.1, 10.2, 10.3}, []float64{20, 20.1, 20.2, 20.3}, compare.Worse, compare.Outside, ""},
		{"and the other way", []float64{20, 20.1, 20.2, 20.3}, []float64{10, 10.1, 10.2, 10.3}, compare.Better, compare.Inside, ""},
		{"much alike", []float64{10, 10.01, 10.02, 10.03}, []float64{10.005, 10.015, 10.025, 10.035}, compare.Same, compare.Inside, ""},
		{"a change that scatters over the limit", []float64{10, 10.5, 11, 11.5}, []float64{10.2, 10.7, 11.3, 11.8}, compare.Undecided, compare.Undecided, "needs "},
		{"from a value to a failure", []float64{10, 10.1, 10.2, 10.3}, []float64{inf, inf, inf, inf}, compare.Worse, compare.Outside, ""},
		{"from a failure to a value", []float64{inf, inf, inf, inf}, []float64{10, 10.1, 10.2, 10.3}, compare.Better, compare.Inside, ""},
		{"failures on both sides", []float64{inf, inf, inf, inf}, []float64{inf, inf, inf, inf}, compare.Undecided, compare.Undecided, ""},
		{"one failure of four", []float64{10, 10.1, 10.2, 10.3}, []float64{10, 10.1, 10.2, inf}, compare.Undecided, compare.Undecided, ""},
		{"a quantile that is not resolved", []float64{10, 10.1, 10.2, 10.3}, []float64{20, 20, 20, nan}, compare.Undecided, compare.Undecided, "new: p50 needs 5"},
	} {
		res, err := compare.Runs(repeated(c.base...), repeated(c.new...), compare.Options{Gates: gates(t, "tpot.p50 < +3%")})
		if err != nil {
			t.Fatal(err)
		}
		row, gate := change(res, "tpot.p50"), res.Gates[0]
		if row.Verdict != c.row || gate.Verdict != c.gate || !strings.HasPrefix(gate.Why, c.why) {
			t.Errorf("%s: %s, gate %s (%s), want %s, %s (%s)", c.name, row.Verdict, gate.Verdict, gate.Why, c.row, c.gate, c.why)
		}
	}
}

func TestPairsAreJudgedByTheirNumber(t *testing.T) {
	base := []float64{10, 11, 12, 13, 14, 15, 16, 17}
	times := func(f float64) (out []float64) {
		for _, v := range base {
			out = append(out, v*f)
		}
		return out
	}
	for _, c := range []struct {
		name      string
		base, new []float64
		row       compare.Verdict
		gate      compare.Verdict
		why       string
	}{
		{"five prove nothing", base[:5], times(2)[:5], compare.Undecided, compare.Undecided, "needs 1 more pair"},
		{"four neither, and pairs come by two", base[:4], times(2)[:4], compare.Undecided, compare.Undecided, "needs 2 more pairs"},
		{"six do", base[:6], times(2)[:6], compare.Worse, compare.Outside, ""},
		{"what all have in common is no scatter", base, times(1.01), compare.Same, compare.Inside, ""},
		{"from values to failures", base, []float64{inf, inf, inf, inf, inf, inf, inf, inf}, compare.Worse, compare.Outside, ""},
		{"a failure here and one there", []float64{10, 11, 12, 13, 14, 15, 16, inf}, []float64{10, 11, 12, 13, 14, 15, inf, 17}, compare.Undecided, compare.Undecided, ""},
	} {
		res := compare.Pairs(paired(c.base, c.new), compare.Options{Gates: gates(t, "tpot.p50 < +3%")})
		row, gate := change(res, "tpot.p50"), res.Gates[0]
		if row.Verdict != c.row || gate.Verdict != c.gate || !strings.HasPrefix(gate.Why, c.why) {
			t.Errorf("%s: %s, gate %s (%s), want %s, %s (%s)", c.name, row.Verdict, gate.Verdict, gate.Why, c.row, c.gate, c.why)
		}
	}
}

// Two pairs of runs are two observations, and prove nothing, whether a run makes its stage once or four times.
func TestRepeatsInsideARunAreNoPairs(t *testing.T) {
	ps := []compare.Pair{
		{Base: repeated(10, 11, 12, 13), New: repeated(20, 22, 24, 26)},
		{Base: repeated(11, 12, 13, 14), New: repeated(22, 24, 26, 28)},
	}
	res := compare.Pairs(ps, compare.Options{Gates: gates(t, "tpot.p50 < +3%")})
	if r := change(res, "tpot.p50"); r.N != 2 || r.Verdict != compare.Undecided || math.Abs(*r.Change.V-1) > 1e-9 || res.Gates[0].Why != "needs 4 more pairs" {
		t.Errorf("%+v, %+v", r, res.Gates)
	}

	// What belongs to no pair is not paired with another's.
	ps[0].Base, ps[1].New = run(stage("other", 1)), run(stage("other", 1))
	if r := change(compare.Pairs(ps, compare.Options{}), "tpot.p50"); r.Verdict != compare.Undecided || r.Why != "a pair has the stage on one side alone" {
		t.Errorf("%+v", r)
	}
}

// An interval from -0.4% to +4.5% about +0.5% is too wide above: what is missing is told by that side, not by the mean of both.
func TestWhatIsMissingIsToldByTheSideThatReachesTooFar(t *testing.T) {
	var base, new []float64
	for _, change := range []float64{0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.005, 0.09, 0.09, 0.004} {
		base, new = append(base, 10), append(new, 10*(1+change))
	}
	res := compare.Pairs(paired(base, new), compare.Options{Gates: gates(t, "tpot.p50 < +3%")})
	up := res.Gates[0]
	reach := (math.Log1p(*up.Hi.V) - math.Log1p(*up.Change.V)) / (math.Log1p(0.03) - math.Log1p(*up.Change.V))
	if more := math.Ceil(10*reach*reach) - 10; up.Verdict != compare.Undecided || up.Why != fmt.Sprintf("needs %g more pairs", more+math.Mod(more, 2)) {
		t.Errorf("%s: %s, want %g", up.Verdict, up.Why, more)
	}
}

// The interval that is printed beside a gate holds the limit exactly where the verdict is undecided, at every rank of Holm's
// method.
func TestAGatesIntervalNeverContradictsItsVerdict(t *testing.T) {
	seen := map[compare.Verdict]int{}
	for seed := range 60 {
		var base, new []float64
		for i := range 8 {
			noise := math.Sin(float64(seed*97 + i*31)) // any scatter will do
			base, new = append(base, 10), append(new, 10*(1+0.02*noise+0.001*float64(seed)))
		}
		res := compare.Pairs(paired(base, new), compare.Options{Gates: gates(t, "tpot.p50 < +3%", "tpot.p50 < +1%", "tpot.p50 < +5%", "success_rate > -1pp")})
		for _, g := range res.Gates[:3] {
			limit := map[string]float64{"tpot.p50 < +3%": 0.03, "tpot.p50 < +1%": 0.01, "tpot.p50 < +5%": 0.05}[g.Gate]
			lo, hi := *g.Lo.V, *g.Hi.V
			want := compare.Undecided
			if hi < limit {
				want = compare.Inside
			} else if lo > limit {
				want = compare.Outside
			}
			if seen[want]++; g.Verdict != want {
				t.Errorf("seed %d: %s: %s with interval %v to %v", seed, g.Gate, g.Verdict, lo, hi)
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("not every verdict came up: %v", seen)
	}
}

func TestManyGatesShareTheRisk(t *testing.T) {
	base, new := []float64{10, 11, 12, 13, 14, 15}, []float64{20, 22, 24, 26, 28, 30}
	one := compare.Pairs(paired(base, new), compare.Options{Gates: gates(t, "tpot.p50 < +3%")})
	two := compare.Pairs(paired(base, new), compare.Options{Gates: gates(t, "tpot.p50 < +3%", "tpot.p50 < +4%")})
	if one.Gates[0].Verdict != compare.Outside || two.Gates[0].Verdict != compare.Undecided || two.Gates[0].Why != "needs 2 more pairs" {
		t.Errorf("p is 0.031 at six pairs: alone %s, with a second gate %s (%s)", one.Gates[0].Verdict, two.Gates[0].Verdict, two.Gates[0].Why)
	}
}

// Six pairs of 20 requests without a failure do not prove that under one in a hundred will fail.
func TestNoFailureOfFewIsNoProof(t *testing.T) {
	some := func(issued, failed int64) results.StageSummary {
		s := stage("c=8", 10)
		s.Requests = results.Requests{Issued: issued, Succeeded: issued - failed, Failed: failed}
		rate := float64(issued-failed) / float64(issued)
		s.Success = &rate
		return s
	}
	for _, c := range []struct {
		issued, failed int64
		want           compare.Verdict
	}{{20, 0, compare.Undecided}, {200, 0, compare.Inside}, {200, 40, compare.Outside}} {
		var ps []compare.Pair
		for range 6 {
			ps = append(ps, compare.Pair{Base: run(some(c.issued, 0)), New: run(some(c.issued, c.failed))})
		}
		res := compare.Pairs(ps, compare.Options{Gates: gates(t, "success_rate > -1pp")})
		if g := res.Gates[0]; g.Verdict != c.want {
			t.Errorf("%d requests a run, %d failed: %s (%s), want %s", c.issued, c.failed, g.Verdict, g.Why, c.want)
		}
	}
}

func TestNothingIsJudgedWithoutData(t *testing.T) {
	gate := gates(t, "tpot.p50 < +3%")
	none := stage("c=8", inf)
	none.Requests = results.Requests{Issued: 400, Failed: 400}
	one := stage("c=8", nan)
	one.Requests = results.Requests{Issued: 1, Succeeded: 1}
	one.Metrics[metric.TPOT].Count = 1
	invalid := repeated(20, 20, 20, 20)
	invalid.Summary.Valid, invalid.Summary.InvalidReasons = false, []string{"c=8: llmload used 99% of its CPU"}
	imported := repeated(20, 20.1, 20.2, 20.3)
	imported.Summary.Run.PlanSHA256, imported.Summary.Run.Imported = "", &results.Imported{Tool: "GuideLLM"}
	planless := repeated(20, 20.1, 20.2, 20.3)
	planless.Summary.Run.PlanSHA256 = ""
	cut := repeated(20, 20.1, 20.2, 20.3)
	cut.Summary.Run.Interrupted = true
	elsewhere := repeated(20, 20.1, 20.2, 20.3)
	elsewhere.Summary.Environment.Host = "other"
	for _, c := range []struct {
		name      string
		base, new compare.Run
		why       string
	}{
		{"zero successes", repeated(10, 10, 10, 10), run(none, stage("c=8#2", 10), stage("c=8#3", 10)), "new: no request succeeded"},
		{"one request", repeated(10, 10, 10, 10), run(one), "new: p50 needs 5"},
		{"an invalid run", repeated(10, 10, 10, 10), invalid, "the new run is invalid: c=8: llmload used 99% of its CPU"},
		{"no stage in common", repeated(10, 10, 10, 10), run(stage("c=9", 10)), "no stage that both sides have matches it"},
		{"no stage at all", run(), run(), "no stage that both sides have matches it"},
		{"another machine", repeated(10, 10.1, 10.2, 10.3), elsewhere, "it would be outside, but the runs are of different machines (host: unknown and other)"},
		{"another tool's run", repeated(10, 10.1, 10.2, 10.3), imported, "it would be outside, but new is imported from GuideLLM: what it sent, from which machine, and whether it is valid are not known"},
		{"two of them", imported, imported, "it would be inside, but base is imported from GuideLLM"},
		{"no plan on either side", planless, planless, "it would be inside, but what base sent is not known"},
		{"an interrupted run", repeated(10, 10.1, 10.2, 10.3), cut, "it would be outside, but new was interrupted"},
		{"a summary alone, not repeated", repeated(10), repeated(20), "base: it has no records, and its stage was not repeated"},
	} {
		res, err := compare.Runs(c.base, c.new, compare.Options{Gates: gate})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Gates) != 1 || res.Gates[0].Verdict != compare.Undecided || !strings.HasPrefix(res.Gates[0].Why, c.why) || res.Verdict() != compare.Undecided {
			t.Errorf("%s: %+v", c.name, res.Gates)
		}
	}
	if res := compare.Pairs(nil, compare.Options{Gates: gate}); res.Verdict() != compare.Undecided {
		t.Errorf("no pair: %+v", res)
	}
}

func TestAPairThatTheToolSpoiledIsLeftOut(t *testing.T) {
	ps := paired([]float64{10, 11, 12, 13, 14, 15, 16}, []float64{20, 22, 24, 26, 28, 30, 1})
	ps[6].New.Summary.Valid, ps[6].New.Summary.InvalidReasons = false, []string{"c=8: llmload was woken late"}
	res := compare.Pairs(ps, compare.Options{})
	if r := change(res, "tpot.p50"); r.N != 6 || r.Verdict != compare.Worse || len(res.Notes) != 1 || res.Notes[0] != "pair 7 is left out: new: c=8: llmload was woken late" {
		t.Errorf("%+v, %q", r, res.Notes)
	}

	// A server that answered nothing is not.
	dead := stage("c=8", inf)
	dead.Requests = results.Requests{Issued: 400, Failed: 400}
	ps[6].New.Summary.Stages = []results.StageSummary{dead}
	if r := change(compare.Pairs(ps, compare.Options{}), "tpot.p50"); r.Verdict != compare.Undecided || r.Why != "new: no request succeeded" {
		t.Errorf("%+v", r)
	}
}

func TestPlansThatDifferAreRefusedKeyByKey(t *testing.T) {
	base, new := repeated(10, 10.1, 10.2, 10.3), repeated(10, 10.1, 10.2, 10.3)
	base.Summary.Run.PlanSHA256, new.Summary.Run.PlanSHA256 = "a", "b"
	base.Plan = []byte("name: a\nseed: 1\nclient: {max_retries: 0}\nstages:\n  - {name: c=8, requests: 400, output: {tokens: 16}}\n  - {name: c=9, requests: 1}\n")
	new.Plan = []byte("name: b\nseed: 2\nclient: {max_retries: 0}\nstages:\n  - {name: c=8, requests: 200, output: {tokens: 16}, pause: 1s}\n")
	_, err := compare.Runs(base, new, compare.Options{})
	var differs *compare.PlanError
	want := "seed: 1 -> 2\nstages[c=8].pause: left out -> 1s\nstages[c=8].requests: 400 -> 200\nstages[c=9].name: c=9 -> left out\nstages[c=9].requests: 1 -> left out"
	if !errors.As(err, &differs) || strings.Join(differs.Differences, "\n") != want {
		t.Errorf("%v", err)
	}
	res, err := compare.Runs(base, new, compare.Options{Force: true})
	if err != nil || !strings.Contains(strings.Join(res.Notes, "\n"), "seed: 1 -> 2") {
		t.Errorf("forced: %v, %v", res, err)
	}
}

func TestAnOpenLoopIsJudgedFromTheIntendedTime(t *testing.T) {
	open := func(name string, v float64) results.StageSummary {
		s := stage(name, 10)
		s.Load.Mode, s.Load.Rate = "open", 5
		s.Metrics[metric.ResponseTTFT] = &results.Metric{Unit: "ms", Count: 400, P50: &v}
		return s
	}
	base := run(open("a", 10), open("a#2", 11), open("a#3", 12), open("a#4", 13))
	new := run(open("a", 20), open("a#2", 21), open("a#3", 22), open("a#4", 23))
	res, err := compare.Runs(base, new, compare.Options{Gates: gates(t, "ttft.p50 < +3%")})
	if err != nil || res.Gates[0].Metric != "response_ttft.p50" || res.Gates[0].Verdict != compare.Outside {
		t.Errorf("%+v, %v", res.Gates, err)
	}

	// An imported side may not know what was intended: both then count from when a request left.
	for i := range base.Summary.Stages {
		delete(base.Summary.Stages[i].Metrics, metric.ResponseTTFT)
		for _, s := range []results.StageSummary{base.Summary.Stages[i], new.Summary.Stages[i]} {
			s.Metrics[metric.TTFT] = s.Metrics[metric.TPOT]
		}
	}
	res, err = compare.Runs(base, new, compare.Options{Gates: gates(t, "ttft.p50 < +3%")})
	if err != nil || res.Gates[0].Metric != "ttft.p50" || res.Gates[0].Verdict != compare.Inside || change(res, "ttft.p50").Verdict != compare.Same {
		t.Errorf("%+v, %v", res.Gates, err)
	}
}

func change(res *compare.Result, name string) compare.Row {
	for _, r := range res.Rows {
		if r.Metric == name {
			return r
		}
	}
	return compare.Row{}
}
