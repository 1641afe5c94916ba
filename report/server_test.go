package report_test

import (
	"strings"
	"testing"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
)

func TestWhatTheServerSaysIsALineAStage(t *testing.T) {
	s := sweep()
	plain := tables(t, s.Summary, report.Options{})
	if strings.Contains(plain, "server") && strings.Contains(plain, "waiting") {
		t.Errorf("a table of servers that said nothing:\n%s", plain)
	}
	s.Summary.Stages[0].Server = &results.Server{Running: &results.Gauge{Mean: 1, Max: 1}, Waiting: &results.Gauge{}, TTFT: &results.ServerTTFT{
		MeanMS: ptr(40), ClientMeanMS: ptr(42.5), DifferenceMS: ptr(2.5), Explanation: "it is the first stage's",
	}}
	s.Summary.Stages[1].Server = &results.Server{
		Running: &results.Gauge{Mean: 7.5, Max: 8}, CacheUse: &results.Gauge{Mean: 0.4, Max: 0.825}, PowerW: &results.Gauge{Mean: 612, Max: 700},
		CacheHitRatio: ptr(0), JPerOutToken: ptr(0.53), Speculative: &results.Speculative{AcceptanceLength: ptr(2.79)},
		TTFT: &results.ServerTTFT{MeanMS: ptr(90), ClientMeanMS: ptr(95), DifferenceMS: ptr(5), Explanation: "the network\nand so on"},
	}
	out := tables(t, s.Summary, report.Options{})
	_, table, ok := strings.Cut(out, "server ")
	if !ok {
		t.Fatalf("no table in\n%s", out)
	}
	for _, want := range []string{
		"running", "KV use", "tok/step", "J/token", "1.00", "7.50", "82.5%", "2.79", "612", "0.530", "42.5", "95.0",
		"TTFT of " + s.Summary.Stages[1].Name + ": the network and so on\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	// Columns of nothing, or of nothing but zeros, are no columns.
	for _, absent := range []string{"preempted", "cached", "waiting", "it is the first stage's"} {
		if strings.Contains(table, absent) {
			t.Errorf("%q in\n%s", absent, table)
		}
	}
}
