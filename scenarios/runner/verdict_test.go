package runner_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// healthy is a stage with nothing wrong: 400 requests, a median TTFT of 200 ms.
func healthy() (*scenarios.Stage, *results.StageSummary) {
	at := func(v float64) *float64 { return &v }
	stage := &scenarios.Stage{Concurrency: 4, BatchSize: 1, Requests: 400}
	stage.Prompts.Cache, stage.Output.Mode = scenarios.Cold, scenarios.Exact
	return stage, &results.StageSummary{
		Requests: results.Requests{Issued: 400, Succeeded: 400},
		Tokens:   results.TokenTotals{Input: 4000, Output: 4000, RequestedOutput: 4000, Source: string(results.FromUsage)},
		Metrics: map[metric.Name]*results.Metric{
			metric.TTFT:          {Count: 400, OKP50: at(200)},
			metric.DispatchDelay: {Count: 400, P90: at(1), P99: at(1)},
		},
		Instrument: results.Instrument{LagP99MS: at(1), CPURatio: at(0.3)},
	}
}

func TestJudge(t *testing.T) {
	at := func(v float64) *float64 { return &v }
	for _, row := range []struct {
		sentence     string
		change       func(*scenarios.Stage, *results.StageSummary)
		warn, reason string
	}{
		{"a healthy stage has nothing to say", func(*scenarios.Stage, *results.StageSummary) {}, "", ""},
		{"requests that left late spoil it", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Metrics[metric.DispatchDelay].P99 = at(21)
		}, "", "sent requests 21.0 ms late (p99)"},
		{"a delay of under a tenth of the latency does not", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Metrics[metric.DispatchDelay].P99 = at(19)
		}, "", ""},
		{"nor one of under 10 ms, however fast the server", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Metrics[metric.DispatchDelay].P99, s.Metrics[metric.TTFT].OKP50 = at(9), at(1)
		}, "", ""},
		{"a small sample is judged by its p90", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Metrics[metric.DispatchDelay] = &results.Metric{Count: 40, P90: at(50)}
		}, "", "50.0 ms late (p90)"},
		{"a process that is woken late spoils it", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.LagP99MS = at(21)
		}, "", "llmload was woken 21.0 ms late"},
		{"data that lay long in the kernel spoils it", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.KernelToReadP99MS = at(21)
		}, "", "llmload read 21.0 ms after the kernel had the data (p99)"},
		{"not for under a tenth of the latency", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.KernelToReadP99MS = at(19)
		}, "", ""},
		{"a client that is late half of the time smooths the gaps", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.KernelToReadP50MS, s.Metrics[metric.ICL] = at(4.4), &results.Metric{Count: 400, OKP50: at(20)}
		}, "", "llmload read half of the data 4.4 ms or more after the kernel had it"},
		{"not where the gaps are far longer", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.KernelToReadP50MS, s.Metrics[metric.ICL] = at(4.4), &results.Metric{Count: 400, OKP50: at(50)}
		}, "", ""},
		{"nor for under a millisecond", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.KernelToReadP50MS, s.Metrics[metric.ICL] = at(0.9), &results.Metric{Count: 400, OKP50: at(2)}
		}, "", ""},
		{"gaps that the client widened itself, by reading several events at once, do not acquit it", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.KernelToReadP50MS, s.Metrics[metric.ICL] = at(2.5), &results.Metric{Count: 400, OKP50: at(50)}
			s.Instrument.MultiEventReads, s.Metrics[metric.TPOT] = at(0.9), &results.Metric{Count: 400, OKP50: at(5)}
		}, "", "llmload read half of the data 2.5 ms or more after the kernel had it"},
		{"gaps of a server that puts several tokens into an event are its own", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.KernelToReadP50MS, s.Metrics[metric.ICL] = at(2.5), &results.Metric{Count: 400, OKP50: at(50)}
			s.Instrument.MultiEventReads, s.Metrics[metric.TPOT] = at(0.1), &results.Metric{Count: 400, OKP50: at(5)}
		}, "", ""},
		{"answers that come whole have no gaps: their latency counts", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.KernelToReadP50MS = at(19)
		}, "", ""},
		{"a clock that was stepped is said", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.ClockStepMS = at(1200)
		}, "this machine's clock was stepped by 1200.0 ms", ""},
		{"a mock that fell behind its own plan spoils it", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.ServerLateP99MS = at(21)
		}, "", "the mock server wrote its tokens 21.0 ms late"},
		{"a little behind does not", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.ServerLateP99MS = at(9)
		}, "", ""},
		{"a client at its limit spoils it", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Instrument.CPURatio = at(0.96)
		}, "", "used 96% of its CPU"},
		{"a cold stage that hit the cache is spoiled", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Tokens.Cached = 81
		}, "", "2.0% of the input came from the server's prefix cache"},
		{"a few cached tokens are said", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Tokens.Cached = 79
		}, "2.0% of the input tokens", ""},
		{"a warm stage is meant to hit it", func(st *scenarios.Stage, s *results.StageSummary) {
			st.Prompts.Cache, s.Tokens.Cached = scenarios.Warm, 3000
		}, "75.0%", ""},
		{"other lengths than exact ones spoil it", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Tokens.Output = 3900
		}, "", "-2.5% of the tokens asked for"},
		{"not where tokens are guessed from events", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Tokens.Output, s.Tokens.Source = 1300, string(results.FromEvents)
		}, "", ""},
		{"nor where lengths are only capped", func(st *scenarios.Stage, s *results.StageSummary) {
			st.Output.Mode, s.Tokens.Output = scenarios.Capped, 1300
		}, "", ""},
		{"nothing measured is no result", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Requests = results.Requests{Issued: 3, Cancelled: 3, Warmup: 9}
		}, "", "no request was measured"},
		{"nothing succeeded: the first error is said", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Requests = results.Requests{Issued: 3, Failed: 3}
		}, "", "no request succeeded; the first error: boom"},
		{"some failures are said, with the first error", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Requests.Succeeded, s.Requests.Failed = 398, 2
		}, "2 of 400 requests failed; the first error: boom", ""},
		{"a cap that binds is said", func(st *scenarios.Stage, s *results.StageSummary) {
			st.Concurrency, st.Rate, st.MaxInFlight = 0, 10, 8
			s.Metrics[metric.QueueDelay] = &results.Metric{Count: 400, P50: at(242)}
		}, "waited 242.0 ms or more for one of the 8 places of max_in_flight", ""},
		{"retries are said", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Retries = 3
		}, "3 attempts were retries", ""},
		{"few requests for the concurrency are warned of", func(_ *scenarios.Stage, s *results.StageSummary) {
			s.Requests = results.Requests{Issued: 15, Succeeded: 15}
		}, "15 requests are few for 4 in flight", ""},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			stage, s := healthy()
			row.change(stage, s)
			warnings, invalid := runner.Judge(stage, s, "boom")
			if !matches(warnings, row.warn) || !matches(invalid, row.reason) {
				t.Errorf("warnings %q, invalid %q; want %q and %q", warnings, invalid, row.warn, row.reason)
			}
		})
	}
}

