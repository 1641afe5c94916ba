package compat_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	goopenai "github.com/sashabaranov/go-openai"
)

func TestCompletions(t *testing.T) {
	for _, row := range []struct {
		that           string
		ask            completion
		prompt, choice int // tokens of all prompts, choices
	}{
		{"one string", completion{"one two three", 4, 0}, 3, 1},
		{"several strings have a choice each", completion{[]string{"one two", "three"}, 4, 0}, 3, 2},
		{"two choices of one prompt", completion{"one two three", 4, 2}, 3, 2},
		{"two choices of each prompt", completion{[]string{"one two", "three"}, 4, 2}, 3, 4},
		{"token ids are one prompt", completion{[]int64{15339, 1917, 13}, 4, 0}, 3, 1},
		{"lists of token ids are several", completion{[][]int64{{15339, 1917}, {13}}, 4, 0}, 3, 2},
	} {
		t.Run(row.that, func(t *testing.T) {
			eachClient(t, "", func(t *testing.T, c client) {
				for name, complete := range map[string]func(context.Context, completion) (texts, error){
					"plain": c.complete, "streamed": c.completeStream,
				} {
					got, err := complete(bounded(t), row.ask)
					if errors.Is(err, goopenai.ErrCompletionRequestPromptTypeNotSupported) {
						continue // this client knows no token ids: nothing was sent
					}
					if err != nil {
						t.Fatalf("%s: %v: %s", name, err, raw(err))
					}
					checkTexts(t, name, got, row.prompt, row.choice, row.ask.limit)
				}
			})
		})
	}
}

func checkTexts(t *testing.T, way string, got texts, prompt, choices, limit int) {
	t.Helper()
	if len(got.texts) != choices {
		t.Fatalf("%s: %d choices, want %d", way, len(got.texts), choices)
	}
	for i, text := range got.texts {
		if len(strings.Fields(text)) != limit || got.finish[i] != "length" {
			t.Errorf("%s: choice %d is %q with finish %q, want %d words and length", way, i, text, got.finish[i], limit)
		}
	}
	if want := (usage{prompt: prompt, completion: choices * limit, total: prompt + choices*limit}); got.usage != want {
		t.Errorf("%s: usage %+v, want %+v", way, got.usage, want)
	}
}

func TestChoicesAreInTheOrderOfTheirPrompts(t *testing.T) {
	eachClient(t, "", func(t *testing.T, c client) {
		both, err := c.complete(bounded(t), completion{[]string{"one two", "three"}, 4, 0})
		if err != nil {
			t.Fatal(err)
		}
		for i, prompt := range []string{"one two", "three"} {
			alone, err := c.complete(bounded(t), completion{prompt, 4, 0})
			if err != nil || !slices.Equal(alone.texts, both.texts[i:i+1]) {
				t.Errorf("choice %d is %q, alone it is %q (%v)", i, both.texts[i], alone.texts, err)
			}
		}
	})
}
