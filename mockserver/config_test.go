package mockserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/mockserver/presets"
)

func TestDefaults(t *testing.T) {
	for _, src := range []string{"", "engine: {}", "seed: 0"} {
		cfg, err := parse(src)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprintf("%+v %s %+v %v", cfg.Models, fixed(cfg.Engine), cfg.Stream, *cfg.IgnoreEOS)
		want := "[{ID:demo-8b MaxModelLen:8192}] fixed ttft 200ms itl 20ms slots 64 queue 1000 " +
			"{RoleChunk:with_first_token FinishChunk:separate TokensPerChunk:1} true"
		if got != want {
			t.Errorf("%q\ngot  %s\nwant %s", src, got, want)
		}
	}
	if _, err := mockserver.New(mockserver.Config{}); err != nil {
		t.Errorf("the zero value does not work: %v", err)
	}
}

// fixed is what the fixed engine reads of its config.
func fixed(e mockserver.Engine) string {
	return fmt.Sprintf("%s ttft %v itl %v slots %d queue %d", e.Model, e.TTFT, e.ITL, e.MaxNumSeqs, e.MaxQueue)
}

func TestWrittenValuesWinOverDefaults(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"engine: {ttft: 50ms}", "fixed ttft 50ms itl 20ms slots 64 queue 1000"},
		{"engine: {ttft: 0s, itl: 0s}", "fixed ttft 0s itl 0s slots 64 queue 1000"},
		{"engine: {max_queue: 0}", "fixed ttft 200ms itl 20ms slots 64 queue -1"},
		{"engine: {model: none}", "none ttft 200ms itl 20ms slots 64 queue 1000"},
	} {
		cfg, err := parse(c.src)
		if got := fixed(cfg.Engine); err != nil || got != c.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.src, err, got, c.want)
		}
	}
	cfg, err := parse("models: [{id: a}, {id: b, max_model_len: 7}]\nignore_eos: false")
	if got := fmt.Sprintf("%+v %v", cfg.Models, *cfg.IgnoreEOS); err != nil || got != "[{ID:a MaxModelLen:8192} {ID:b MaxModelLen:7}] false" {
		t.Errorf("%v %s", err, got)
	}
}

// step is what the step engine reads of its config.
func step(e mockserver.Engine) string {
	return fmt.Sprintf("%s %v %v %v %v slots %d budget %d kv %d queue %d", e.Model, e.C0, e.PrefillPerToken, e.DecodePerSeq, e.KVPerToken,
		e.MaxNumSeqs, e.MaxBatchedTokens, e.KVTokens, e.MaxQueue)
}

func TestWhatIsWrittenBesideAPresetWins(t *testing.T) {
	const h100 = "step 6ms 20µs 20µs 60ns slots 64 budget 8192 kv 467280 queue 1000"
	for _, c := range []struct{ src, want string }{
		{"preset: h100-llama3-8b", h100},
		{"engine: {}\npreset: h100-llama3-8b", h100},
		{"preset: h100-llama3-8b\nengine: {c0: 12ms, kv_tokens: 0, max_queue: 0}", "step 12ms 20µs 20µs 60ns slots 64 budget 8192 kv 0 queue -1"},
		{"preset: a100-40gb-llama3-8b", "step 13.1ms 86µs 40µs 110ns slots 256 budget 8192 kv 162000 queue 1000"},
	} {
		cfg, err := parse(c.src)
		if got := step(cfg.Engine); err != nil || got != c.want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", c.src, err, got, c.want)
		}
	}
	if v, err := mockserver.NewVirtual(mockserver.Config{Preset: "h100-llama3-8b"}); err != nil || v.Engine.Load().KVTokens != 467280 {
		t.Errorf("in Go: %v", err)
	}
}

func TestEveryPresetIsSoundAndSaysWhereItIsFrom(t *testing.T) {
	for _, p := range presets.All() {
		if _, err := parse("preset: " + p.Name); err != nil {
			t.Error(err)
		}
		n, err := strictyaml.Parse(p.Name, []byte(p.YAML), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"about", "source", "fitted", "uncertain"} {
			if n.Get(key).Text() == "" {
				t.Errorf("%s does not say its %s", p.Name, key)
			}
		}
	}
}

