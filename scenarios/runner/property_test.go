package runner_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// drawnRun carries out a drawn scenario against a mock in virtual time: loops of both kinds, batches, faults, retries,
// and, where it may, an interrupt.
func drawnRun(outer *testing.T, t *rapid.T, interrupts bool) (out trial, concurrency int) {
	slots, tokens := rapid.IntRange(1, 6).Draw(t, "slots"), rapid.IntRange(1, 12).Draw(t, "tokens")
	mock := fmt.Sprintf("seed: %d\nengine: {model: step, c0: %dms, prefill_per_token: 100us, max_num_seqs: %d, kv_tokens: 4000, jitter: {dist: lognormal, cv: 0.3}}",
		rapid.Uint64().Draw(t, "mock's seed"), rapid.IntRange(1, 40).Draw(t, "c0"), slots)
	var y strings.Builder
	fmt.Fprintf(&y, "seed: %d\n", rapid.Uint64().Draw(t, "seed"))
	fmt.Fprintf(&y, "workload: {prompts: {synthetic: {input_tokens: {mean: 30, stddev: 20}}}, output: {tokens: {distribution: uniform, min: 1, max: %d}}}\n", tokens)
	load := fmt.Sprintf("requests: %d, warmup: {requests: %d}", rapid.IntRange(1, 60).Draw(t, "requests"), rapid.IntRange(0, 9).Draw(t, "warm-up"))
	if rapid.Bool().Draw(t, "open") {
		fmt.Fprintf(&y, "load: {open: {rate: %d/s, arrivals: %s, max_in_flight: %d}, %s}\n", rapid.IntRange(1, 200).Draw(t, "rate"),
			rapid.SampledFrom([]string{"constant", "poisson", "gamma(0.5)"}).Draw(t, "arrivals"), rapid.IntRange(1, 30).Draw(t, "cap"), load)
	} else {
		concurrency = rapid.IntRange(1, 8).Draw(t, "concurrency")
		fmt.Fprintf(&y, "load: {closed: {concurrency: %d}, %s}\n", concurrency, load)
	}
	if interrupts {
		faults := rapid.SampledFrom([]string{"", "{when: {probability: 0.2}, action: {status: 500}}", "{when: {every: 3}, action: {status: 429, retry_after: 300ms}}", "{when: {probability: 0.3}, action: {at_token: 1, do: reset}}"}).Draw(t, "fault")
		fmt.Fprintf(&y, "faults: [%s]\nclient: {max_retries: %d}\n", faults, rapid.IntRange(0, 2).Draw(t, "retries"))
	}
	var stop time.Duration
	if interrupts && rapid.Bool().Draw(t, "interrupted") {
		stop = time.Duration(rapid.IntRange(1, 3000).Draw(t, "after")) * time.Millisecond
	}
	synctest.Test(outer, func(inner *testing.T) {
		b := newBed(inner, mock)
		defer b.close()
		out = runOn(inner, b, y.String(), 1, stop)
	})
	if outer.Failed() {
		t.Fatalf("mock %s\n%s", mock, y.String())
	}
	return out, concurrency
}

// TestTheBooksBalanceWhateverHappens holds conservation, which runOn checks: every request that was issued has one record and
// one outcome, attempts are dispatched and retries, and the server saw what was written.
func TestTheBooksBalanceWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		out, _ := drawnRun(t, rt, true)
		for i := range out.Stages {
			s := &out.Stages[i]
			var sum int64
			for _, n := range s.Outcomes {
				sum += n
			}
			if r := s.Requests; sum != r.Issued || r.Issued != r.Succeeded+r.Failed+r.TimedOut+r.Cancelled+r.Dropped {
				rt.Fatalf("outcomes %v, requests %+v", s.Outcomes, r)
			}
			if s.Attempts != s.Retries+int64(tried(out.records)) {
				rt.Fatalf("%d attempts, %d retries of %d requests that were tried", s.Attempts, s.Retries, tried(out.records))
			}
		}
	})
}

// tried counts measured requests of which there was an attempt.
func tried(records []*results.Record) (n int) {
	for _, r := range records {
		if r.Measured() && len(r.Attempts) > 0 {
			n++
		}
	}
	return n
}

