package results_test

import (
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// judged is a stage of n answers of 1, 2, 3 ... ms, and of failures.
func judged(info results.StageInfo, n, failed int) (results.StageSummary, results.StageHistograms) {
	c := results.NewCollector(info, window(0, 1000))
	for i := range n {
		r := plain(0, int64(i+1), results.OK)
		r.IntendedNS = -1000 * ms
		c.Add(r)
	}
	for range failed {
		c.Add(plain(0, 1, "http_500"))
	}
	return c.Summarize(), c.Histograms()
}

func TestEvaluate(t *testing.T) {
	for _, row := range []struct {
		sentence   string
		info       results.StageInfo
		ok, failed int
		expr       string
		verdict    string
		why        string // a part
		value      float64
	}{
		{"held", closed, 100, 0, "e2e.p95 < 96ms", results.Pass, "", 95},
		{"broken", closed, 100, 0, "e2e.p95 < 95ms", results.Fail, "", 95},
		{"open loop judges e2e from the intended time", open, 100, 0, "e2e.p95 < 96ms", results.Fail, "", 1095},
		{"a quantile on a failure fails", closed, 100, 20, "e2e.p95 < 5s", results.Fail, "p95 is a failed request: 20 of 120 failed", 0},
		{"it fails any bound", closed, 100, 20, "e2e.p95 > 1ns", results.Fail, "p95 is a failed request", 0},
		{"successes alone pass", closed, 100, 20, "e2e.ok_p95 < 96ms", results.Pass, "", 95},
		{"a small sample is undecided", closed, 100, 0, "e2e.p99 < 5s", results.Undecided, "p99 needs 299 requests, 100 were ranked: send 199 more", 0},
		{"a small sample of successes too", closed, 100, 300, "e2e.ok_p99 < 96ms", results.Undecided, "ok_p99 needs 299 requests, 100 succeeded: send 199 more", 0},
		{"a quantile that the summary lacks comes from the histogram", closed, 100, 0, "e2e.p75 < 76ms", results.Pass, "", 75},
		{"on a failure it fails too", closed, 70, 30, "e2e.p75 < 76ms", results.Fail, "30 of 100", 0},
		{"ok_ of it as well", closed, 100, 100, "e2e.ok_p75 < 76ms", results.Pass, "", 75},
		{"the mean of nothing but failures fails", closed, 0, 9, "e2e.mean < 5s", results.Fail, "no request succeeded", 0},
		{"a scalar", closed, 99, 1, "success_rate >= 99%", results.Pass, "", 0.99},
		{"error rate", closed, 98, 2, "error_rate <= 1%", results.Fail, "", 0.02},
		{"throughput", closed, 98, 2, "requests_per_s > 97", results.Pass, "", 98},
		{"a scalar of nothing issued is undecided", closed, 0, 0, "success_rate >= 99%", results.Undecided, "no request was measured", 0},
		{"a quantile of nothing issued too", closed, 0, 0, "e2e.p50 < 1s", results.Undecided, "no request was measured", 0},
		{"a metric that the stage lacks", open, 9, 0, "ttft.p50 < 1s", results.Undecided, "the stage has no ttft", 0},
		{"goodput without an SLO", closed, 9, 0, "goodput > 1", results.Undecided, "the stage has no goodput", 0},
		{"GPUs that nobody counted", closed, 9, 0, "tok_s_per_gpu > 1", results.Undecided, "--gpus", 0},
		{"a pace that failed", closed, 0, 9, "tok_s_per_user > 1", results.Fail, "no request succeeded", 0},
		{"a pace of too few", closed, 0, 3, "tok_s_per_user > 1", results.Undecided, "p50 needs 5 requests", 0},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			parsed, err := metric.ParseThreshold(row.expr)
			if err != nil {
				t.Fatal(err)
			}
			s, hs := judged(row.info, row.ok, row.failed)
			all := results.Evaluate([]results.Threshold{{Expr: parsed}}, []results.StageSummary{s}, []results.StageHistograms{hs})
			if len(all) != 1 {
				t.Fatalf("%d verdicts", len(all))
			}
			got := all[0]
			if got.Verdict != row.verdict || (row.why == "") != (got.Why == "") || !strings.Contains(got.Why, row.why) {
				t.Errorf("%s: %s, want %s: %s", got.Verdict, got.Why, row.verdict, row.why)
			}
			if hasValue := got.Value != nil; hasValue != (row.value != 0) || hasValue && !near(*got.Value, row.value, 0.002) {
				t.Errorf("value %v, want %g", got.Value, row.value)
			}
			if got.Stage != row.info.Name || got.Expr != parsed.String() {
				t.Errorf("judged %q on %q", got.Expr, got.Stage)
			}
		})
	}
}

func TestEvaluateWithoutHistograms(t *testing.T) {
	parsed, _ := metric.ParseThreshold("e2e.p75 < 76ms")
	s, _ := judged(closed, 100, 0)
	got := results.Evaluate([]results.Threshold{{Expr: parsed}}, []results.StageSummary{s}, nil)
	if got[0].Verdict != results.Undecided || !strings.Contains(got[0].Why, "p75 is not in a summary") {
		t.Errorf("%+v", got[0])
	}
}

func TestThresholdsNameStages(t *testing.T) {
	var stages []results.StageSummary
	for _, name := range []string{"c=8", "c=16", "rate=5/s", "outage [1]"} {
		stages = append(stages, results.StageSummary{Name: name})
	}
	parsed, _ := metric.ParseThreshold("success_rate >= 0.99")
	for glob, want := range map[string]string{
		"": "c=8 c=16 rate=5/s outage [1]", "*": "c=8 c=16 rate=5/s outage [1]", "c=*": "c=8 c=16", "c=8": "c=8",
		"rate=*": "rate=5/s", "rate=5/?": "rate=5/s", "outage [1]": "outage [1]", "d=*": "d=*", "[": "[",
	} {
		var got []string
		for _, v := range results.Evaluate([]results.Threshold{{Stage: glob, Expr: parsed}}, stages, nil) {
			got = append(got, v.Stage)
			if unmatched := glob == "d=*" || glob == "["; unmatched != strings.Contains(v.Why, "no stage matches") {
				t.Errorf("%q: %s", glob, v.Why)
			}
			if v.Verdict != results.Undecided {
				t.Errorf("%q: %s", glob, v.Verdict)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q names %q, want %q", glob, got, want)
		}
	}
}
