package results_test

import (
	"slices"
	"testing"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

const ms = int64(1e6)

// streamed is a request that waited 5 ms for a slot, went out 1 ms late, failed once, and streamed 9 tokens in four
// arrivals on its second attempt.
func streamed() results.Record {
	return results.Record{
		ID: "r-1", Stage: "s", Prompts: 1,
		IntendedNS: 100 * ms, SlotNS: 105 * ms, DispatchedNS: 106 * ms, DoneNS: 460 * ms,
		Outcome: results.OK,
		Tokens:  results.Tokens{Input: 20, Output: 9, RequestedInput: 20, RequestedOutput: 9, Source: results.FromUsage},
		Attempts: []results.Attempt{
			{StartedNS: 110 * ms, DoneNS: 150 * ms, Outcome: results.Reset},
			{
				StartedNS: 200 * ms, FirstTokenNS: 300 * ms, FirstOutNS: 300 * ms, DoneNS: 460 * ms, Outcome: results.OK,
				Arrivals: results.Arrivals{DtNS: []int64{100 * ms, 40 * ms, 80 * ms, 40 * ms}, K: []int{3, 2, 2, 2}},
			},
		},
	}
}

func TestValue(t *testing.T) {
	r := streamed()
	for name, want := range map[metric.Name]int64{
		metric.QueueDelay:    5 * ms,   // slot 105 - intended 100
		metric.DispatchDelay: 1 * ms,   // dispatched 106 - max(100, 105)
		metric.TTFT:          194 * ms, // first token 300 - dispatched 106
		metric.ResponseTTFT:  200 * ms, // first token 300 - intended 100
		metric.TTFOT:         194 * ms,
		metric.E2E:           260 * ms, // last attempt: 460 - 200
		metric.ResponseE2E:   360 * ms, // 460 - 100
		metric.LogicalE2E:    350 * ms, // 460 - 110
		metric.MaxGap:        80 * ms,
		metric.TPOT:          160 * ms / 6, // (40+80+40) / (2+2+2)
	} {
		if got, ok := r.Value(name); !ok || got/1000 != want/1000 {
			t.Errorf("%s = %d, %v, want %d", name, got, ok, want)
		}
	}
	if got := slices.Collect(r.Gaps); !slices.Equal(got, []int64{40 * ms, 80 * ms, 40 * ms}) {
		t.Errorf("icl %v", got)
	}
	if got := slices.Collect(r.ITL); !slices.Equal(got, []int64{20 * ms, 20 * ms, 40 * ms, 40 * ms, 20 * ms, 20 * ms}) {
		t.Errorf("itl %v", got)
	}
}

func TestTPOT(t *testing.T) {
	for _, c := range []struct {
		sentence string
		change   func(*results.Record, *results.Attempt)
		want     int64 // 0: none
	}{
		{"without tokens an arrival, the first has its share by events", func(_ *results.Record, a *results.Attempt) {
			a.Arrivals.K, a.Arrivals.Events = nil, []int{1, 1, 2, 2}
		}, 160 * ms * 2 / 15}, // 9 x 5/6 = 7.5 tokens after the first
		{"without events each arrival has the same share", func(_ *results.Record, a *results.Attempt) {
			a.Arrivals.K = nil
		}, 160 * ms * 4 / 27}, // 9 x 3/4
		{"one arrival has no pace", func(_ *results.Record, a *results.Attempt) {
			a.Arrivals = results.Arrivals{DtNS: []int64{ms}, K: []int{9}}
		}, 0},
		{"no arrival has no pace", func(_ *results.Record, a *results.Attempt) { a.Arrivals = results.Arrivals{} }, 0},
		{"reasoning that was never streamed is split off", func(r *results.Record, a *results.Attempt) {
			r.Tokens.Output, r.Tokens.Reasoning, a.Arrivals.K = 109, 100, nil
		}, 160 * ms * 4 / 27},
		{"reasoning in the count of the first arrival does not matter", func(r *results.Record, a *results.Attempt) {
			r.Tokens.Output, r.Tokens.Reasoning, a.Arrivals.K[0] = 109, 100, 103
		}, 160 * ms / 6},
		{"reasoning that was streamed counts", func(r *results.Record, a *results.Attempt) {
			r.Tokens.Reasoning, a.FirstOutNS, a.Arrivals.K = 4, 340*ms, nil
		}, 160 * ms * 4 / 27},
		{"reasoning that cannot be split off leaves none", func(r *results.Record, a *results.Attempt) {
			r.Tokens.Reasoning, a.Arrivals.K = 9, nil
		}, 0},
		{"no tokens at all", func(r *results.Record, a *results.Attempt) { r.Tokens.Output, a.Arrivals.K = 0, nil }, 0},
		{"columns of different lengths are not trusted", func(_ *results.Record, a *results.Attempt) {
			a.Arrivals.K, a.Arrivals.Events = []int{1}, []int{7}
		}, 160 * ms * 4 / 27},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			r := streamed()
			c.change(&r, &r.Attempts[1])
			got, ok := r.Value(metric.TPOT)
			if ok != (c.want != 0) || got/1000 != c.want/1000 {
				t.Errorf("tpot %d, %v, want %d", got, ok, c.want)
			}
		})
	}
}