// TestLittlesLaw holds L = lambda W inside the measured window, residence clipped to it: the mean number in flight that the
// series tells is the requests that were there a second, times the mean time that each was there. In a closed loop that
// never waits it is the number of workers.
func TestLittlesLaw(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		out, concurrency := drawnRun(t, rt, false)
		s := &out.Stages[0]
		start, end := int64(math.Round(s.Window.StartS*1e9)), int64(math.Round((s.Window.StartS+s.Window.DurationS)*1e9))
		if concurrency > 0 && end > start {
			// Workers that found too few requests at the start are no workers.
			workers := min(concurrency, int(s.Requests.Issued+s.Requests.Warmup))
			if l, _ := flight(out.records, start, end); math.Abs(l-float64(workers)) > 1e-6 {
				rt.Fatalf("%v in flight in the window of %v s, want %d", l, s.Window.DurationS, workers)
			}
		}
		// The series has a grid of its own: the intervals that lie inside the window.
		var area, length float64
		var from, to int64
		for _, p := range s.Series {
			left, right := int64(math.Round(p.TS*1e9)), int64(math.Round((p.TS+p.DurationS)*1e9))
			if left < start || right > end {
				continue
			}
			if length == 0 {
				from = left
			}
			to = right
			area += p.InFlight * p.DurationS
			length += p.DurationS
		}
		if length == 0 {
			return
		}
		l, n := flight(out.records, from, to)
		lambda, w := float64(n)/length, 0.0
		if n > 0 {
			w = l * length / float64(n)
		}
		if got := area / length; math.Abs(got-lambda*w) > 1e-6*(1+got) {
			rt.Fatalf("%v in flight by the series, %v a second for %v s each", got, lambda, w)
		}
	})
}

// flight is the mean number in flight from from to to, and how many requests were there.
func flight(records []*results.Record, from, to int64) (mean float64, n int) {
	var sum int64
	for _, r := range records {
		last := r.Last()
		if last == nil {
			continue
		}
		if d := min(last.DoneNS, to) - max(r.DispatchedNS, from); d > 0 {
			sum += d
			n++
		}
	}
	return float64(sum) / float64(to-from), n
}

// Three attempts each: back-off of 1 s and 2 s, or a Retry-After of 3 s twice, before an answer of 100 ms.
func TestRetriesAreAccountedForByHand(t *testing.T) {
	const mock = `engine: {model: fixed, ttft: 90ms, itl: 10ms}`
	for _, c := range []struct {
		what, fault    string
		logical, ttft  float64 // ms, mean
		amplification  float64
		ok, failedOnce int64
		waste          results.Waste
	}{
		{"500 twice", "{when: {first: 2, per: 'header:x-request-id'}, action: {status: 500}}", 3100, 3090, 3, 10, 0, results.Waste{Attempts: 20, InputTokens: 20 * 40}},
		{"429 twice, with Retry-After", "{when: {first: 2, per: 'header:x-request-id'}, action: {status: 429, retry_after: 3s}}", 6100, 6090, 3, 10, 0, results.Waste{Attempts: 20, InputTokens: 20 * 40}},
		{"500 for ever", "{action: {status: 500}}", 0, 0, 3, 0, 10, results.Waste{Attempts: 30, InputTokens: 30 * 40}},
		// Behind content nothing is retried: one token of two had come.
		{"cut after the first token", "{action: {at_token: 1, do: reset}}", 0, 0, 1, 0, 10, results.Waste{Attempts: 10, InputTokens: 10 * 40, OutputTokens: 10}},
	} {
		out := run(t, mock, `
workload: {prompts: {synthetic: {input_tokens: 40}}, output: {tokens: 2}}
load: {closed: {concurrency: 1}, requests: 10}
client: {max_retries: 2}
faults: [`+c.fault+`]
`, 0)
		s := out.Stages[0]
		if s.Requests.Succeeded != c.ok || s.Requests.Failed != c.failedOnce || s.Wasted != c.waste {
			t.Errorf("%s: requests %+v, wasted %+v, want %+v", c.what, s.Requests, s.Wasted, c.waste)
		}
		near(t, c.what+": amplification", s.Amplification, c.amplification, 0)
		if c.ok == 0 {
			continue
		}
		near(t, c.what+": e2e of the last attempt", s.Metrics[metric.E2E].Mean, 100, 0.5)
		near(t, c.what+": logical e2e", s.Metrics[metric.LogicalE2E].Mean, c.logical, 0.5)
		near(t, c.what+": ttft", s.Metrics[metric.TTFT].Mean, c.ttft, 0.5)
	}
}
