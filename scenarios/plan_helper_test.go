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
	"cut.json":        "[\n  {\"conversations\": [",
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