// matches holds one text against what is wanted, or none.
func matches(got []string, want string) bool {
	if want == "" {
		return len(got) == 0
	}
	return len(got) == 1 && strings.Contains(got[0], want)
}

func TestUnbalanced(t *testing.T) {
	saw := func(n int64) *int64 { return &n }
	good := results.Conservation{Issued: 10, Outcomes: 10, Attempts: 11, Dispatched: 9, Retries: 2, Written: 11, ServerAttempts: saw(11)}
	for _, row := range []struct {
		sentence    string
		change      func(*results.Conservation)
		interrupted bool
		want        string
	}{
		{"books that balance", func(*results.Conservation) {}, false, ""},
		{"a request without an outcome", func(c *results.Conservation) { c.Outcomes = 9 }, false, "10 requests were issued, 9 have an outcome"},
		{"an attempt too many", func(c *results.Conservation) { c.Attempts = 12 }, false, "12 attempts are not the 9 dispatched"},
		{"a replay that nobody counted", func(c *results.Conservation) { c.ServerAttempts = saw(12) }, false, "11 attempts were written, the server saw 12"},
		{"an interrupt may cut one on its way", func(c *results.Conservation) { c.ServerAttempts = saw(10) }, true, ""},
		{"a server that does not count", func(c *results.Conservation) { c.ServerAttempts = nil }, false, ""},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			c := good
			row.change(&c)
			if got := runner.Unbalanced(c, row.interrupted); !strings.HasPrefix(got, row.want) || (row.want == "") != (got == "") {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

// The tool's own lateness and the cap's wait are told apart: who finds a place free had it from when he was due.
func TestOnlyARealWaitCountsAsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := make(chan struct{}, 1)
		due := time.Now()
		time.Sleep(50 * time.Millisecond) // the tool comes late
		if slot, ok := runner.Enter(t.Context(), slots, due); !ok || !slot.Equal(due) {
			t.Errorf("a free place is had %s after it was due", slot.Sub(due))
		}
		time.AfterFunc(time.Second, func() { <-slots })
		if slot, ok := runner.Enter(t.Context(), slots, due); !ok || slot.Sub(due) != 1050*time.Millisecond {
			t.Errorf("a place that was waited for is had %s after it was due, want 1.05 s", slot.Sub(due))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, ok := runner.Enter(ctx, slots, due); ok {
			t.Error("the cap let one too many in")
		}
	})
}

// Recording that cannot keep up holds the workers back: that is the tool's delay, and it shows.
func TestASlowRecorderIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, `engine: {model: fixed, ttft: 1ms, itl: 0s}`)
		defer b.close()
		res, err := runner.Run(t.Context(), plan(t, "workload: {output: {tokens: 1}}\nload: {closed: {concurrency: 50}, requests: 3000}"), b, runner.Config{
			RunID: "t", Model: "demo-8b", Dial: b.pipes.dial,
			Append: func(*results.Record) { time.Sleep(20 * time.Millisecond) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Invalid) != 1 || !strings.Contains(res.Invalid[0], "llmload sent requests") {
			t.Errorf("invalid %q, want that requests left late", res.Invalid)
		}
	})
}

// A measured request that never ends must not keep the tail going for ever.
func TestTheTailIsNoLongerThanWhatWasMeasured(t *testing.T) {
	out := run(t, `engine: {model: fixed, ttft: 1ms, itl: 0s, max_num_seqs: 1000}`, `
workload: {output: {tokens: 1}}
load: {open: {rate: 100/s, arrivals: constant}, requests: 20}
client: {timeout: 5m}
faults: [{when: {first: 1}, action: {at_token: 0, do: stall, for: 1h, then: reset}}]
`, 0)
	s := out.Stages[0]
	if s.Requests.Tail != 20 || s.Requests.TimedOut != 1 {
		t.Errorf("requests %+v, want 20 of tail and the one that hung timed out", s.Requests)
	}
}
