package runner_test

import (
	"testing"

	"github.com/llmload/llmload/internal/metric"
)

const quick = "engine: {model: fixed, ttft: 100ms, itl: 0s, max_num_seqs: 100}"

// Two workers that think 0.4 s behind answers of 0.1 s ask four times a second, and thinking is no latency.
func TestThinkTimeIsPartOfTheLoadAndNotOfTheLatency(t *testing.T) {
	out := run(t, quick, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 1}}
load: {closed: {concurrency: 2, think_time: 400ms}, duration: 10s, warmup: {requests: 2}}
`, 0)
	s := out.Stages[0]
	near(t, "requests a second", s.Throughput.RequestsPerS, 4, 0.05)
	near(t, "response_e2e mean", s.Metrics[metric.ResponseE2E].Mean, 100, 0.5)
	near(t, "dispatch_delay max", s.Metrics[metric.DispatchDelay].Max, 0, 0.5)
}

// Three requests of two workers: when the second finds no work, after a minute, the first does not think another.
func TestNobodyThinksWhenThereIsNoMoreWork(t *testing.T) {
	out := run(t, quick, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 1}}
stages:
  - {name: slow, load: {closed: {concurrency: 2, think_time: 60s}, requests: 3}}
  - {name: next, load: {closed: {concurrency: 1}, requests: 1}}
`, 0)
	near(t, "the next stage's start", &out.Stages[1].Window.StartS, 60.2, 0.01)
}
