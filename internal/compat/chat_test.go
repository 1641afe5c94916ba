package compat_test

import (
	"strings"
	"testing"
)

func TestChat(t *testing.T) {
	for _, row := range []struct {
		that   string
		q      question
		finish string
		tokens int
	}{
		{"max_completion_tokens ends an answer", question{limit: 7}, "length", 7},
		{"max_tokens, its old name, does too", question{legacyLimit: 9}, "length", 9},
		{"max_completion_tokens wins over max_tokens", question{limit: 5, legacyLimit: 9}, "length", 5},
	} {
		t.Run(row.that, func(t *testing.T) {
			eachWay(t, "", func(t *testing.T, _ client, ask way) {
				a := must(t, ask, row.q)
				if a.role != "assistant" || a.finish != row.finish || len(strings.Fields(a.text)) != row.tokens {
					t.Errorf("role %q, finish %q, text %q; want assistant, %s and %d words", a.role, a.finish, a.text, row.finish, row.tokens)
				}
				if want := (usage{prompt: 4, completion: row.tokens, total: 4 + row.tokens}); a.usage != want {
					t.Errorf("usage %+v, want %+v: the prompt has two words, and the system message too", a.usage, want)
				}
			})
		})
	}
}

func TestStreamSaysWhatThePlainAnswerSays(t *testing.T) {
	eachClient(t, "", func(t *testing.T, c client) {
		plain, streamed := must(t, c.ask, question{limit: 6}), must(t, c.stream, question{limit: 6})
		if streamed.text != plain.text || streamed.pieces != 6 {
			t.Errorf("streamed %q in %d pieces, want %q in 6", streamed.text, streamed.pieces, plain.text)
		}
	})
}

func TestRoleChunks(t *testing.T) {
	for _, role := range []string{"with_first_token", "early"} {
		eachClient(t, "stream: {role_chunk: "+role+"}", func(t *testing.T, c client) {
			if a := must(t, c.stream, question{limit: 3}); a.role != "assistant" || len(strings.Fields(a.text)) != 3 {
				t.Errorf("%s: role %q, text %q", role, a.role, a.text)
			}
		})
	}
}

func TestStopEndsTheAnswerBeforeIt(t *testing.T) {
	eachWay(t, "", func(t *testing.T, _ client, ask way) {
		words := strings.Fields(must(t, ask, question{limit: 12}).text)
		a := must(t, ask, question{limit: 12, stop: []string{"never said", words[4]}})
		if a.finish != "stop" || strings.Contains(a.text, words[4]) || !strings.HasPrefix(a.text, words[0]) {
			t.Errorf("finish %q, text %q, want stop, and %q cut before %q", a.finish, a.text, words, words[4])
		}
	})
}

func TestReasoningComesApartFromTheAnswer(t *testing.T) {
	eachWay(t, "output: {reasoning: 5}", func(t *testing.T, _ client, ask way) {
		a := must(t, ask, question{limit: 20})
		if len(strings.Fields(a.reasoning)) != 5 || a.text == "" || strings.Contains(a.text, a.reasoning) {
			t.Errorf("reasoning %q, text %q; want 5 words of reasoning, and an answer without them", a.reasoning, a.text)
		}
		if a.usage.reasoning != 5 || a.usage.completion < 5 || a.usage.total != a.usage.prompt+a.usage.completion {
			t.Errorf("usage %+v; want 5 tokens of reasoning among the completion's", a.usage)
		}
	})
}
