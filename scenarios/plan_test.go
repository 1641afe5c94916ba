package scenarios_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/llmload/llmload/scenarios"
)

// TestNames holds which stages the lists of a scenario make, in which order, under which names.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		sentence, src string
		want          []string
	}{
		{"an empty file is one worker", "", []string{"c=1"}},
		{"null sections are as left out", "load:\nworkload:\nstages:\ntarget:\nslo:\nthresholds:\nclient:\nfaults:\n", []string{"c=1"}},
		{"null keys are as left out", "load: {closed: null, open: , batch: {size: }}\nstages: [{load: {open: }, name: }]", []string{"c=1"}},
		{"concurrency is a list", "load: {closed: {concurrency: [8, 1, 2]}}", []string{"c=8", "c=1", "c=2"}},
		{"a single value is a list of one", "load: {closed: {concurrency: 8}}", []string{"c=8"}},
		{
			"rates keep the unit that is short", "load: {open: {rate: [5/s, 90/m, 1/m, 7/h, 0.5/s, 3600/h, 1000000/s, 1e3/s]}}",
			[]string{"rate=5/s", "rate=1.5/s", "rate=1/m", "rate=7/h", "rate=0.5/s", "rate=1/s", "rate=1000000/s", "rate=1000/s"},
		},
		{
			"lists multiply, the last fastest", "load: {closed: {concurrency: [1, 8]}, batch: {size: [1, 4]}}",
			[]string{"c=1,batch=1", "c=1,batch=4", "c=8,batch=1", "c=8,batch=4"},
		},
		{"a batch of one is not named", "load: {batch: {size: 1}}", []string{"c=1"}},
		{"a batch of more is", "load: {open: {rate: 2/s}, batch: {size: 4}}", []string{"rate=2/s,batch=4"}},
		{"an entry's name is that of its only stage", "stages: [{name: outage}, {load: {closed: {concurrency: 2}}}]", []string{"outage", "c=2"}},
		{
			"and stands before those of several", "stages: [{name: sweep, load: {closed: {concurrency: [4, 8]}}}, {name: late}]",
			[]string{"sweep/c=4", "sweep/c=8", "late"},
		},
		{"entries inherit the scenario's lists", "load: {closed: {concurrency: [1, 2]}}\nstages: [{name: a}, {name: b}]", []string{"a/c=1", "a/c=2", "b/c=1", "b/c=2"}},
		{"open in an entry replaces closed", "load: {closed: {concurrency: [1, 2]}}\nstages: [{load: {open: {rate: 1/s}}}]", []string{"rate=1/s"}},
		{"closed in an entry replaces open", "load: {open: {rate: [1/s, 2/s]}}\nstages: [{load: {closed: {concurrency: 3}}}]", []string{"c=3"}},
		{"rounds come one after the other", "load: {closed: {concurrency: [1, 8]}, repeat: 3}", []string{"c=1", "c=8", "c=1#2", "c=8#2", "c=1#3", "c=8#3"}},
		{"of a named stage, too", "load: {repeat: 2}\nstages: [{name: a}, {name: b, load: {repeat: 1}}]", []string{"a", "a#2", "b"}},
		{"a null does not", "load: {open: {rate: [1/s, 2/s]}}\nstages: [{load: {closed: }}]", []string{"rate=1/s", "rate=2/s"}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			if got := names(mustPlan(t, c.src)); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func names(p *scenarios.Plan) (out []string) {
	for i := range p.Stages {
		out = append(out, p.Stages[i].Name)
	}
	return out
}

// TestResolved holds what stands in a plan for what a file says, by a piece of its YAML, blanks aside.
func TestResolved(t *testing.T) {
	for _, c := range []struct{ sentence, src, has, hasNot string }{
		{"requests default to 100", "", "requests: 100", "duration"},
		{"a duration alone sets no requests", "load: {duration: 30s}", "duration: 30s", "requests"},
		{"both may stand", "load: {duration: 30s, requests: 7}", "requests: 7\n    duration: 30s", ""},
		{"an entry's duration replaces the scenario's requests", "load: {requests: 7}\nstages: [{load: {duration: 30s}}]", "duration: 30s", "requests: 7"},
		{"an entry's requests replace the scenario's duration", "load: {duration: 30s}\nstages: [{load: {requests: 7}}]", "requests: 7", "duration"},
		{"arrivals default to poisson, 2000 in flight", "load: {open: {rate: 5/s}}", "rate: 5/s\n    arrivals: poisson\n    max_in_flight: 2000", "concurrency"},
		{"embeddings do not stream and have no length", "workload: {api: embeddings}", "api: embeddings\n    stream: false", "tokens: 128"},
		{
			"an entry of embeddings drops the scenario's stream and output",
			"workload: {stream: true, output: {tokens: 5}}\nstages: [{workload: {api: embeddings}}]", "mode: natural", "tokens: 5",
		},
		{"chat streams unless told not to", "workload: {stream: false}", "stream: false", ""},
		{"output is 128 tokens, exactly", "", "output:\n      tokens: 128\n      mode: exact", ""},
		{"cap keeps a length", "workload: {output: {mode: cap, tokens: 5}}", "tokens: 5\n      mode: cap", ""},
		{"natural has none", "workload: {output: {mode: natural}}", "mode: natural", "tokens: 128"},
		{"an entry's natural drops the scenario's length", "workload: {output: {tokens: 5}}\nstages: [{workload: {output: {mode: natural}}}]", "mode: natural", "tokens: 5"},
		{"an entry's length keeps the scenario's mode", "workload: {output: {tokens: 5, mode: cap}}\nstages: [{workload: {output: {tokens: 6}}}]", "tokens: 6\n      mode: cap", ""},
		{"input is 512 tokens, cold", "", "source: synthetic\n      input_tokens:\n        mean: 512\n      cache: cold", "warmup"},
		{"an empty source is synthetic, too", "workload: {prompts: {synthetic: {}}}", "mean: 512", ""},
		{
			"an entry's prompts replace the source and keep the cache",
			"workload: {prompts: {synthetic: {input_tokens: {mean: 64, stddev: 8}}, cache: warm}}\nstages: [{workload: {prompts: {synthetic: {input_tokens: 32}}}}]",
			"mean: 32\n      cache: warm", "stddev",
		},
		{"an entry's file replaces synthetic", "workload: {prompts: {synthetic: {}}}\nstages: [{workload: {prompts: {file: two.jsonl}}}]", "source: file\n      file: two.jsonl\n      sha256: ", "mean"},
		{"an entry's cache keeps the source", "workload: {prompts: {file: two.jsonl}}\nstages: [{workload: {prompts: {cache: warm}}}]", "count: 2\n      cache: warm", ""},
		{"conversations that cannot be used are counted", "workload: {prompts: {sharegpt: chats.json}}", "count: 1\n      skipped: 2", ""},
		{"warm prompts need a warm-up", "workload: {prompts: {cache: warm}}", "warmup:\n      requests: 16", ""},
		{"and keep the one there is", "workload: {prompts: {cache: warm}}\nload: {warmup: {requests: 3}}", "warmup:\n      requests: 3", ""},
		{"faults of the scenario are those of its stages", "faults: [{name: x}]", "faults: [{name: x}]", ""},
		{"faults of an entry replace them", "faults: [{name: x}]\nstages: [{faults: [{name: y}]}]", "{name: y}", "{name: x}"},
		{"with none, if it says so", "faults: [{name: x}]\nstages: [{faults: []}]", "faults: []", "{name: x}"},
		{"stop rules are those of the stage", "load: {open: {rate: 5/s}, stop: {error_rate: 0.5, saturated: true, ends: run}}", "stop: error_rate: 0.5 saturated: true run: true", ""},
		{"a closed loop has no use for saturated", "load: {stop: {error_rate: 0.5, saturated: true}}\nstages: [{name: a}]", "stop: error_rate: 0.5", "saturated"},
		{"without a rule there is none to end the run", "load: {stop: {ends: run}}", "", "stop"},
		{"a budget may be written short", "budget: {total_tokens: 1.5M, usd: 5, prices: {input_per_mtok: 0.15, output_per_mtok: 0.60}}", "budget: total_tokens: '1500000' usd: 5 prices: input_per_mtok: 0.15 output_per_mtok: 0.6", ""},
		{"no faults are no faults, on a real server, too", "target: {endpoint: http://h}\nfaults: []", "faults: []", ""},
		{"idle streams end after two minutes", "", "timeout: 10m0s\n  first_token_timeout: off\n  idle_timeout: 2m0s", ""},
		{"unless told not to", "client: {idle_timeout: off, rate_limit: 90/m, pool_size: 7, max_retries: 2}", "idle_timeout: off\n  max_retries: 2\n  pool_size: '7'\n  rate_limit: 1.5/s", ""},
		{"a rate limit in requests a minute stays one", "client: {rate_limit: 600}", "rate_limit: '600'", ""},
		{"extra fields of an entry join the scenario's", "workload: {extra_body: {a: 1, b: {c: 2}}}\nstages: [{workload: {extra_body: {b: [3], d: null}}}]", "extra_body:\n      a: 1\n      b: [3]\n      d: null", "c: 2"},
		{"GPUs are noted", "target: {endpoint: http://h/v1, gpus: 8}", "endpoint: http://h/v1\n  gpus: 8", ""},
		{"slo keeps the file's order", "slo: {tpot: 50ms, ttft: 1s}", "slo:\n  - metric: tpot\n    max: 50ms\n  - metric: ttft\n    max: 1s", ""},
		{"thresholds in both forms", "thresholds: [ttft.p95 < 500ms, {stage: \"c=*\", expr: success_rate >= 99%}]", "thresholds:\n  - expr: ttft.p95 < 500ms\n  - stage: c=*\n    expr: success_rate >= 0.99", ""},
		{"the query of an endpoint may be a key", "target: {endpoint: \"https://h/v1?key=sk-in-query\"}", "endpoint: https://h/v1?[redacted]", "sk-in"},
		{"a temperature of zero is one", "workload: {temperature: 0}", "temperature: 0\n", ""},
		{"a scenario without a name has one", "", "name: scenario\nseed: 0\n", ""},
	} {
		t.Run(c.sentence, func(t *testing.T) { says(t, c.src, c.has, c.hasNot) })
	}
}

func text(t testing.TB, p *scenarios.Plan) string {
	t.Helper()
	b, err := p.YAML()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDefaultPlan holds the whole plan of an empty file, and so its hash: it may change only with a reason.
func TestDefaultPlan(t *testing.T) {
	const want = `# resolved by llmload plan
# sha256: HASH
# at most 100 prompts, input tokens 51200, output tokens 12800
# time unbounded: stage c=1 ends with its last answer, and no time-out ends a stream that goes on
name: scenario
seed: 0
target: {}
client:
  timeout: 10m0s
  first_token_timeout: off
  idle_timeout: 2m0s
  max_retries: 0
  pool_size: auto
  rate_limit: off
stages:
- name: c=1
  api: chat
  stream: true
  prompts:
    source: synthetic
    input_tokens:
      mean: 512
    cache: cold
  output:
    tokens: 128
    mode: exact
  concurrency: 1
  batch_size: 1
  batch_mode: concurrent
  requests: 100
`
	p := mustPlan(t, "")
	if got := text(t, p); got != strings.Replace(want, "HASH", hash(t, p), 1) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func hash(t testing.TB, p *scenarios.Plan) string {
	t.Helper()
	h, err := p.Hash()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const full = `
name: all
seed: 7
target: {mock: {preset: x}}
model: m
workload: {prompts: {file: two.jsonl, cache: cold}, temperature: 0.5, extra_body: {top_k: 5, a: {b: [1]}}}
load: {closed: {concurrency: [1, 2]}, requests: 10}
faults: [{when: {every: 2}, action: {status: 500}}]
client: {max_retries: 1}
slo: {ttft: 1s}
thresholds: [success_rate >= 0.9]
`

func TestSameFileSameBytes(t *testing.T) {
	if first, again := text(t, mustPlan(t, full)), text(t, mustPlan(t, full)); first != again {
		t.Errorf("got\n%s\nthen\n%s", first, again)
	}
}

// TestHash holds what a plan's identity depends on: each row replaces something in the full scenario.
func TestHash(t *testing.T) {
	was := hash(t, mustPlan(t, full))
	for _, c := range []struct {
		sentence, old, with string
		same                bool
	}{
		{"the workload counts", "temperature: 0.5", "temperature: 0.6", false},
		{"the extra body counts", "top_k: 5", "top_k: 6", false},
		{"the depths of the extra body count", "[1]", "[2]", false},
		{"the load counts", "requests: 10", "requests: 11", false},
		{"stop rules count", "requests: 10", "requests: 10, stop: {error_rate: 0.5}", false},
		{"rounds count", "requests: 10", "requests: 10, repeat: 2", false},
		{"one round is as many as none are written", "requests: 10", "requests: 10, repeat: 1", true},
		{"think time counts", "[1, 2]", "[1, 2], think_time: 1s", false},
		{"a budget counts", "seed: 7", "seed: 7\nbudget: {total_tokens: 5M}", false},
		{"the seed counts", "seed: 7", "seed: 8", false},
		{"the stages count", "[1, 2]", "[1, 2, 3]", false},
		{"their order counts", "[1, 2]", "[2, 1]", false},
		{"faults count", "every: 2", "every: 3", false},
		{"no faults are others than faults", "faults: [{when: {every: 2}, action: {status: 500}}]", "faults: []", false},
		{"the mock's own faults are others than none", "faults: [{when: {every: 2}, action: {status: 500}}]", "", false},
		{"how faults are spelt does not count", "[{when: {every: 2}, action: {status: 500}}]", "\n  - action: {\"status\": 500}\n    when:\n      every: 0x2\n", true},
		{"the client's part in the load counts", "max_retries: 1", "max_retries: 2", false},
		{"the content of a prompt file counts", "two.jsonl", "other-two.jsonl", false},
		{"its name does not", "two.jsonl", "same-two.jsonl", true},
		{"a default that is written out does not", "cache: cold}", "cache: cold}, api: chat", true},
		{"the name does not", "name: all", "name: other", true},
		{"the model does not", "model: m", "model: other", true},
		{"the target does not", "{mock: {preset: x}}", "{mock: {preset: y}, api_key: abcd, headers: {a: b}, gpus: 4}", true},
		{"SLOs do not", "ttft: 1s", "ttft: 2s", true},
		{"thresholds do not", ">= 0.9", ">= 0.8", true},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			src := strings.Replace(full, c.old, c.with, 1)
			if src == full {
				t.Fatalf("nothing replaced by %q", c.with)
			}
			if got := hash(t, mustPlan(t, src)); (got == was) != c.same {
				t.Errorf("hash %s, before %s", got, was)
			}
		})
	}
	const plain = "workload: {prompts: {synthetic: {input_tokens: 5}}}\n"
	real, other := hash(t, mustPlan(t, plain+"target: {endpoint: http://a}")), hash(t, mustPlan(t, plain+"target: {endpoint: http://b}"))
	if real != other || real != hash(t, mustPlan(t, plain)) {
		t.Error("the endpoint counts")
	}
}

// TestSecrets plants secrets in each place that can hold one, and looks for them in whatever prints a plan.
func TestSecrets(t *testing.T) {
	const src = `
target:
  endpoint: https://host/v1?code=sk-in-query
  metrics: https://host/metrics?token=sk-of-metrics
  api_key: ${KEY}
  headers: {X-Literal: literal-secret, X-Env: "${TENANT}", X-Both: "Bearer ${KEY}"}
`
	p := mustPlan(t, src)
	if string(p.Target.APIKey) != "sk-from-environment" || string(p.Target.Headers["X-Both"]) != "Bearer sk-from-environment" {
		t.Error("the plan does not hold the secrets that it must send")
	}
	inJSON, err := json.Marshal(p.Target.Headers)
	if err != nil {
		t.Fatal(err)
	}
	for where, out := range map[string]string{
		"YAML": text(t, p), "%v": fmt.Sprintf("%v", p.Target.Headers), "%+v": fmt.Sprintf("%+v", p.Target.APIKey),
		"%#v": fmt.Sprintf("%#v", p.Target), "%q": fmt.Sprintf("%q", p.Target.APIKey), "%x": fmt.Sprintf("%x", p.Target.Headers), "JSON": string(inJSON),
	} {
		for _, secret := range []string{"sk-from-environment", "literal-secret", "tenant-secret"} {
			if strings.Contains(out, secret) || strings.Contains(out, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s shows %s: %s", where, secret, out)
			}
		}
	}
	if out := text(t, p); strings.Contains(out, "sk-in-query") || strings.Contains(out, "sk-of-metrics") || strings.Count(out, "redacted") != 6 {
		t.Errorf("want both queries, the key and three headers redacted in\n%s", out)
	}
}

// TestSecretsInErrors holds that a line which an error quotes does not show what is secret in it.
func TestSecretsInErrors(t *testing.T) {
	for _, src := range []string{
		"target: {api_key: hunter2-key, nope: 1}",
		"target: {headers: {X-Key: hunter2-key}, nope: 1}",
		"target: {endpoint: \"http://hunter2-key@host\"}",
		"target: {endpoint: \"http://user:hunter2-key@host\"}",
		"target: {endpoint: \"user:hunter2-key@host\"}",
		"target: {endpoint: \"http://user:hunter2-key@host:port\"}",
		"target: {endpoint: \"ftp://host/?key=hunter2-key\"}",
		"target: {metrics: \"http://user:hunter2-key@host/metrics\"}",
		"target: {metrics: [\"http://host/metrics\", \"ftp://host/?key=hunter2-key\"]}",
		"model: [hunter2-key]\ntarget: {api_key: hunter2-key}",
	} {
		_, err := plan(src)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("from %s\n%v", src, err)
		}
	}
	if err := scenarios.CheckEndpoint("http://user:hunter2@host/v1"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	if err := scenarios.CheckEndpoint("http://127.0.0.1:8000/v1/@x"); err != nil {
		t.Error(err)
	}
}

// TestStagesShareNothing holds that changing one stage leaves the others, and later plans, as they are.
func TestStagesShareNothing(t *testing.T) {
	const src = `
target: {headers: {a: b}}
workload: {temperature: 0.5, prompts: {synthetic: {input_tokens: {mean: 64, stddev: 8}}}, extra_body: {a: {b: [1, {c: 2}]}}}
faults: [{name: x}]
load: {closed: {concurrency: [1, 2]}}
stages: [{name: a}, {name: b}]
`
	s, err := scenarios.Parse("s.yaml", []byte(src), env, open)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := s.Plan()
	if err != nil {
		t.Fatal(err)
	}
	kept := mustPlan(t, src)
	one := &changed.Stages[0]
	*one.Temperature = 2
	one.Prompts.InputTokens.Mean = 1
	one.Faults.Decode(&struct{}{})
	*one.Faults = one.Faults.Get("[0]")
	inner := one.ExtraBody["a"].(map[string]any)["b"].([]any)
	inner[0], inner[1].(map[string]any)["c"] = 9, 9
	one.ExtraBody["new"] = 1
	changed.Target.Headers["a"] = "changed"
	for i := 1; i < len(kept.Stages); i++ {
		if got, want := shown(t, changed.Stages[i]), shown(t, kept.Stages[i]); got != want {
			t.Errorf("stage %d became\n%s\nfrom\n%s", i, got, want)
		}
	}
	again, err := s.Plan()
	if err != nil || text(t, again) != text(t, kept) || again.Target.Headers["a"] != "b" {
		t.Errorf("planned again: %v\n%s", err, text(t, again))
	}
}

func shown(t testing.TB, s scenarios.Stage) string {
	return text(t, &scenarios.Plan{Stages: []scenarios.Stage{s}})
}

// TestTooMuch holds that lists which multiply are refused by their count, before anything is made of them.
func TestTooMuch(t *testing.T) {
	list := func(n int) string { return "[" + strings.Repeat("7, ", n-1) + "7]" }
	for _, c := range []struct{ sentence, src, want string }{
		{"a list of ten thousand", "load: {closed: {concurrency: " + list(10_000) + "}}", "more than 1000 stages: shorten the lists, whose lengths multiply"},
		{"a product of two lists", "load: {closed: {concurrency: " + list(30_000) + "}, batch: {size: " + list(30_000) + "}}", "more than 1000 stages"},
		{"a product with many entries", "load: {closed: {concurrency: " + list(501) + "}}\nstages: [{name: a}, {name: b}]", "more than 1000 stages"},
		{"many entries", "stages:\n" + strings.Repeat("- {}\n", 1001), "1001 stages: at most 1000"},
		{"many thresholds", "thresholds: " + list(1001), "1001 thresholds: at most 1000"},
		{"many slos", "slo: {" + numbered(1001) + "}", "slo has more than 1000 entries"},
		{"many headers", "target: {headers: {" + numbered(1001) + "}}", "1001 headers: at most 1000"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			_, err := plan(c.src)
			if err == nil || strings.Count(err.Error(), "s.yaml:") > 2 || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %.500v", err)
			}
		})
	}
	var many []string
	for c := range 1000 {
		many = append(many, fmt.Sprint(c+1))
	}
	if p := mustPlan(t, "load: {closed: {concurrency: ["+strings.Join(many, ", ")+"]}}"); len(p.Stages) != 1000 {
		t.Errorf("%d stages, want 1000", len(p.Stages))
	}
}

func numbered(n int) string {
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf("k%d: 1s", i))
	}
	return strings.Join(keys, ", ")
}