func TestITL(t *testing.T) {
	for _, c := range []struct {
		sentence string
		k        []int
		want     []int64
	}{
		{"unknown tokens have none", nil, nil},
		{"a gap before an arrival without tokens belongs to the next tokens", []int{1, 0, 2, 1}, []int64{60 * ms, 60 * ms, 40 * ms}},
		{"a column of another length is not trusted", []int{1, 1}, nil},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			r := streamed()
			r.Attempts[1].Arrivals.K = c.k
			if got := slices.Collect(r.ITL); !slices.Equal(got, c.want) {
				t.Errorf("itl %v, want %v", got, c.want)
			}
		})
	}
}

func TestValueOfWhatNeverHappened(t *testing.T) {
	for _, c := range []struct {
		sentence string
		record   results.Record
		has      []metric.Name
	}{
		{"a request that never got a slot has nothing", results.Record{IntendedNS: 5, DoneNS: 9}, nil},
		{
			"a request that was dispatched and never started has its waits",
			results.Record{IntendedNS: 5, SlotNS: 6, DispatchedNS: 7, DoneNS: 9},
			[]metric.Name{metric.QueueDelay, metric.DispatchDelay},
		},
		{
			"a virtual clock may start all at 0; an attempt proves the stamps real",
			results.Record{Attempts: []results.Attempt{{DoneNS: 9}}},
			[]metric.Name{metric.QueueDelay, metric.DispatchDelay, metric.E2E, metric.ResponseE2E, metric.LogicalE2E},
		},
		{
			"a stream of reasoning alone has no output token",
			results.Record{Attempts: []results.Attempt{{FirstTokenNS: 3, DoneNS: 9}}},
			[]metric.Name{
				metric.QueueDelay, metric.DispatchDelay, metric.TTFT, metric.ResponseTTFT,
				metric.E2E, metric.ResponseE2E, metric.LogicalE2E,
			},
		},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			var has []metric.Name
			for _, m := range metric.All() {
				if _, ok := c.record.Value(m.Name); ok {
					has = append(has, m.Name)
				}
			}
			if !slices.Equal(has, c.has) {
				t.Errorf("has %v, want %v", has, c.has)
			}
			if n := len(slices.Collect(c.record.Gaps)) + len(slices.Collect(c.record.ITL)); n != 0 {
				t.Errorf("%d gaps", n)
			}
		})
	}
}

func TestStatusOutcome(t *testing.T) {
	for status, want := range map[int]results.Outcome{429: results.RateLimited, 404: "http_404", 503: "http_503", 302: "http_302"} {
		if got := results.StatusOutcome(status); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}
