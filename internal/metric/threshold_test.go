package metric_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/llmload/llmload/internal/metric"
)

func TestParseThreshold(t *testing.T) {
	tests := []struct {
		expr, canonical string
		want            metric.Threshold
	}{
		{"ttft.p95 < 500ms", "ttft.p95 < 500ms", metric.Threshold{metric.TTFT, "p95", "<", 500e6}},
		{"  e2e.p99.9<=1.5s ", "e2e.p99.9 <= 1.5s", metric.Threshold{metric.E2E, "p99.9", "<=", 1.5e9}},
		{"tpot.ok_p50\t<\t50ms", "tpot.ok_p50 < 50ms", metric.Threshold{metric.TPOT, "ok_p50", "<", 50e6}},
		{"max_gap.max < 1m30s", "max_gap.max < 1m30s", metric.Threshold{metric.MaxGap, "max", "<", 90e9}},
		{"icl.stddev < 0s", "icl.stddev < 0s", metric.Threshold{metric.ICL, "stddev", "<", 0}},
		{"success_rate >= 0.99", "success_rate >= 0.99", metric.Threshold{metric.SuccessRate, "", ">=", .99}},
		{"success_rate >= 99.9%", "success_rate >= 0.999", metric.Threshold{metric.SuccessRate, "", ">=", .999}},
		{"error_rate<=0.1%", "error_rate <= 0.001", metric.Threshold{metric.ErrorRate, "", "<=", .001}},
		{"attainment > 100%", "attainment > 1", metric.Threshold{metric.Attainment, "", ">", 1}},
		{"output_tokens_per_s > 1200", "output_tokens_per_s > 1200", metric.Threshold{metric.OutputTokensPerS, "", ">", 1200}},
	}
	for _, test := range tests {
		got, err := metric.ParseThreshold(test.expr)
		if err != nil || got != test.want || got.String() != test.canonical {
			t.Errorf("%q gives %+v (%s), %v", test.expr, got, got, err)
		}
	}
}

