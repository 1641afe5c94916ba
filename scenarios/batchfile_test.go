package scenarios_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/llmload/llmload/scenarios"
)

// sent is a request's further fields as JSON.
func sent(t testing.TB, s *scenarios.Stage, index int64, nonce uint64) string {
	t.Helper()
	b, err := json.Marshal(s.Request(index, 1, nonce).Extra)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestBatchRequestsKeepTheirFields holds what is sent of a batch file: all but model and stream, which are the run's.
func TestBatchRequestsKeepTheirFields(t *testing.T) {
	s := &mustPlan(t, "workload: {prompts: {batch: batch.jsonl, cache: warm}, extra_body: {top_k: 4, seed: 2}}\nload: {warmup: {requests: 2}}").Stages[0]
	if s.API != scenarios.Chat || !s.Stream || s.Output.Mode != scenarios.Natural {
		t.Errorf("api %s, stream %v, output %+v", s.API, s.Stream, s.Output)
	}
	for i, want := range []string{
		`{"max_completion_tokens":9,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"seed":2,"top_k":4}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"Look"}]}],"seed":2,"temperature":0.5,"top_k":4}`,
	} {
		for _, again := range []int64{0, 2, 4} {
			if got := sent(t, s, int64(i)+again, 1); got != want {
				t.Errorf("request %d\n got %s\nwant %s", i, got, want)
			}
		}
	}
}

// TestColdBatchRequests holds where the nonce of a cold one stands: before the first text.
func TestColdBatchRequests(t *testing.T) {
	for file, want := range map[string][]string{
		"batch.jsonl":       {`[{"content":"NONCE Be brief.","role":"system"},`, `[{"content":[{"text":"NONCE","type":"text"},{"type":"text","text":"Look"}],"role":"user"}]`},
		"completions.jsonl": {`"prompt":"NONCE Once"`, `"prompt":["NONCE a","NONCE b"]`},
		"embeddings.jsonl":  {`"input":"NONCE x"`},
	} {
		s := &mustPlan(t, "workload: {prompts: {batch: "+file+"}}").Stages[0]
		for i, want := range want {
			got := sent(t, s, int64(i), 1)
			before, after, _ := strings.Cut(want, "NONCE")
			_, rest, ok := strings.Cut(got, before)
			words := strings.Fields(rest)
			if !ok || len(words) < 4 || !strings.Contains(rest, strings.TrimPrefix(strings.Split(after, "NONCE")[0], " ")) {
				t.Errorf("%s, request %d: %s has no %s", file, i, got, want)
			}
			if got == sent(t, s, int64(i), 2) {
				t.Errorf("%s: two runs send the same", file)
			}
		}
	}
}

// FuzzBatchFiles holds that no batch file makes the package panic, and that what it takes can be sent cold and warm.
func FuzzBatchFiles(f *testing.F) {
	for name, body := range files {
		if strings.Contains(name, "batch") || name == "completions.jsonl" || name == "embeddings.jsonl" {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, body string) {
		read := func(string) ([]byte, error) { return []byte(body), nil }
		for _, cache := range []string{"warm", "cold"} {
			s, err := scenarios.Parse("f.yaml", []byte("workload: {prompts: {batch: x, cache: "+cache+"}, stream: false}"), nil, read)
			if err != nil {
				t.Fatal(err)
			}
			p, err := s.Plan()
			if err != nil {
				_ = err.Error()
				continue
			}
			one := &p.Stages[0]
			for i := range int64(min(one.Prompts.Count, 20)) {
				first, second := sent(t, one, i, 1), sent(t, one, i, 2)
				if cold := first != second; cold != (cache == "cold") {
					t.Errorf("%s: request %d is %s, then %s", cache, i, first, second)
				}
			}
		}
	})
}
