package simulate_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/internal/simulate"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/mockserver/engine"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// These scenarios can name two files: requests.jsonl holds the batch, any other the trace.
const (
	trace = "Timestamp,Request tokens,Response tokens\n5,100,20\n5.05,30,0\n5.1,300,9\n5.13,20,40\n6,60,10\n"
	batch = `{"url": "/v1/chat/completions", "body": {"messages": [{"role": "user", "content": "Hi there"}], "max_tokens": 7}}` + "\n" +
		`{"url": "/v1/chat/completions", "body": {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 12, "model": "x"}}`
)

func plan(t testing.TB, src string) *scenarios.Plan {
	t.Helper()
	read := func(name string) ([]byte, error) {
		if name == "requests.jsonl" {
			return []byte(batch), nil
		}
		return []byte(trace), nil
	}
	spec, err := scenarios.Parse("test.yaml", []byte(src), nil, read)
	if err != nil {
		t.Fatal(err)
	}
	p, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func config(t testing.TB, p *scenarios.Plan) mockserver.Config {
	t.Helper()
	cfg, err := mockserver.ParseConfig(p.Target.Mock)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func run(t *testing.T, src string) *simulate.Result {
	t.Helper()
	p := plan(t, src)
	res, err := simulate.Run(t.Context(), p, config(t, p))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestRefusalsHaveTheirOutcomes(t *testing.T) {
	for _, c := range []struct {
		name, scenario string
		want           map[results.Outcome]int64
	}{
		{"the queue is full", "mock: {engine: {max_num_seqs: 2, max_queue: 1}}}\nload: {open: {rate: 1000/s, arrivals: constant}, requests: 10}", map[results.Outcome]int64{"ok": 3, "http_503": 7}},
		{"the memory is too small", "mock: {engine: {model: step, c0: 1ms, kv_tokens: 600}}}\nload: {closed: {concurrency: 1}, requests: 4}", map[results.Outcome]int64{"http_400": 4}},
		{"the context is too small", "mock: {models: [{id: a, max_model_len: 600}]}}\nload: {closed: {concurrency: 1}, requests: 4}", map[results.Outcome]int64{"http_400": 4}},
	} {
		res := run(t, "name: x\ntarget: {"+c.scenario)
		if got := res.Stages[0].Outcomes; !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if valid := len(res.Invalid) == 0; valid != (c.want["ok"] > 0) {
			t.Errorf("%s: %v", c.name, res.Invalid)
		}
	}
}

// The preset can serve 21/s of these prompts.
func TestAStepEngineIsSaturatedAboveWhatItCanServe(t *testing.T) {
	for rate, want := range map[int]string{17: "duration", 19: "duration", 40: "saturated"} {
		res := run(t, fmt.Sprintf("name: x\nseed: 3\ntarget: {mock: {preset: h100-llama3-8b}}\nworkload: {prompts: {synthetic: {input_tokens: 512}}, output: {tokens: 128}}\n"+
			"load: {open: {rate: %d/s}, duration: 3m, stop: {saturated: true}}", rate))
		if why, _, _ := strings.Cut(res.Stages[0].StopReason, ":"); why != want {
			t.Errorf("at %d/s: %s", rate, res.Stages[0].StopReason)
		}
	}
}

// A conversation outgrows the model: of four turns of 20 and 10 tokens a context of 60 holds two.
func TestATurnThatFailsEndsItsSession(t *testing.T) {
	res := run(t, "name: x\ntarget: {mock: {models: [{id: demo-8b, max_model_len: 60}]}}\nworkload: {prompts: {synthetic: {input_tokens: 20}}, output: {tokens: 10}}\n"+
		"load: {sessions: {rate: 1/s, turns: 4}, requests: 12}")
	if got, want := res.Stages[0].Outcomes, (map[results.Outcome]int64{"ok": 6, "http_400": 3, "dropped": 3}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Third turns fail. With the stop those who wait for a tool go no further; the runner has a test of the same figures.
func TestARuleEndsSessions(t *testing.T) {
	res := run(t, "name: x\ntarget: {mock: {seed: 4, models: [{id: demo-8b, max_model_len: 150}], engine: {ttft: 103ms, itl: 3ms}}}\n"+`
workload: {prompts: {synthetic: {input_tokens: 40}}, output: {tokens: 20}}
load: {sessions: {rate: 5/s, turns: 5, tool_delay: 407ms}, requests: 600, stop: {error_rate: 0.2}}
`)
	s := res.Stages[0]
	if want := (map[results.Outcome]int64{"ok": 17, "http_400": 4, "cancelled": 26, "dropped": 8}); !maps.Equal(s.Outcomes, want) || s.StopReason != "error_rate: 4 of 20 requests failed" {
		t.Errorf("%v, want %v; stopped by %q", s.Outcomes, want, s.StopReason)
	}
}

func TestALoopWithoutTimeComesToAnEnd(t *testing.T) {
	res := run(t, "name: x\ntarget: {mock: {engine: {model: none}}}\nworkload: {prompts: {synthetic: {input_tokens: 5}}, output: {tokens: 3}}\n"+
		"load: {closed: {concurrency: 2}, duration: 1s}")
	if got := res.Stages[0].Requests.Issued; got != 2000 {
		t.Errorf("%d requests in a second of two workers, each of %v", got, simulate.LeastTime)
	}
}

func TestTheSamePlanHasTheSameResult(t *testing.T) {
	const src = "name: x\nseed: %d\ntarget: {mock: {preset: h100-llama3-8b, engine: {jitter: {cv: 0.1}}, output: {natural: 60}}}\n" +
		"workload: {output: {mode: natural}}\nload: {open: {rate: 20/s}, requests: 100}"
	one := text(t, run(t, fmt.Sprintf(src, 1)).Stages)
	if again := text(t, run(t, fmt.Sprintf(src, 1)).Stages); one != again {
		t.Errorf("first\n%s\nthen\n%s", one, again)
	}
	if other := text(t, run(t, fmt.Sprintf(src, 2)).Stages); one == other {
		t.Error("the seed changes nothing")
	}
}

// At 0.8 of saturation the served rate is the offered one, and the gaps are those of the engine itself.
func TestASimulationOfALongRunAgreesWithTheEngine(t *testing.T) {
	res := run(t, "name: x\ntarget: {mock: {preset: h100-llama3-8b, output: {natural: 128}}}\nworkload: {prompts: {synthetic: {input_tokens: 512}}, output: {mode: natural}}\n"+
		"load: {open: {rate: 17/s, arrivals: poisson}, duration: 2m, warmup: {duration: 20s}}")
	s := res.Stages[0]
	want := (&engine.Step{
		C0: 6 * time.Millisecond, Prefill: 20 * time.Microsecond, Decode: 20 * time.Microsecond, KV: 60, Slots: 64, Budget: 8192, KVTokens: 467_280,
	}).Analytic(engine.Workload{In: 512, Out: 128, Rate: 17})
	tpot := s.Metrics[metric.TPOT].Mean
	if off := *tpot/(want.MeanStep.Seconds()*1000) - 1; math.Abs(off) > 0.06 {
		t.Errorf("the mean TPOT is %.3f ms, the closed form says %v", *tpot, want.MeanStep)
	}
	if rate := *s.Throughput.RequestsPerS; math.Abs(rate/17-1) > 0.08 {
		t.Errorf("%.2f requests a second of 17", rate)
	}
}

func TestAnInterruptKeepsWhatWasMeasured(t *testing.T) {
	p := plan(t, "name: x\nload: {closed: {concurrency: [1, 2]}, duration: 1h}")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	res, err := simulate.Run(ctx, p, mockserver.Config{})
	if err != nil || !res.Interrupted || len(res.Stages) != 1 || res.Stages[0].StopReason != "interrupted" {
		t.Errorf("%v, %+v", err, res)
	}
}

func TestOfSeveralModelsOneMustBeNamed(t *testing.T) {
	cfg := mockserver.Config{Models: []mockserver.Model{{ID: "a"}, {ID: "b"}}}
	_, err := simulate.Run(t.Context(), plan(t, "name: x\nload: {closed: {concurrency: 1}}"), cfg)
	if err == nil || !strings.Contains(err.Error(), "name one as `model`: a, b") {
		t.Errorf("%v", err)
	}
	res, err := simulate.Run(t.Context(), plan(t, "name: x\nmodel: b\nload: {closed: {concurrency: 1}}"), cfg)
	if err != nil || res.Model != "b" || res.Stages[0].Requests.Succeeded == 0 {
		t.Errorf("%v, %+v", err, res)
	}
}

func TestWhatIsLeftOutIsNamed(t *testing.T) {
	for src, want := range map[string]string{
		"load: {closed: {concurrency: 1}}": "",
		"load: {closed: {concurrency: 1}}\nfaults: [{action: {status: 500}}]\nclient: {rate_limit: 60/min, max_retries: 2}":                                                 "faults, the client's rate_limit, its max_retries",
		"load: {closed: {concurrency: 1}}\ntarget: {mock: {faults: [{action: {status: 500}}], truth: a, rate_limit: {rpm: 9}, phases: [{at: 1s, set: {engine.itl: 9ms}}]}}": "faults, a truth file, the mock's rate_limit, phases",
	} {
		p := plan(t, "name: x\n"+src)
		if got := strings.Join(simulate.LeftOut(p, config(t, p)), ", "); got != want {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}

// Five minutes of 64 slots at 80% of what they can serve.
func BenchmarkFiveMinutes(b *testing.B) {
	p := plan(b, "name: x\ntarget: {mock: {preset: h100-llama3-8b}}\nworkload: {prompts: {synthetic: {input_tokens: 512}}}\n"+
		"load: {open: {rate: 27.4/s, arrivals: poisson}, duration: 5m}")
	cfg := config(b, p)
	for b.Loop() {
		if _, err := simulate.Run(b.Context(), p, cfg); err != nil {
			b.Fatal(err)
		}
	}
}
