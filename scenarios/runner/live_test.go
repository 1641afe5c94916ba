package runner_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios/runner"
)

func TestARunCanBeWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, `
engine: {model: fixed, ttft: 200ms, itl: 20ms, max_num_seqs: 100}
faults: [{when: {every: 4}, action: {status: 500}}]
`)
		defer b.close()
		live := &runner.Live{}
		var half runner.Progress
		look := time.AfterFunc(2100*time.Millisecond, func() { half = live.Look() })
		defer look.Stop()
		res, err := runner.Run(t.Context(), plan(t, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 11}}
stages:
  - {name: first, load: {closed: {concurrency: 2}, requests: 20, warmup: {requests: 4}}}
  - {name: second, load: {open: {rate: 5/s, arrivals: constant}, duration: 2s}}
`), b, runner.Config{RunID: "t", Model: "demo-8b", Dial: b.dial, Live: live})
		if err != nil {
			t.Fatal(err)
		}
		// Each of two workers: three answers of 400 ms and a failure at once, five times in 6 s. At 2.1 s ten answers have ended.
		if half.Stage != "first" || half.Total != 20 || half.Stages != 2 || half.InFlight != 2 || half.Sent-half.Done != 2 {
			t.Errorf("in the middle %+v", half)
		}
		if half.Measured != half.Done-4 {
			t.Errorf("of %d that ended, 4 in the warm-up, %d are measured", half.Done, half.Measured)
		}
		if half.Done-half.Failed != 10 || half.Failed != 3 || half.Outcomes["http_500"] != 3 || half.Tokens != 110 {
			t.Errorf("in the middle %+v", half)
		}
		if ttft := half.Medians[metric.TTFT]; ttft < 199*time.Millisecond || ttft > 201*time.Millisecond {
			t.Errorf("TTFT so far %v", ttft)
		}
		end := live.Look()
		if end.Stage != "second" || end.Duration != 2*time.Second || end.Total != 0 || end.InFlight != 0 || end.Issued != res.Conservation.Issued {
			t.Errorf("in the end %+v of %d requests", end, res.Conservation.Issued)
		}
		second := res.Stages[1]
		if ended := second.Requests.Issued + second.Requests.Tail; end.Done != ended || end.Sent != ended {
			t.Errorf("in the end %+v, the stage had %+v", end, second.Requests)
		}
		if second.Requests.Tail == 0 || end.Measured != second.Requests.Issued {
			t.Errorf("%d are measured, the stage had %+v", end.Measured, second.Requests)
		}
		if end.Outcomes["http_500"] < second.Outcomes["http_500"] || end.Outcomes[results.OK] != 0 {
			t.Errorf("outcomes %v", end.Outcomes)
		}
	})
}
