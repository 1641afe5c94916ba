package mockserver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestAPromptIsItsWords holds that blanks and the form of a prompt change nothing: text and the ids of its words have the same
// answer, the same vector and the same place in the prefix cache.
func TestAPromptIsItsWords(t *testing.T) {
	s := serve(t, "{prefix_cache: true, engine: {model: none}}")
	text := "xyzzy " + strings.Repeat("house xyzzy ", 8) + "the"
	var ids struct{ Tokens []int64 }
	if err := json.Unmarshal(post(s, "/tokenize", fmt.Sprintf(`{"prompt":%q}`, text)).Body.Bytes(), &ids); err != nil {
		t.Fatal(err)
	}
	asIDs, _ := json.Marshal(ids.Tokens)
	ask := func(path, key, prompt string) (text string, cached int) {
		t.Helper()
		body := post(s, path, fmt.Sprintf(`{"model":"demo-8b","max_tokens":3,%q:%s}`, key, prompt)).Body.Bytes()
		var got struct {
			Choices []struct{ Text string }
			Data    []struct{ Embedding []float64 }
			Usage   struct {
				Details struct {
					Cached int `json:"cached_tokens"`
				} `json:"prompt_tokens_details"`
			}
		}
		if err := json.Unmarshal(body, &got); err != nil || len(got.Choices)+len(got.Data) == 0 {
			t.Fatalf("%v in %s", err, body)
		}
		return fmt.Sprint(got.Choices, got.Data), got.Usage.Details.Cached
	}
	answer, _ := ask(completionsPath, "prompt", fmt.Sprintf("%q", text))
	vector, _ := ask("/v1/embeddings", "input", fmt.Sprintf("%q", text))
	for form, prompt := range map[string]string{
		"ids":             string(asIDs),
		"two spaces":      fmt.Sprintf("%q", strings.ReplaceAll(text, " ", "  ")),
		"a leading blank": fmt.Sprintf("%q", " "+text),
		"a line's end":    fmt.Sprintf("%q", text+"\n"),
	} {
		if got, cached := ask(completionsPath, "prompt", prompt); got != answer || cached != 16 {
			t.Errorf("%s: answer %s with %d tokens cached, want %s with 16", form, got, cached, answer)
		}
		if got, _ := ask("/v1/embeddings", "input", prompt); got != vector {
			t.Errorf("%s: another vector", form)
		}
	}
	if other, _ := ask(completionsPath, "prompt", `"xyzzy house"`); other == answer {
		t.Error("another prompt has the same answer")
	}
}

func TestEchoIsApartFromTheAnswer(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	text := func(prompt, more string) string {
		var got struct{ Choices []struct{ Text string } }
		body := post(s, completionsPath, fmt.Sprintf(`{"model":"demo-8b","max_tokens":2,"prompt":%q%s}`, prompt, more)).Body.Bytes()
		if err := json.Unmarshal(body, &got); err != nil || len(got.Choices) == 0 {
			t.Fatalf("%v in %s", err, body)
		}
		return got.Choices[0].Text
	}
	for prompt, between := range map[string]string{"hi there": " ", "hi there ": "", "hi\n": "", "": ""} {
		if got, want := text(prompt, `,"echo":true`), prompt+between+text(prompt, ""); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
