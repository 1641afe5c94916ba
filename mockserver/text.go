package mockserver

import (
	"encoding/json"
	"strings"

	"github.com/llmload/llmload/internal/words"
)

// stopAt ends the answer before the first stop sequence that begins at or after
// token minTokens. Tokens are counted as far as their text is sent; an answer
// that stops at once has one empty token. Reasoning is not searched.
func (c *choice) stopAt(stops []string, minTokens int) {
	said := c.tokens[c.reasoning:]
	text, from := strings.Join(said, ""), 0
	for _, t := range said[:min(max(minTokens-c.reasoning, 0), len(said))] {
		from += len(t)
	}
	cut, by := -1, ""
	for _, stop := range stops {
		if i := strings.Index(text[from:], stop); i >= 0 && stop != "" && (cut < 0 || from+i < cut) {
			cut, by = from+i, stop
		}
	}
	if cut < 0 {
		return
	}
	c.finish, c.stopped = "stop", `"`+escape(by)+`"`
	c.tokens = append(c.tokens[:c.reasoning:c.reasoning], tokenize(text[:cut])...)
}

// tokenize cuts a text into its words, each but the first with the space
// before it. No text is one empty token.
func tokenize(text string) []string {
	tokens := make([]string, 0, strings.Count(text, " ")+1)
	for text != "" {
		i := strings.IndexByte(text[1:], ' ')
		if i < 0 {
			return append(tokens, text)
		}
		tokens, text = append(tokens, text[:i+1]), text[i+1:]
	}
	if len(tokens) == 0 {
		return append(tokens, "")
	}
	return tokens
}

// escape gives a text as it stands inside a JSON string.
func escape(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\'
	}
	if plain {
		return s
	}
	quoted, _ := json.Marshal(s) // a string: cannot fail
	return string(quoted[1 : len(quoted)-1])
}

func countWords(parts []string) int {
	n := 0
	for _, p := range parts {
		n += words.Count(p)
	}
	return n
}
