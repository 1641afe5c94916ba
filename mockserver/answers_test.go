package mockserver_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/llmload/llmload/mockserver"
)

type answer struct {
	Choices []struct {
		Message struct{ Content string }
		Finish  string `json:"finish_reason"`
	}
	Usage struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Details    *struct {
			Cached int `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
	}
}

func ask(t *testing.T, s *mockserver.Server, body string) answer {
	t.Helper()
	w := post(s, chatPath, body)
	var a answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || len(a.Choices) != 1 {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return a
}

func TestLengthAndFinishReason(t *testing.T) {
	natural := "output: {natural: 40}\n"
	for _, c := range []struct {
		name, config, more string
		least, most        int
		finish             string
	}{
		{"max_tokens is the length", "", `,"max_tokens":50`, 50, 50, "length"},
		{"without it an answer has 128 tokens", "", ``, 128, 128, "stop"},
		{"without it ignore_eos runs into the default limit", "", `,"ignore_eos":true`, 128, 128, "length"},
		{"min_tokens lengthens the default", "", `,"min_tokens":300`, 300, 300, "stop"},
		{"the context bounds the default", "models: [{id: demo-8b, max_model_len: 65}]\n", ``, 60, 60, "length"},
		{"a natural end comes between half and one and a half", natural, `,"max_tokens":500`, 20, 60, "stop"},
		{"max_tokens comes before a natural end", natural, `,"max_tokens":10`, 10, 10, "length"},
		{"ignore_eos has no natural end", natural, `,"max_tokens":500,"ignore_eos":true`, 500, 500, "length"},
		{"min_tokens puts the natural end off", natural, `,"max_tokens":500,"min_tokens":200`, 200, 200, "stop"},
		{
			"a server that does not take ignore_eos ends by itself", natural + "ignore_eos: false\n",
			`,"max_tokens":500,"min_tokens":500,"ignore_eos":true`, 20, 60, "stop",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := ask(t, serve(t, "engine: {model: none}\n"+c.config), chat(5, c.more))
			n, text := a.Usage.Completion, a.Choices[0].Message.Content
			if n < c.least || n > c.most || a.Choices[0].Finish != c.finish {
				t.Errorf("%d tokens, %s; want %d to %d, %s", n, a.Choices[0].Finish, c.least, c.most, c.finish)
			}
			if got := len(strings.Fields(text)); got != n {
				t.Errorf("usage says %d tokens, the text has %d words", n, got)
			}
			if a.Usage.Prompt != 5 {
				t.Errorf("%d prompt tokens", a.Usage.Prompt)
			}
		})
	}
}

func TestTooManyPromptsAreRefused(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	for n, want := range map[int]int{2048: 200, 2049: 400} {
		list := strings.Repeat(`"",`, n-1) + `""`
		for path, key := range map[string]string{completionsPath: "prompt", "/v1/embeddings": "input"} {
			if w := post(s, path, fmt.Sprintf(`{"model":"demo-8b","max_tokens":1,%q:[%s]}`, key, list)); w.Code != want {
				t.Errorf("%d prompts: status %d", n, w.Code)
			}
		}
	}
}

func TestNaturalLengthsDifferByPromptAndAreKept(t *testing.T) {
	s := serve(t, "engine: {model: none}\noutput: {natural: 100}")
	seen := map[int]bool{}
	for i := range 20 {
		body := fmt.Sprintf(`{"model":"demo-8b","messages":[{"role":"user","content":"prompt %d"}]}`, i)
		a, b := ask(t, s, body), ask(t, s, body)
		if a.Usage.Completion != b.Usage.Completion || a.Choices[0].Message.Content != b.Choices[0].Message.Content {
			t.Error("the same request got another answer")
		}
		seen[a.Usage.Completion] = true
	}
	if len(seen) < 10 {
		t.Errorf("%d lengths in 20 prompts", len(seen))
	}
}

func TestStopSequences(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	whole := ask(t, s, chat(5, `,"max_tokens":8`)).Choices[0].Message.Content
	w := strings.Fields(whole)
	middle := w[3][1:] // begins inside a word
	for _, c := range []struct {
		name, more, text string
		tokens           int
		finish           string
	}{
		{"a word", fmt.Sprintf(`,"stop":%q`, " "+w[3]), strings.Join(w[:3], " "), 3, "stop"},
		{"inside a word", fmt.Sprintf(`,"stop":[%q]`, middle), whole[:strings.Index(whole, middle)], 4, "stop"},
		{"over two words", fmt.Sprintf(`,"stop":%q`, w[2]+" "+w[3]), whole[:strings.Index(whole, w[2])], -1, "stop"},
		{"the first of several", fmt.Sprintf(`,"stop":[%q,%q]`, " "+w[5], " "+w[3]), strings.Join(w[:3], " "), 3, "stop"},
		{"at once", fmt.Sprintf(`,"stop":%q`, w[0]), "", 1, "stop"},
		{"the first of several, in the other order", fmt.Sprintf(`,"stop":[%q,%q]`, " "+w[3], " "+w[5]), strings.Join(w[:3], " "), 3, "stop"},
		{"one that does not occur", `,"stop":["NOT THERE",""]`, whole, 8, "length"},
		{"not before min_tokens", fmt.Sprintf(`,"min_tokens":4,"stop":%q`, " "+w[3]), whole, 8, "length"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := ask(t, s, chat(5, `,"max_tokens":8`+c.more))
			if got := a.Choices[0]; got.Message.Content != c.text || got.Finish != c.finish {
				t.Errorf("%q, %s; want %q, %s", got.Message.Content, got.Finish, c.text, c.finish)
			}
			if c.tokens >= 0 && a.Usage.Completion != c.tokens {
				t.Errorf("%d tokens, want %d", a.Usage.Completion, c.tokens)
			}
		})
	}
}

func TestPrefixCache(t *testing.T) {
	words := func(from, n int) string {
		var sb strings.Builder
		for i := range n {
			fmt.Fprintf(&sb, "w%d ", from+i)
		}
		return sb.String()
	}
	body := func(model, prompt string) string {
		return fmt.Sprintf(`{"model":%q,"max_tokens":1,"messages":[{"role":"user","content":%q}]}`, model, prompt)
	}
	s := serve(t, "engine: {model: none}\nprefix_cache: true\nmodels: [{id: a}, {id: b}, {id: small, max_model_len: 101}]")
	for _, c := range []struct {
		name, body string
		want       int
	}{
		{"nothing is cached at first", body("a", words(0, 100)), 0},
		{"full blocks of 16 are, the second time", body("a", words(0, 100)), 96},
		{"a shared head counts as far as it goes", body("a", words(0, 50)+words(500, 50)), 48},
		{"the same blocks behind another head do not", body("a", "x "+words(0, 99)), 0},
		{"another model has its own", body("b", words(0, 100)), 0},
		{"the last token is never cached", body("a", words(0, 96)), 80},
		{"below a block nothing is", body("a", words(0, 15)), 0},
	} {
		a := ask(t, s, c.body)
		if a.Usage.Details == nil || a.Usage.Details.Cached != c.want {
			t.Errorf("%s: got %+v, want %d", c.name, a.Usage.Details, c.want)
		}
	}
	post(s, chatPath, strings.Replace(body("small", words(900, 100)), `"max_tokens":1`, `"max_tokens":2`, 1)) // over the context
	if a := ask(t, s, body("small", words(900, 100))); a.Usage.Details.Cached != 0 {
		t.Error("a refused request was remembered")
	}
	if a := ask(t, serve(t, "engine: {model: none}"), chat(50, "")); a.Usage.Details != nil {
		t.Error("a server without a cache reports one")
	}
}

func TestPrefixCacheForgetsTheOldestBlocksTailsFirst(t *testing.T) {
	s := serve(t, "engine: {model: none}\nprefix_cache: true\nmodels: [{id: demo-8b, max_model_len: 600000}]")
	first := chat(33, `,"max_tokens":1`) // two blocks of the 32,768 that it holds
	for _, c := range []struct{ others, want int }{{32_766, 32}, {32_767, 16}, {32_768, 0}} {
		ask(t, s, first)
		// Prompts that share no head with the others.
		body := fmt.Sprintf(`{"model":"demo-8b","max_tokens":1,"messages":[{"role":"user","content":"p%d %s"}]}`, c.others, strings.Repeat("x ", c.others*16-1))
		ask(t, s, body)
		if a := ask(t, s, first); a.Usage.Details.Cached != c.want {
			t.Errorf("after %d other blocks %d tokens are cached, want %d", c.others, a.Usage.Details.Cached, c.want)
		}
	}
}
