package runner_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// files are what the scenarios of these tests can name.
var files = map[string]string{
	"chats.jsonl": `{"custom_id": "1", "url": "/v1/chat/completions", "body": {"model": "theirs", "messages": [{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}], "max_completion_tokens": 3}}` + "\n" +
		`{"custom_id": "2", "url": "/v1/chat/completions", "body": {"messages": [{"role":"user","content":[{"type":"text","text":"Look at this"}]}], "max_tokens": 5}}`,
	"prompts.jsonl": `{"url": "/v1/completions", "body": {"prompt": ["one", "two and three"], "max_tokens": 4}}`,
	"vectors.jsonl": `{"url": "/v1/embeddings", "body": {"input": ["one", "two"]}}`,
}

func open(name string) ([]byte, error) {
	body, ok := files[name]
	if !ok {
		return nil, fmt.Errorf("no file %s in this test", name)
	}
	return []byte(body), nil
}

// A chat takes 100 ms and 10 ms a token, whatever it is: the workloads differ by their lengths alone.
func TestEachWorkloadOfAMixHasItsRow(t *testing.T) {
	out := run(t, `engine: {model: fixed, ttft: 100ms, itl: 10ms, max_num_seqs: 50}`, `
mix:
  - {name: short, weight: 3, prompts: {synthetic: {input_tokens: 10}}, output: {tokens: 2}}
  - {name: long, api: completions, prompts: {synthetic: {input_tokens: 50}}, output: {tokens: 31}}
slo: {e2e: 200ms}
load: {closed: {concurrency: 4}, requests: 400, warmup: {requests: 8}}
`, 0)
	s := out.Stages[0]
	if s.Load.API != "chat+completions" || len(s.Groups) != 2 {
		t.Fatalf("load of %s, groups %+v", s.Load.API, s.Groups)
	}
	var issued, warmup int64
	for i, want := range []struct {
		name              string
		input, output     int64
		e2e, share, reach float64
	}{{"long", 50, 31, 400, 0.25, 0}, {"short", 10, 2, 110, 0.75, 1}} {
		g := s.Groups[i]
		n := g.Requests.Succeeded
		if g.By != "workload" || g.Value != want.name || g.Tokens.Input != n*want.input || g.Tokens.Output != n*want.output || n != g.Requests.Issued {
			t.Errorf("group %+v, want %+v", g, want)
		}
		near(t, want.name+" e2e", g.Metrics[metric.E2E].Mean, want.e2e, 0.01)
		near(t, want.name+" attainment", g.Goodput.Attainment, want.reach, 0)
		share := float64(n) / 400
		near(t, want.name+" share", &share, want.share, 0.05)
		issued, warmup = issued+g.Requests.Issued, warmup+g.Requests.Warmup
	}
	if issued != 400 || warmup != 8 {
		t.Errorf("the groups have %d requests and %d of warm-up", issued, warmup)
	}
	for _, r := range out.records {
		if want := map[string]int{"short": 2, "long": 31}[r.Workload]; r.Tokens.Output != want || r.Tokens.RequestedOutput != want {
			t.Errorf("%s has %+v", r.Workload, r.Tokens)
		}
	}
	if len(out.Invalid) > 0 {
		t.Error(out.Invalid)
	}
}

// A server whose answers are as long as they like heeds exact lengths alone.
func TestOnlyExactLengthsAreForced(t *testing.T) {
	for mode, want := range map[string]int{"exact": 300, "cap": 6, "natural": 6} {
		tokens := ", tokens: 300"
		if mode == "natural" {
			tokens = ""
		}
		out := run(t, `{engine: {model: none}, output: {natural: 4}}`, "workload: {output: {mode: "+mode+tokens+"}}\nload: {requests: 5}", 0)
		for _, r := range out.records {
			if r.Tokens.Output > want || mode == "exact" && r.Tokens.Output != want {
				t.Errorf("%s: %d tokens, want %d", mode, r.Tokens.Output, want)
			}
		}
	}
}

func TestAStageOfOneWorkloadHasNoGroups(t *testing.T) {
	out := run(t, `engine: {model: none}`, "load: {requests: 5}", 0)
	if out.Stages[0].Groups != nil || out.records[0].Workload != "" {
		t.Errorf("groups %v, workload %q", out.Stages[0].Groups, out.records[0].Workload)
	}
}

// TestRequestsOfABatchFile holds that the mock reads what the file says: lengths, prompts, and nothing of its model.
func TestRequestsOfABatchFile(t *testing.T) {
	for _, c := range []struct {
		file, more    string
		input, output [2]int // of the first two requests
		ids           [2]string
	}{
		{"chats.jsonl", "cache: warm", [2]int{3, 3}, [2]int{3, 5}, [2]string{"1", "2"}},
		{"chats.jsonl", "cache: cold", [2]int{7, 7}, [2]int{3, 5}, [2]string{"1", "2"}},
		{"chats.jsonl", "cache: warm}, stream: false, extra_body: {max_tokens: 6, max_completion_tokens: 6", [2]int{3, 3}, [2]int{6, 6}, [2]string{"1", "2"}},
		{"prompts.jsonl", "cache: warm", [2]int{4, 4}, [2]int{8, 8}, [2]string{}},
		{"prompts.jsonl", "cache: cold", [2]int{12, 12}, [2]int{8, 8}, [2]string{}},
		{"vectors.jsonl", "cache: warm", [2]int{2, 2}, [2]int{0, 0}, [2]string{}},
	} {
		out := run(t, `engine: {model: none}`, `
workload: {prompts: {batch: `+c.file+`, `+c.more+`}}
load: {requests: 2, warmup: {requests: 2}}
`, 0)
		for _, r := range out.records {
			want := [2]int{c.input[r.Seq%2], c.output[r.Seq%2]}
			if got := [2]int{r.Tokens.Input, r.Tokens.Output}; r.Outcome != results.OK || got != want || r.Tokens.RequestedOutput != 0 {
				t.Errorf("%s, %s, request %d: %s %+v, want %v; %s", c.file, c.more, r.Seq, r.Outcome, r.Tokens, want, r.Error)
			}
			if want := c.ids[r.Seq%2]; r.CustomID != want {
				t.Errorf("%s, request %d is %q, the file says %q", c.file, r.Seq, r.CustomID, want)
			}
		}
	}
}

// Prompts of 320 tokens with half in common: a prefix cache of blocks of 16 holds 160 of each but the first.
func TestASharedPrefixIsInTheCache(t *testing.T) {
	out := run(t, `{prefix_cache: true, engine: {model: step, c0: 1ms, kv_tokens: 100000}}`, `
workload: {prompts: {synthetic: {input_tokens: 320}, cache: shared(0.5)}, output: {tokens: 2}}
load: {requests: 50, warmup: {requests: 1}}
`, 0)
	for _, r := range out.records {
		if want := map[bool]int{true: 0, false: 160}[r.Warmup]; r.Tokens.Input != 320 || r.Tokens.Cached != want {
			t.Errorf("request %d has %d of %d tokens cached", r.Seq, r.Tokens.Cached, r.Tokens.Input)
		}
	}
	if len(out.Invalid) > 0 || !strings.Contains(strings.Join(out.Stages[0].Warnings, "\n"), "50.0% of the input tokens came from the server's prefix cache") {
		t.Errorf("invalid %q, warnings %q", out.Invalid, out.Stages[0].Warnings)
	}
}