func TestAFaultIsReadInFull(t *testing.T) {
	cfg, err := parse(`
faults:
  - name: cut
    match: {path: /v1/chat/*, header: {x-tenant: a}, stream: true}
    when: {probability: 0.01}
    action: {at_token: 17, do: stall, for: 20s, then: reset}
  - when: {first: 2, per: "header:x-request-id"}
    action: {status: 429, retry_after: 2s}`)
	if err != nil {
		t.Fatal(err)
	}
	f := cfg.Faults[0]
	if *f.Match.Stream != true || f.Match.Header["x-tenant"] != "a" || f.When.Probability != 0.01 || f.Action.For != 20*time.Second {
		t.Errorf("got %+v", f)
	}
	if got := cfg.Faults[1]; got.When.First != 2 || got.When.Per != "header:x-request-id" || got.Action.RetryAfter != 2*time.Second {
		t.Errorf("got %+v", got)
	}
}

func TestEveryErrorOfAConfigComesAtOnceWithItsPlace(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      []string // line:column and a part of the message of each
	}{
		{"an unknown key", "sed: 1", []string{`1:1: unknown key "sed"`}},
		{"a preset", "preset: h100\nengine: {c0: -1ms}", []string{
			`1:9: "h100" is not known; write one of [a100-40gb-llama3-8b h100-llama3-8b]`, "2:14: a duration must not be negative",
		}},
		{"a key of another model", "preset: h100-llama3-8b\nengine:\n  ttft: 5s\nphases: [{at: 1s, set: {engine.itl: 1s}}]", []string{
			"3:9: ttft does nothing: it belongs to model fixed, and the engine's model is step", "4:37: engine.itl does nothing",
		}},
		{"speculative decoding", "engine:\n  speculative: {tokens: 65, acceptance: 1.5}", []string{
			"2:25: must be 0 to 64", "2:41: must be between 0 and 1",
		}},
		{"nothing to accept", "engine:\n  speculative: {acceptance: .5}", []string{"2:16: nothing is proposed"}},
		{"a step engine", "engine:\n  model: step\n  kv_tokens: -1\n  max_batched_tokens: 8\n  jitter: {dist: cauchy, cv: -1}", []string{
			"1:1: a step takes no time", "3:14: must not be negative", "4:23: max_batched_tokens (8) must be at least max_num_seqs (64)",
			`5:18: "cauchy" is not known`, "5:30: must be 0 to 5",
		}},
		{"times too long to add up", "engine:\n  ttft: 2562047h\n  itl: 61s\n  stagger: 61m\n", []string{
			"2:9: must be 0 to 1h0m0s", "3:8: must be 0 to 1m0s", "4:12: must be 0 to 1h0m0s",
		}},
		{"steps too long to add up", "engine:\n  model: step\n  c0: 2562047h\n  prefill_per_token: 2562047h\n  decode_per_seq: 1001ms\n  kv_per_token: 2s", []string{
			"3:7: must be 0 to 1h0m0s", "4:22: must be 0 to 1s", "5:19: must be 0 to 1s", "6:17: must be 0 to 1s",
		}},
		{"bad values", "engine:\n  model: warp\n  max_num_seqs: 0\n  ttft: 5\nstream: {role_chunk: late, tokens_per_chunk: 0}", []string{
			`2:10: "warp" is not known; write one of [fixed step none]`, "3:17: must be at least 1", "4:9:",
			`5:22: "late" is not known`, "5:46: must be 1 to 1024",
		}},
		{"what is below zero", "engine:\n  max_queue: -4\n  max_num_seqs: -1\nmodels: [{id: a, max_model_len: 0}, {id: b, max_model_len: -1}]", []string{
			"2:14: must not be negative; 0 is no queue", "3:17: must be at least 1", "4:33: must be at least 2", "4:60: must be at least 2",
		}},
		{"a budget that is not written", "{preset: h100-llama3-8b, engine: {max_num_seqs: 100000}}", []string{
			"1:34: max_batched_tokens (8192) must be at least max_num_seqs (100000)",
		}},
		{"models", "models:\n  - {id: a}\n  - {id: a}\n  - {max_model_len: 5}\n  - {id: b, max_model_len: 1}", []string{
			`3:10: model "a" is listed twice`, "4:5: a model needs an id", "5:28: must be at least 2",
		}},
		{"a negative length", "output: {natural: -1}", []string{"1:19: must not be negative"}},
		{"an answer's length", "output:\n  natural: {mean: 5, stddev: 1, cv: 2, dist: zipf, min: 4, max: 3}", []string{
			"2:12: min and max must not be negative", "2:12: write stddev or cv, not both", `2:46: "zipf" is not known; write one of [uniform normal lognormal constant]`,
		}},
		{"a spread without a mean", "output: {natural: {cv: 0.5}}", []string{"1:19: a distribution needs a mean"}},
		{"a spread that is too wide", "output: {natural: {mean: 5, cv: 11}}", []string{"1:19: stddev must not be negative, and cv 0 to 10"}},
		{"a normal without a spread", "output: {natural: {mean: 5, dist: normal}}", []string{"1:35: normal needs a stddev or a cv"}},
		{"a constant with a spread", "output: {natural: {mean: 5, dist: constant, cv: 1}}", []string{"1:35: a constant has no stddev or cv"}},
		{"answers", "output:\n  reasoning: -1\n  reasoning_mode: loud\n  tool_calls: 1.5\nstream: {finish_chunk: never}\ndialect: tgi\napi_key: \"a\\nb\"", []string{
			"2:14: must be 0 to 10000000 tokens", `3:19: "loud" is not known`, "4:15: must be between 0 and 1", `5:24: "never" is not known; write one of [separate with_last]`,
			`6:10: "tgi" is not known; write one of [openai vllm sglang]`, "7:10: holds a line break",
		}},
		{"a fault without an action", "faults: [{name: x}]", []string{"1:10: write one of status, do and connect; do is one of stall, reset, "}},
		{"a fault with two actions", "faults: [{action: {status: 500, do: reset}}]", []string{"1:19: write one of status, do and connect"}},
		{"a fault of no version", "faults: [{action: {do: explode}}, {action: {connect: explode}}]", []string{
			`1:24: "explode" is not known; write one of stall, `, `1:54: "explode" is not known; write one of refuse, accept_hang, reset`,
		}},
		{"whens", "faults:\n- {when: {first: 1, every: 2}, action: {do: reset}}\n- {when: {probability: 1.5}, action: {do: reset}}\n" +
			"- {when: {first: 1, per: session}, action: {do: reset}}\n- {when: {per: 'header:x'}, action: {do: reset}}\n" +
			"- {when: {first: -1}, action: {do: reset}}\n- {when: {every: 0}, action: {do: reset}}\n- {when: {probability: 0.0}, action: {do: reset}}", []string{
			"2:10: write one of first, every, probability", "3:24: must be between 0 and 1", `4:26: "session" is not known; write total, key or header:NAME`,
			"5:16: goes with first", "6:18: must not be negative", "7:18: 0 hits nothing", "8:24: 0 hits nothing",
		}},
		{"windows", "faults:\n- {when: {window: {start: 1s, for: 0s}}, action: {do: reset}}\n- {when: {window: {repeat: 2s}}, action: {do: reset}}\n" +
			"- {when: {window: {for: 2s, repeat: 2s}}, action: {do: reset}}\n- {when: {window: {for: 2}}, action: {do: reset}}", []string{
			"2:36: 0 hits nothing", "3:19: repeat needs for", "4:37: must be longer than for (2s)", "5:25:",
		}},
		{"connect faults", "faults:\n- {match: {path: /v1/x}, action: {connect: reset}}\n- {when: {first: 1, per: key}, action: {connect: reset}}\n" +
			"- {when: {every: 2}, action: {connect: refuse}}\n- action: {connect: reset, for: 1s}", []string{
			"2:11: a connect fault looks at connections", "3:26: a connection has no header yet", "4:10: connect refuse closes the listening socket",
			"5:33: does not go with connect reset, which takes no other key",
		}},
		{"actions", "faults:\n- action: {status: 200}\n- action: {status: 500, at_token: 3}\n- action: {do: reset, retry_after: 1s}\n- action: {do: reset, for: 1s}\n" +
			"- action: {do: stall}\n- action: {do: stall, for: 1s, then: explode}\n- action: {do: html_error, at_token: 3}\n- action: {do: reset, at_token: -1}\n" +
			"- action: {do: slow_bytes, size: -1}\n- action: {do: bad_sse, kind: loud}\n- action: {status: 500, size: 2000000000}", []string{
			"2:20: must be 400 to 599", "3:35: does not go with status, which takes retry_after, body, size", "4:36: does not go with do reset, which takes at_token",
			"5:28: does not go with do reset", "6:11: do stall needs a duration", `7:38: "explode" is not known`, "8:38: does not go with do html_error",
			"9:33: must not be negative", "10:11: do slow_bytes needs a duration", "10:34: does not go with do slow_bytes", "10:34: must be 0 to",
			`11:31: "loud" is not known; do bad_sse has no_blank, no_data`, "12:31: must be 0 to 1073741824 bytes",
		}},
		{"limits", "rate_limit: {rpm: -1, tpm: -2}", []string{"1:19: must not be negative", "1:28: must not be negative"}},
		{"a glob", "faults: [{match: {path: '/v1/['}, action: {do: reset}}]", []string{`1:25: "/v1/[" is not a glob`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(c.src)
			checkErrors(t, err, c.want)
		})
	}
}

