package runner_test

import (
	"fmt"
	"testing"

	"github.com/llmload/llmload/scenarios/runner"
)

// A request takes 8 tokens in and 4 out; the mock's chat template takes none.
func TestABudgetEndsTheRunBeforeItIsPassed(t *testing.T) {
	for _, c := range []struct {
		sentence, scenario, why string
		issued, used            int64
		stages                  int
	}{
		{"100 tokens are eight requests", "load: {closed: {concurrency: 3}, requests: 50}\nbudget: {total_tokens: 100}", "budget: the next request could go beyond its 100 tokens", 8, 96, 1},
		{"96 are as many", "load: {closed: {concurrency: 3}, requests: 50}\nbudget: {total_tokens: 96}", "budget: the next request could go beyond its 96 tokens", 8, 96, 1},
		{"95 are seven", "load: {closed: {concurrency: 3}, requests: 50}\nbudget: {total_tokens: 95}", "budget: the next request could go beyond its 95 tokens", 7, 84, 1},
		{"warm-up counts", "load: {closed: {concurrency: 1}, requests: 50, warmup: {requests: 2}}\nbudget: {total_tokens: 100}", "budget: the next request could go beyond its 100 tokens", 6, 96, 1},
		{"dollars", "load: {closed: {concurrency: 3}, requests: 50}\nbudget: {usd: 0.00009, prices: {input_per_mtok: 1, output_per_mtok: 2}}", "budget: the next request could go beyond its 9e-05 USD", 5, 60, 1},
		{"of an open loop", "load: {open: {rate: 100/s}, requests: 50}\nbudget: {total_tokens: 100}", "budget: the next request could go beyond its 100 tokens", 8, 96, 1},
		{"the stages share it", "load: {closed: {concurrency: 1}, requests: 5}\nbudget: {total_tokens: 100}", "requests", 5, 96, 2},
		{"one that is large enough ends nothing", "load: {closed: {concurrency: 1}, requests: 5}\nbudget: {total_tokens: 1M}", "requests", 5, 180, 3},
		{"what fails without a count has used nothing", "load: {closed: {concurrency: 1}, requests: 5}\nfaults: [{when: {every: 2}, action: {status: 500}}]\nbudget: {total_tokens: 125}", "requests", 5, 108, 3},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			out := run(t, quick, "workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 4}}\nstages: [{name: a}, {name: b}, {name: c}]\n"+c.scenario, 0)
			s := out.Stages[0]
			if len(out.Stages) != c.stages || s.Requests.Issued != c.issued || s.StopReason != c.why || s.Requests.Cancelled > 0 {
				t.Errorf("%d stages, the first stopped by %q after %+v", len(out.Stages), s.StopReason, s.Requests)
			}
			if b := out.Budget; b.UsedInput+b.UsedOutput != c.used || b.Exhausted != (c.stages < 3) {
				t.Errorf("%+v", b)
			}
		})
	}
}

// Answers are at most 40 tokens and in fact 4. What is not used is free again when the answer has been decoded; else three
// requests would end the run.
func TestWhatIsSetAsideAndNotUsedIsFreeAgain(t *testing.T) {
	out := run(t, quick+"\noutput: {natural: 4}", `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 40, mode: cap}}
load: {closed: {concurrency: 1}, requests: 50}
budget: {total_tokens: 150}
`, 0)
	if s := out.Stages[0]; s.Requests.Issued < 5 || s.Requests.Issued > 12 || out.Budget.UsedInput+out.Budget.UsedOutput > 150 {
		t.Errorf("%+v, %+v", s.Requests, out.Budget)
	}
}

// A budget of just what a plan uses lets all of it through, one of a token less all but the last.
func TestABudgetIsExactWithMixesDrawnLengthsAndBatches(t *testing.T) {
	const drawn = "{synthetic: {input_tokens: {distribution: uniform, min: 5, max: 40}}}"
	for _, c := range []struct{ sentence, scenario string }{
		{"drawn lengths", "workload: {prompts: " + drawn + ", output: {tokens: {values: [{tokens: 2}, {tokens: 9}]}}}\nload: {closed: {concurrency: 1}, requests: 20}"},
		{"a mix", "mix: [{prompts: " + drawn + ", output: {tokens: 3}}, {api: completions, output: {tokens: {distribution: uniform, min: 1, max: 9}}}]\nload: {closed: {concurrency: 1}, requests: 20}"},
		{"batches of requests", "workload: {prompts: " + drawn + ", output: {tokens: {distribution: uniform, min: 1, max: 9}}}\nload: {closed: {concurrency: 1}, batch: {size: 3}, requests: 20}"},
		{"requests of several prompts", "workload: {api: completions, prompts: " + drawn + ", output: {tokens: {distribution: uniform, min: 1, max: 9}}}\nload: {closed: {concurrency: 1}, batch: {size: 3, mode: request}, requests: 20}"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := &plan(t, c.scenario).Stages[0]
			var tokens, requests, last int
			schedule := s.Schedule()
			for a, ok := schedule.Next(0); ok; a, ok = schedule.Next(0) {
				last = runner.Requests(s, a)
				for i := range last {
					in, out := s.Tokens(a.First+int64(i), a.Size/last)
					tokens += in + out
				}
				requests += last
			}
			for less, want := range []int{requests, requests - last} {
				out := run(t, quick, c.scenario+fmt.Sprintf("\nbudget: {total_tokens: %d}", tokens-less), 0)
				if got := int(out.Stages[0].Requests.Succeeded); got != want || out.Budget.Exhausted != (less > 0) {
					t.Errorf("%d requests within %d less than they use, want %d; %+v", got, less, want, out.Budget)
				}
			}
		})
	}
}