func TestParseThresholdSaysWhatIsWrong(t *testing.T) {
	tests := map[string]string{
		"":                               `column 1: want a metric, as in ttft.p95 < 500ms or success_rate >= 0.99`,
		"< 5":                            `column 1: want a metric, as in ttft.p95 < 500ms or success_rate >= 0.99`,
		"tftt.p95 < 500ms":               `column 1: no metric "tftt", did you mean "ttft"?`,
		"ttft < 500ms":                   `column 5: ttft is a distribution: say which of its values, as in ttft.p95 < 500ms`,
		"ttft. < 500ms":                  `column 6: no "" of ttft: p50, p99.9 (above p0, below p100), ok_p99, mean, min, max or stddev, as in ttft.p95 < 500ms`,
		"ttft.p100 < 500ms":              `column 6: no "p100" of ttft: p50, p99.9 (above p0, below p100), ok_p99, mean, min, max or stddev, as in ttft.p95 < 500ms`,
		"ttft.p0 < 1s":                   `column 6: no "p0" of ttft: p50, p99.9 (above p0, below p100), ok_p99, mean, min, max or stddev, as in ttft.p95 < 500ms`,
		"ttft.p1e1 < 1s":                 `column 6: no "p1e1" of ttft: p50, p99.9 (above p0, below p100), ok_p99, mean, min, max or stddev, as in ttft.p95 < 500ms`,
		"ttft.ok_mean < 1s":              `column 6: no "ok_mean" of ttft: p50, p99.9 (above p0, below p100), ok_p99, mean, min, max or stddev, as in ttft.p95 < 500ms`,
		"success_rate.p95 > 1":           `column 13: success_rate is one number and has no "p95": write success_rate >= 0.99`,
		"ttft.p95":                       `column 9: want <, <=, > or >= after the metric, as in ttft.p95 < 500ms`,
		"ttft.p99 == 500ms":              `column 10: want <, <=, > or >= after the metric, as in ttft.p99 < 500ms`,
		"ttft.p95 < 500":                 `column 12: a duration needs a unit: write 500ms or 500s`,
		"ttft.p95 < 0":                   `column 12: a duration needs a unit: write 0ms or 0s`,
		"ttft.p95 < -5ms":                `column 12: "-5ms" is not a duration, as in ttft.p95 < 500ms`,
		"ttft.p95 <":                     `column 11: want a value after the operator, as in ttft.p95 < 500ms`,
		"ttft.p95 < 9999h":               `column 12: 9999h is longer than any run: at most 1000h0m0s`,
		"success_rate >= 99":             `column 17: success_rate is a share between 0 and 1, or per cent, as in success_rate >= 0.99`,
		"error_rate < 101%":              `column 14: error_rate is a share between 0 and 1, or per cent, as in error_rate <= 0.01`,
		"success_rate >= 5e-2":           `column 17: "5e-2" is not a plain number, as in success_rate >= 0.99`,
		"requests_per_s > 1,200":         `column 18: "1,200" is not a plain number, as in requests_per_s > 100`,
		"requests_per_s > NaN":           `column 18: "NaN" is not a plain number, as in requests_per_s > 100`,
		"requests_per_s > 5 req/s":       `column 20: nothing may follow the value: one threshold has one bound`,
		"ttft.p95 < 1s and tpot.p50 < 1": `column 15: nothing may follow the value: one threshold has one bound`,
		"ttft.p95 é< 1s":                 `column 10: want <, <=, > or >= after the metric, as in ttft.p95 < 500ms`,
	}
	for expr, want := range tests {
		_, err := metric.ParseThreshold(expr)
		if want = fmt.Sprintf("threshold %q, %s", expr, want); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	if _, err := metric.ParseThreshold("zzz > 1"); err == nil || len(err.Error()) < 200 {
		t.Errorf("a name that is like none does not list what there is: %v", err)
	}
}

func TestThresholdHolds(t *testing.T) {
	tests := map[string][4]bool{ // for 4, 5, 6 and NaN
		"requests_per_s < 5": {true, false, false, false}, "requests_per_s <= 5": {true, true, false, false},
		"requests_per_s > 5": {false, false, true, false}, "requests_per_s >= 5": {false, true, true, false},
	}
	for expr, want := range tests {
		threshold, err := metric.ParseThreshold(expr)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range []float64{4, 5, 6, math.NaN()} {
			if threshold.Holds(v) != want[i] {
				t.Errorf("%s holds for %v: %v", expr, v, !want[i])
			}
		}
	}
	if (metric.Threshold{}).Holds(0) {
		t.Error("the zero threshold holds")
	}
}

func TestThresholdQuantile(t *testing.T) {
	for stat, want := range map[string]float64{"p50": .5, "p99.9": .999, "ok_p95": .95, "mean": 0, "": 0} {
		if q, ok := (metric.Threshold{Stat: stat}).Quantile(); q != want || ok != (want > 0) {
			t.Errorf("%q is the quantile %v, %v", stat, q, ok)
		}
	}
}

// FuzzParseThreshold holds that nothing panics and that what is accepted writes itself so that it reads as the same.
func FuzzParseThreshold(f *testing.F) {
	for _, seed := range []string{
		"ttft.p95 < 500ms", "e2e.p99.9<=1.5s", "success_rate >= 99%", "output_tokens_per_s > 1200",
		"tpot.ok_p50 < 1ns", "ttft", "é.p5 < 1", "error_rate <= .1%", "ttft.p95 < 999h59m59.999999999s",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		threshold, err := metric.ParseThreshold(expr)
		if err != nil {
			return
		}
		again, err := metric.ParseThreshold(threshold.String())
		if err != nil || again != threshold {
			t.Errorf("%q gives %+v, written %q, read %+v, %v", expr, threshold, threshold, again, err)
		}
		q, ok := threshold.Quantile()
		if ok && (q <= 0 || q >= 1 || metric.MinSamples(q) < 1) {
			t.Errorf("%q asks for the quantile %v", expr, q)
		}
	})
}
