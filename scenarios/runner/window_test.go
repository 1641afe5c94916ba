package runner_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// steady are the figures that a cold start or a tail must not move.
func steady(s results.StageSummary) map[string]float64 {
	out := map[string]float64{"requests a second": *s.Throughput.RequestsPerS, "tokens a second": *s.Throughput.OutputTokensPerS}
	for _, name := range []metric.Name{metric.E2E, metric.ResponseE2E, metric.TTFT, metric.TPOT} {
		m := s.Metrics[name]
		out[string(name)+" mean"], out[string(name)+" p95"], out[string(name)+" max"] = *m.Mean, *m.P95, *m.Max
	}
	return out
}

// moved names the figures that differ by more than a part in a thousand.
func moved(was, is map[string]float64) (out []string) {
	for name, v := range was {
		if math.Abs(is[name]-v) > 0.001*v {
			out = append(out, name)
		}
	}
	return out
}

// A server that is twenty times slower for its first seconds, or from the moment on at which the measured load has been
// sent, has the figures of one that never is, in both loops. Without the warm-up the cold start shows.
func TestAColdStartAndATailMoveNothing(t *testing.T) {
	const even = "engine: {model: fixed, ttft: 100ms, itl: 5ms, max_num_seqs: 100}"
	const cold = "engine: {model: fixed, ttft: 2s, itl: 100ms, max_num_seqs: 100}\nphases: [{at: 5s, set: {engine.ttft: 100ms, engine.itl: 5ms}}]"
	const tail = even + "\nphases: [{at: %s, set: {engine.ttft: 2s, engine.itl: 100ms}}]"
	const requests = "workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 11}}\n"
	for _, c := range []struct{ loop, load, sent string }{
		{"open", "open: {rate: 10/s, arrivals: constant}, duration: 20s", "29950ms"},
		{"open, Poisson", "open: {rate: 10/s}, duration: 20s", "30050ms"},
		{"closed", "closed: {concurrency: 4}, duration: 20s", "30150ms"},
		{"closed with think time", "closed: {concurrency: 4, think_time: {mean: 200ms, stddev: 50ms}}, duration: 20s", "30600ms"},
	} {
		t.Run(c.loop, func(t *testing.T) {
			measure := func(mock, warmup string) map[string]float64 {
				return steady(run(t, mock, requests+"load: {"+c.load+", warmup: {duration: "+warmup+"}}", 0).Stages[0])
			}
			was := measure(even, "10s")
			if c.loop != "closed with think time" { // whose workers come at other times after another begin
				if list := moved(was, measure(cold, "10s")); list != nil {
					t.Errorf("a cold start moved %q", list)
				}
			}
			if list := moved(was, measure(fmt.Sprintf(tail, c.sent), "10s")); list != nil {
				t.Errorf("a tail moved %q", list)
			}
			if moved(measure(even, "0s"), measure(cold, "0s")) == nil {
				t.Error("without a warm-up the cold start cannot be seen: it is none")
			}
		})
	}
}

// The last of 200 requests hangs for a minute. Its latency is counted; the rate is that of the time in which all workers
// had work.
func TestAStragglerDoesNotStretchTheWindow(t *testing.T) {
	const scenario = `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 1}}
load: {closed: {concurrency: 4}, requests: 200}
`
	plain := run(t, quick, scenario, 0).Stages[0]
	late := run(t, quick, scenario+"faults: [{when: {every: 200}, action: {at_token: 0, do: stall, for: 1m}}]", 0).Stages[0]
	near(t, "requests a second", late.Throughput.RequestsPerS, *plain.Throughput.RequestsPerS, 0.25)
	near(t, "e2e max", late.Metrics[metric.E2E].Max, 60_100, 1)
	near(t, "the drain", &late.Window.DrainS, 60, 0.2)
}
