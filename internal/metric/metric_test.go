package metric_test

import (
	"math"
	"testing"

	"github.com/llmload/llmload/internal/metric"
)

func TestEveryMetricIsDescribedOnce(t *testing.T) {
	seen := map[metric.Name]bool{}
	for _, m := range metric.All() {
		if found, ok := metric.Lookup(string(m.Name)); !ok || found != m {
			t.Errorf("Lookup(%q) gives %+v", m.Name, found)
		}
		if seen[m.Name] || m.Title == "" {
			t.Errorf("%q is listed twice or has no title", m.Name)
		}
		seen[m.Name] = true
		if open, ok := metric.Lookup(string(m.Open)); !ok || open.Open != m.Open || open.Unit != m.Unit {
			t.Errorf("in open loop %q becomes %q, which is not a metric of its kind", m.Name, m.Open)
		}
		if unit, _ := m.Unit.Scale(); m.Distribution != (unit == "ms") {
			t.Errorf("%q: the times, and only they, are distributions", m.Name)
		}
	}
	if len(seen) != 22 {
		t.Errorf("%d metrics, want the 22 of the design", len(seen))
	}
	if _, ok := metric.Lookup("latency"); ok {
		t.Error("Lookup finds a metric that does not exist")
	}
}

func TestOpenLoopCountsFromTheIntendedTime(t *testing.T) {
	for name, want := range map[metric.Name]metric.Name{
		metric.TTFT: metric.ResponseTTFT, metric.E2E: metric.ResponseE2E, metric.ResponseE2E: metric.ResponseE2E,
		metric.TPOT: metric.TPOT, metric.Goodput: metric.Goodput, metric.ErrorRate: metric.ErrorRate,
	} {
		if m, _ := metric.Lookup(string(name)); m.Open != want {
			t.Errorf("in open loop %q becomes %q, want %q", name, m.Open, want)
		}
	}
}

func TestOnlyTimesAndErrorsAreBetterLow(t *testing.T) {
	for name, want := range map[metric.Name]bool{
		metric.TTFT: false, metric.ErrorRate: false, metric.SuccessRate: true, metric.OutputTokensPerS: true, metric.Goodput: true,
	} {
		if m, _ := metric.Lookup(string(name)); m.HigherIsBetter != want {
			t.Errorf("%q: higher is better is %v", name, m.HigherIsBetter)
		}
	}
}

func TestSuggestFindsSlipsAndBeginnings(t *testing.T) {
	for typed, want := range map[string]string{
		"tftt": "ttft", "tpto": "tpot", "TTFT": "ttft", "ttfb": "ttft", "e2": "e2e", "success": "success_rate",
		"output_tokens": "output_tokens_per_s", "sucess_rate": "success_rate", "": "", "xyz": "", "é": "",
	} {
		if got := metric.Suggest(typed); got != want {
			t.Errorf("Suggest(%q) is %q, want %q", typed, got, want)
		}
	}
}

func TestFormatGivesThreeDigitsAndTheUnit(t *testing.T) {
	tests := []struct {
		of   metric.Name
		v    float64
		want string
	}{
		{metric.TTFT, 0, "0 ns"},
		{metric.TTFT, 850, "850 ns"},
		{metric.TTFT, 12_340, "12.3 µs"},
		{metric.TTFT, 999_700, "1.00 ms"},
		{metric.TTFT, 12_340_000, "12.3 ms"},
		{metric.TTFT, 99_960_000, "100 ms"},
		{metric.TTFT, 500e6, "500 ms"},
		{metric.TTFT, 1.5e9, "1.50 s"},
		{metric.TTFT, 3600e9, "3,600 s"},
		{metric.TTFT, -12_340_000, "-12.3 ms"},
		{metric.OutputTokensPerS, 1234.4, "1,234 tok/s"},
		{metric.OutputTokensPerS, 1234567, "1,234,567 tok/s"},
		{metric.RequestsPerS, 9.996, "10.0 req/s"},
		{metric.RequestsPerS, 0.5, "0.50 req/s"},
		{metric.SuccessRate, 0.998, "0.998"},
		{metric.SuccessRate, 1, "1.000"},
		{metric.SuccessRate, 0, "0.000"},
		{metric.SuccessRate, 0.99996, "0.99996"},
		{metric.ErrorRate, 0.00004, "0.00004"},
		{metric.TTFT, math.NaN(), "·"},
		{metric.Goodput, math.Inf(1), "·"},
	}
	for _, test := range tests {
		m, _ := metric.Lookup(string(test.of))
		if got := m.Unit.Format(test.v); got != test.want {
			t.Errorf("%s of %v reads %q, want %q", test.of, test.v, got, test.want)
		}
	}
}

func TestScaleIsOfTheFiles(t *testing.T) {
	for name, want := range map[metric.Name]string{
		metric.TPOT: "ms", metric.TokSPerUser: "tok/s", metric.Goodput: "req/s", metric.Attainment: "ratio",
	} {
		m, _ := metric.Lookup(string(name))
		if got, factor := m.Unit.Scale(); got != want || factor != map[bool]float64{true: 1e6, false: 1}[want == "ms"] {
			t.Errorf("%s is in %q times %v", name, got, factor)
		}
	}
}