func checkErrors(t *testing.T, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	errs, _ := err.(interface{ Unwrap() []error })
	if errs == nil {
		t.Fatalf("not a list: %v", err)
	}
	all := errs.Unwrap()
	if len(all) != len(want) {
		t.Errorf("%d errors, want %d:\n%v", len(all), len(want), err)
	}
	for i := range min(len(all), len(want)) {
		if got := all[i].Error(); !strings.Contains(got, "mock.yaml:"+want[i]) {
			t.Errorf("got  %s\nwant %s", got, want[i])
		}
	}
}

// A Virtual refuses what New refuses, and what its caller changes later is nothing to it.
func TestAVirtualTakesItsConfigAsAServerDoes(t *testing.T) {
	for _, cfg := range []mockserver.Config{
		{Dialect: "x"},
		{Phases: []mockserver.Phase{{Set: map[string]any{"engine.no_such_key": 1}}}},
		{Phases: []mockserver.Phase{{Set: map[string]any{"stream.tokens_per_chunk": 9999}}}},
	} {
		_, want := mockserver.New(cfg)
		v, err := mockserver.NewVirtual(cfg)
		if want == nil || fmt.Sprint(err) != fmt.Sprint(want) || v != nil {
			t.Errorf("%v beside %v, want %v", v, err, want)
		}
	}
	eos := true
	cfg := mockserver.Config{Models: []mockserver.Model{{ID: "a"}}, IgnoreEOS: &eos, Output: mockserver.Output{Natural: mockserver.Lengths{Mean: 3}}}
	v, err := mockserver.NewVirtual(cfg)
	if err != nil {
		t.Fatal(err)
	}
	eos, cfg.Models[0].ID = false, "b"
	a := v.Plan("/v1/completions", []byte(`{"model":"a","prompt":["x","y"],"n":2,"max_tokens":9,"min_tokens":9}`))
	if a.Out != 4*9 || len(a.Seqs) != 4 {
		t.Errorf("%d tokens of %d choices: %s", a.Out, len(a.Seqs), a.Error)
	}
}

func TestFaultsOfAStageHaveTheSameGrammarAndPlaces(t *testing.T) {
	n, err := strictyaml.Parse("mock.yaml", []byte("stage:\n  faults:\n    - action: {status: 500}\n    - action: {do: stall}\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = mockserver.ParseFaults(n.Get("stage.faults"))
	checkErrors(t, err, []string{"4:15: do stall needs a duration"})
	faults, err := mockserver.ParseFaults(n.Get("stage.nothing"))
	if err != nil || faults == nil || len(faults) != 0 {
		t.Errorf("got %v, %v", faults, err)
	}
}

func TestNewRefusesABadConfig(t *testing.T) {
	_, err := mockserver.New(mockserver.Config{
		Engine: mockserver.Engine{Model: "warp"},
		Faults: []mockserver.Fault{{Action: mockserver.Action{Do: "stall"}}},
	})
	want := "mockserver: engine.model: \"warp\" is not known; write one of [fixed step none]\n" +
		"mockserver: faults[0].action.for: do stall needs a duration, for example 20s"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