func TestNoFilesToOpen(t *testing.T) {
	s, err := scenarios.Parse("s.yaml", []byte("workload: {prompts: {file: a}}"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Plan(); err == nil || !strings.Contains(err.Error(), "cannot name files") {
		t.Errorf("got %v", err)
	}
}

// TestInFlight holds how many requests a stage has under way at most.
func TestInFlight(t *testing.T) {
	for src, want := range map[string]int{
		"load: {closed: {concurrency: 8}}":                                                                8,
		"load: {closed: {concurrency: 8}, batch: {size: 4}}":                                              32,
		"workload: {api: completions}\nload: {closed: {concurrency: 8}, batch: {size: 4, mode: request}}": 8,
		"load: {open: {rate: 5/s, max_in_flight: 3}, batch: {size: 4}}":                                   3,
	} {
		if got := mustPlan(t, src).Stages[0].InFlight(); got != want {
			t.Errorf("%s: %d, want %d", src, got, want)
		}
	}
}

// TestRateText holds that a rate survives being written.
func TestRateText(t *testing.T) {
	for _, in := range []string{"5/s", "7/m", "1/h", "0.1/s", "1000000/s", "123.456/m", "0.3333333333333333/s", "59/h", "90/min"} {
		var r, again scenarios.Rate
		if err := r.UnmarshalText([]byte(in)); err != nil {
			t.Fatal(err)
		}
		if err := again.UnmarshalText([]byte(r.String())); err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%s is written %s, which is %v, %v", in, r, float64(again), err)
		}
	}
}
