package scenarios_test

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/llmload/llmload/scenarios"
)

// files are what the scenarios of these tests can name.
var files = map[string]string{
	"two.jsonl":       `{"prompt": "One prompt"}` + "\n\n" + `{"prompt": "Another", "output_tokens": 7}` + "\n",
	"same-two.jsonl":  `{"prompt": "One prompt"}` + "\n\n" + `{"prompt": "Another", "output_tokens": 7}` + "\n",
	"other-two.jsonl": `{"prompt": "One prompt"}` + "\n" + `{"prompt": "A third"}`,
	"three.jsonl":     "\ufeff" + `{"prompt": "a"}` + "\r\n" + `{"prompt": "b"}` + "\r\n" + `{"prompt": "c"}`,
	"empty.jsonl":     "\n \n",
	"broken.jsonl":    "{\"prompt\": \"fine\"}\n{\"prompt\": 5}\n{\"prompt\": \"cut\n\t{\"text\": \"no prompt\"}\n[1]\nnull\n",
	"many.jsonl":      "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n",
	"chats.json":      `[{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}, {"conversations": [{"from": "human", "value": "alone"}]}, {"id": "x"}]`,
	"alone.json":      `[{"conversations": [{"from": "human", "value": "alone"}]}]`,
	"object.json":     "{\n  \"conversations\": []\n}",
	"prompts.jsonl":   `{"prompt": "What is a token?"}`,
	"sharegpt.json":   `[{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}]`,
	"batch.jsonl": `{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt", "stream": true, "messages": [{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}], "max_completion_tokens": 9}}` + "\n\n" +
		`{"custom_id": "2", "url": "/v1/chat/completions", "body": {"messages": [{"role":"user","content":[{"type":"text","text":"Look"}]}], "temperature": 0.5, "seed": 1}}` + "\n",
	"completions.jsonl": `{"url": "/v1/completions", "body": {"prompt": "Once"}}` + "\n" + `{"url": "/v1/completions", "body": {"prompt": ["a", "b"]}}`,
	"embeddings.jsonl":  `{"url": "/v1/embeddings", "body": {"input": "x", "dimensions": 8}}`,
	"ids-batch.jsonl":   `{"url": "/v1/embeddings", "body": {"input": "x"}}` + "\n" + `{"url": "/v1/embeddings", "body": {"input": [[1, 2], [3]]}}`,
	"broken-batch.jsonl": `{"url": "/v1/chat/completions", "body": {"messages": [{"role":"user","content":"fine"}]}}` + "\n" +
		`{"url": "/v1/responses", "body": {"input": "x"}}` + "\n" + `{"url": "/v1/completions", "body": {"prompt": "x"}}` + "\n" +
		`{"method": "GET", "url": "/v1/chat/completions", "body": {"messages": [{}]}}` + "\n" + `{"url": "/v1/chat/completions", "body": {"messages": []}}` + "\n" +
		`{"prompt": "x"}` + "\n" + `{"url": 5}` + "\n" + `{"url"`,
	"cut.json": "[\n  {\"conversations\": [",
}

func open(name string) ([]byte, error) {
	body, ok := files[name]
	if !ok {
		body, ok = traces[strings.TrimPrefix(name, "same-")]
	}
	if !ok {
		return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
	}
	return []byte(body), nil
}

func env(name string) (string, bool) {
	v, ok := map[string]string{"KEY": "sk-from-environment", "LLM_API_KEY": "sk-manual", "TENANT": "tenant-secret", "EMPTY": ""}[name]
	return v, ok
}

// plan resolves a scenario; both steps' errors come back alike, as a user sees them.
func plan(src string) (*scenarios.Plan, error) {
	s, err := scenarios.Parse("s.yaml", []byte(src), env, open)
	if err != nil {
		return nil, err
	}
	return s.Plan()
}

func mustPlan(t testing.TB, src string) *scenarios.Plan {
	t.Helper()
	p, err := plan(src)
	if err != nil {
		t.Fatalf("plan of\n%s\n%v", src, err)
	}
	return p
}

// prompt is the text of a request of one prompt, and its length in tokens where it is known.
func prompt(s *scenarios.Stage, index int64, nonce uint64) (text string, tokens int) {
	r := s.Request(index, 1, nonce)
	return r.Texts[0], r.Input
}

// says holds that a scenario's plan has one piece and not another, blanks aside.
func says(t *testing.T, src, has, hasNot string) {
	t.Helper()
	got := text(t, mustPlan(t, src))
	if !strings.Contains(strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(has), " ")) {
		t.Errorf("no %q in\n%s", has, got)
	}
	if hasNot != "" && strings.Contains(got, hasNot) {
		t.Errorf("%q is in\n%s", hasNot, got)
	}
}
