package dialect_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/llmload/llmload/results"
)

// TestInferencePerfAgrees computes what inference-perf itself reported of its own requests. (The other dialects are held against
// their tools where their files are imported: results/interop.)
func TestInferencePerfAgrees(t *testing.T) {
	src, err := os.ReadFile("testdata/inference-perf.json")
	if err != nil {
		t.Fatal(err)
	}
	var run struct {
		Requests []struct {
			Start  float64   `json:"start_time"`
			End    float64   `json:"end_time"`
			Error  bool      `json:"error"`
			Input  int       `json:"input_tokens"`
			Output int       `json:"output_tokens"`
			Times  []float64 `json:"output_token_times"`
		} `json:"requests"`
		Successes struct {
			Latency    map[string]map[string]float64 `json:"latency"`
			Throughput map[string]float64            `json:"throughput"`
		} `json:"successes"`
	}
	if err := json.Unmarshal(src, &run); err != nil {
		t.Fatal(err)
	}
	ns := func(seconds float64) int64 { return int64(math.Round(seconds * 1e9)) }
	var records []*results.Record
	for _, q := range run.Requests {
		a := results.Attempt{StartedNS: ns(q.Start), DoneNS: ns(q.End)}
		r := &results.Record{Stage: "0", IntendedNS: a.StartedNS, Outcome: results.OK, Tokens: results.Tokens{Input: q.Input, Output: q.Output}}
		if q.Error {
			r.Outcome = results.StatusOutcome(500)
		}
		last := a.StartedNS
		for i, at := range q.Times {
			if i == 0 {
				a.FirstTokenNS, a.FirstOutNS = ns(at), ns(at)
			}
			a.Arrivals.DtNS, a.Arrivals.K = append(a.Arrivals.DtNS, ns(at)-last), append(a.Arrivals.K, 1)
			last = ns(at)
		}
		r.Attempts = []results.Attempt{a}
		records = append(records, r)
	}
	stage := compute(t, "inference-perf", records...)[0]
	for _, got := range stage.Times {
		want := run.Successes.Latency[got.Name]
		for stat, v := range map[string]float64{"mean": got.Mean, "median": got.P50, "p90": got.P90, "p95": got.P95, "p99": got.P99} {
			if math.Abs(v-1000*want[stat]) > 1e-5 {
				t.Errorf("%s %s is %v ms, inference-perf says %v s", got.Name, stat, v, want[stat])
			}
		}
	}
	for _, got := range stage.Rates {
		if want := run.Successes.Throughput[got.Name]; math.Abs(got.V/want-1) > 1e-6 {
			t.Errorf("%s is %v, inference-perf says %v", got.Name, got.V, want)
		}
	}
}
