package metric_test

import (
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/metric"
)

func TestParseGate(t *testing.T) {
	tests := []struct {
		expr, canonical string
		want            metric.Gate
	}{
		{"tpot.p50 < +3%", "tpot.p50 < +3%", metric.Gate{"", metric.TPOT, "p50", "<", 0.03}},
		{" ttft.p99<=+12.5% ", "ttft.p99 <= +12.5%", metric.Gate{"", metric.TTFT, "p99", "<=", 0.125}},
		{"e2e.mean < -5%", "e2e.mean < -5%", metric.Gate{"", metric.E2E, "mean", "<", -0.05}},
		{"output_tokens_per_s > -3%", "output_tokens_per_s > -3%", metric.Gate{"", metric.OutputTokensPerS, "", ">", -0.03}},
		{"success_rate >= -0.5pp", "success_rate >= -0.5pp", metric.Gate{"", metric.SuccessRate, "", ">=", -0.005}},
		{"error_rate < +1pp", "error_rate < +1pp", metric.Gate{"", metric.ErrorRate, "", "<", 0.01}},
		{"tpot.p50 < 0%", "tpot.p50 < 0%", metric.Gate{"", metric.TPOT, "p50", "<", 0}},
		{"c=8: tpot.p50 < +3%", "c=8: tpot.p50 < +3%", metric.Gate{"c=8", metric.TPOT, "p50", "<", 0.03}},
		{"last: rate=*: ttft.p50 < +10%", "last: rate=*: ttft.p50 < +10%", metric.Gate{"last: rate=*", metric.TTFT, "p50", "<", 0.1}},
		{"tpot.p50 < +200%", "tpot.p50 < +200%", metric.Gate{"", metric.TPOT, "p50", "<", 2}},
	}
	for _, test := range tests {
		got, err := metric.ParseGate(test.expr)
		if err != nil || got != test.want || got.String() != test.canonical {
			t.Errorf("%q gives %+v (%s), %v", test.expr, got, got, err)
		}
	}
}

func TestParseGateSaysWhatIsWrong(t *testing.T) {
	tests := map[string]string{
		"":                          `column 1: want a metric, as in ttft.p50 < +3% or success_rate > -1pp`,
		"c=8: ":                     `column 6: want a metric, as in ttft.p50 < +3% or success_rate > -1pp`,
		"tpto.p50 < +3%":            `column 1: no metric "tpto", did you mean "tpot"?`,
		"tpot < +3%":                `column 5: tpot is a distribution: say which of its values, as in tpot.p50 < +3%`,
		"tpot.p50 > +3%":            `column 9: of tpot less is better: bound its change the other way, as in tpot.p50 < +3%`,
		"requests_per_s < -3%":      `column 15: of requests_per_s more is better: bound its change the other way, as in requests_per_s > -3%`,
		"tpot.p50 < 3%":             `column 12: a change has a sign: write +3% or -3%`,
		"tpot.p50 < +3":             `column 12: "+3" is no change, as in tpot.p50 < +3%`,
		"tpot.p50 < +-3%":           `column 12: "+-3%" is no change, as in tpot.p50 < +3%`,
		"tpot.p95 < +3ms":           `column 12: "+3ms" is no change, as in tpot.p95 < +3%`,
		"tpot.p50 < +3e1%":          `column 12: "+3e1%" is no change, as in tpot.p50 < +3%`,
		"tpot.p50 <":                `column 11: want a change after the operator, as in tpot.p50 < +3%`,
		"tpot.p50 < -100%":          `column 12: nothing falls by 100% or more: as in tpot.p50 < +3%`,
		"success_rate > -1%":        `column 16: success_rate is a share, its change is in percentage points: write it as in success_rate > -1pp`,
		"success_rate > -1":         `column 16: "-1" is no change, as in success_rate > -1pp`,
		"c=8: tpot.p50 < +3% and":   `column 21: nothing may follow the change: one gate has one bound`,
		"größe=8: tpot.p50 =< +3%":  `column 19: want <, <=, > or >= after the metric, as in tpot.p50 < +3%`,
		"c=8: success_rate.p5 > 1%": `column 18: success_rate is one number and has no "p5": write success_rate > -1pp`,
	}
	for expr, want := range tests {
		_, err := metric.ParseGate(expr)
		if err == nil || !strings.HasSuffix(err.Error(), want) || !strings.HasPrefix(err.Error(), "gate ") {
			t.Errorf("%q: %v\nwant %s", expr, err, want)
		}
	}
}

func FuzzParseGate(f *testing.F) {
	for _, expr := range []string{"tpot.p50 < +3%", "c=8: success_rate >= -0.5pp", "a: b: e2e.p99.9 <= -12.25%", ": itl.max < 0%"} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		g, err := metric.ParseGate(expr)
		if err != nil {
			return
		}
		again, err := metric.ParseGate(g.String())
		if err != nil || again != g {
			t.Errorf("%q gives %+v, written %q, which gives %+v, %v", expr, g, g, again, err)
		}
	})
}
