package dialect_test

import (
	"math"
	"strings"
	"testing"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/dialect"
)

const ms = int64(1e6)

// stream is an answer from start with one arrival at each of the times, counted from start, of so many events and tokens each.
func stream(start int64, times []int64, events, k []int, end int64, tokens int) *results.Record {
	a := results.Attempt{StartedNS: start, DoneNS: start + end, Outcome: results.OK}
	last := int64(0)
	for _, at := range times {
		a.Arrivals.DtNS = append(a.Arrivals.DtNS, at-last)
		last = at
	}
	a.FirstTokenNS, a.FirstOutNS = start+times[0], start+times[0]
	a.Arrivals.Events, a.Arrivals.K = events, k
	return &results.Record{
		Stage: "s", IntendedNS: start, SlotNS: start, DispatchedNS: start, DoneNS: a.DoneNS, Outcome: results.OK,
		Tokens: results.Tokens{Input: 10, Output: tokens, Source: results.FromUsage}, Attempts: []results.Attempt{a},
	}
}

// Two answers, worked out by hand below. A: tokens at 10, 20, 40 ms, the last two in one read; end marker at 44. B: tokens
// at 30 and 60 ms, end at 64; it starts at 100 ms.
func two() []*results.Record {
	return []*results.Record{
		stream(0, []int64{10 * ms, 20 * ms, 40 * ms}, []int{1, 1, 2}, []int{1, 1, 2}, 44*ms, 4),
		stream(100*ms, []int64{30 * ms, 60 * ms}, []int{1, 1}, []int{1, 1}, 64*ms, 2),
	}
}

func compute(t *testing.T, name string, records ...*results.Record) []dialect.Stage {
	t.Helper()
	tool, err := dialect.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	stages, err := tool.Compute(func(yield func(*results.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

func near(got, want float64) bool {
	return math.Abs(got-want) <= 1e-9*math.Max(1, math.Abs(want)) || math.IsNaN(got) && math.IsNaN(want)
}

func TestTimesByHand(t *testing.T) {
	tests := []struct {
		tool, name     string
		count          int
		mean, p50, p99 float64
	}{
		// TTFT is 10 and 30 ms everywhere.
		{"vllm", "TTFT", 2, 20, 20, 29.8},
		{"guidellm", "time_to_first_token_ms", 2, 20, 10, 30}, // no interpolation: the first of two is the median
		{"aiperf", "time_to_first_token", 2, 20, 20, 29.8},
		{"inference-perf", "time_to_first_token", 2, 20, 20, 29.8},
		// A: (40-10)/3 = 10; B: (60-30)/1 = 30.
		{"vllm", "TPOT", 2, 20, 20, 29.8},
		{"aiperf", "inter_token_latency", 2, 20, 20, 29.8},
		{"inference-perf", "time_per_output_token", 2, 20, 20, 29.8},
		// The same with weights 3 and 1: mean (3*10 + 30)/4.
		{"guidellm", "inter_token_latency_ms", 2, 15, 10, 30},
		// A: 40/4 = 10 of weight 4; B: 60/2 = 30 of weight 2.
		{"guidellm", "time_per_output_token_ms", 2, (40.0 + 60) / 6, 10, 30},
		// A: 44/4 = 11; B: 64/2 = 32.
		{"inference-perf", "normalized_time_per_output_token", 2, 21.5, 21.5, 31.79},
		// Gaps of events: A 10, 20, 0; B 30. Sorted 0 10 20 30.
		{"vllm", "ITL", 4, 15, 15, 29.7},
		{"aiperf", "inter_chunk_latency", 4, 15, 15, 29.7},
		{"inference-perf", "inter_token_latency", 4, 15, 15, 29.7},
		// To the last content, or to the end marker.
		{"vllm", "E2EL", 2, 50, 50, 59.8},
		{"aiperf", "request_latency", 2, 50, 50, 59.8},
		{"guidellm", "request_latency", 2, 54, 44, 64},
		{"inference-perf", "request_latency", 2, 54, 54, 63.8},
	}
	for _, test := range tests {
		stages := compute(t, test.tool, two()...)
		found := false
		for _, got := range stages[0].Times {
			if got.Name != test.name {
				continue
			}
			found = true
			if got.Count != test.count || !near(got.Mean, test.mean) || !near(got.P50, test.p50) || !near(got.P99, test.p99) {
				t.Errorf("%s %s: %d values, mean %v, p50 %v, p99 %v; want %d, %v, %v, %v",
					test.tool, test.name, got.Count, got.Mean, got.P50, got.P99, test.count, test.mean, test.p50, test.p99)
			}
		}
		if !found {
			t.Errorf("%s has no %s", test.tool, test.name)
		}
	}
}

// From 0 to 164 ms: 2 requests, 6 tokens out, 20 in.
func TestRatesDivideByTheWholeRun(t *testing.T) {
	for _, name := range []string{"vllm", "guidellm", "aiperf", "inference-perf"} {
		rates := compute(t, name, two()...)[0].Rates
		for i, n := range []float64{2, 6, 26} {
			if !near(rates[i].V, n/0.164) {
				t.Errorf("%s %s is %v, want %v", name, rates[i].Name, rates[i].V, n/0.164)
			}
		}
	}
}

func TestWhatCounts(t *testing.T) {
	failed := stream(0, []int64{5 * ms}, []int{1}, nil, 300*ms, 0)
	failed.Outcome = results.StatusOutcome(500)
	broken := stream(0, []int64{50 * ms, 60 * ms}, []int{1, 1}, nil, 70*ms, 0)
	broken.Outcome = results.StreamError
	warm, cancelled, dropped := two()[0], two()[0], two()[0]
	warm.Warmup, cancelled.Outcome, dropped.Outcome, dropped.Attempts = true, results.Cancelled, results.Dropped, nil
	records := append(two(), failed, broken, warm, cancelled, dropped)
	for name, want := range map[string]int{"vllm": 3, "guidellm": 2, "aiperf": 2, "inference-perf": 2} {
		stage := compute(t, name, records...)[0]
		if got := stage.Times[0].Count; got != want {
			t.Errorf("%s counts %d successes, want %d", name, got, want)
		}
		if v := stage.Rates[0].V; !near(v, float64(want)/0.3) { // the failure ended last
			t.Errorf("%s: %v requests/s, want %v", name, v, float64(want)/0.3)
		}
	}
}

// A plain answer has a latency and nothing else; of no success there is no figure, and none is 0.
func TestNothingIsNoFigure(t *testing.T) {
	plain := stream(0, []int64{ms}, nil, nil, 20*ms, 3)
	plain.Attempts[0].FirstTokenNS, plain.Attempts[0].FirstOutNS, plain.Attempts[0].Arrivals = 0, 0, results.Arrivals{}
	for _, one := range compute(t, "vllm", plain)[0].Times {
		if want := map[string]int{"E2EL": 1}[one.Name]; one.Count != want || want == 0 && !math.IsNaN(one.Mean+one.P50) {
			t.Errorf("%s has %d values, mean %v", one.Name, one.Count, one.Mean)
		}
	}
	failed := two()[0]
	failed.Outcome = results.Reset
	if got := compute(t, "aiperf", failed)[0]; got.Rates[0].V != 0 || !math.IsNaN(got.Times[0].P99) {
		t.Errorf("of one failure: %+v", got)
	}
	if got := compute(t, "aiperf"); len(got) != 0 {
		t.Errorf("of no record: %+v", got)
	}
}

func TestUnknownDialectNamesTheKnown(t *testing.T) {
	if _, err := dialect.Lookup("genai"); err == nil || !strings.Contains(err.Error(), "vllm, guidellm, aiperf, inference-perf") {
		t.Error(err)
	}
}
