package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/llmload/llmload/client/internal/sse"
)

// wireAnswer is an answer as it is on the wire: whole, or one chunk of a stream.
type wireAnswer struct {
	Object  string          `json:"object"`
	ID      string          `json:"id"`
	Model   string          `json:"model"`
	Choices []wireChoice    `json:"choices"`
	Usage   *wireUsage      `json:"usage"`
	Error   json.RawMessage `json:"error"`
}

type wireChoice struct {
	Index   int       `json:"index"`
	Text    string    `json:"text"`    // completions
	Delta   wireDelta `json:"delta"`   // chat, streamed
	Message wireDelta `json:"message"` // chat, whole
	Finish  string    `json:"finish_reason"`
}

type wireDelta struct {
	Content   string         `json:"content"`
	Refusal   string         `json:"refusal"`
	Reasoned  string         `json:"reasoning_content"` // vLLM, DeepSeek
	Reasoning string         `json:"reasoning"`         // OpenRouter, Ollama
	ToolCalls []wireToolCall `json:"tool_calls"`
}

type wireToolCall struct {
	Index    int    `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type wireUsage struct {
	Prompt        int `json:"prompt_tokens"`
	Completion    int `json:"completion_tokens"`
	PromptDetails struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// maxChoices bounds the index of a choice: a server's number must not decide
// how much memory is used.
const maxChoices = 1 << 16

// piece is what one event says.
type piece struct {
	id, model string
	parts     []Choice // valid until the next event is decoded
	usage     Usage
	hasUsage  bool // and it is not all zero, as servers send it before they know
}

func (p piece) hasContent() bool { return p.hasOutput() || p.hasReasoning() }

// hasOutput reports content that is not reasoning.
func (p piece) hasOutput() bool {
	for _, c := range p.parts {
		if c.Text != "" || c.Refusal != "" || len(c.ToolCalls) > 0 {
			return true
		}
	}
	return false
}

func (p piece) hasReasoning() bool {
	for _, c := range p.parts {
		if c.Reasoning != "" {
			return true
		}
	}
	return false
}

func isEndMarker(ev sse.Event) bool {
	return string(bytes.TrimSpace(ev.Data)) == "[DONE]"
}

// looksLikeFailure is a cheap guess; decoding decides.
func looksLikeFailure(ev sse.Event) bool {
	return string(ev.Type) == "error" || bytes.HasPrefix(ev.Data, []byte(`{"error"`)) ||
		bytes.HasPrefix(ev.Data, []byte(`{"object":"error"`))
}

// chunkDecoder decodes the events of one stream. The chunks of a stream mostly
// differ in their content alone, so it remembers what stood around the last
// content; an event with the same surroundings needs no JSON parser.
type chunkDecoder struct {
	head, tail []byte
	like       Choice // the choice that head and tail belong to, without content
	reasoning  bool   // the content is reasoning
	parts      [1]Choice
}

// decode returns what an event says. The error is a *StreamError where the
// server reports one, else it wraps ErrMalformed.
func (d *chunkDecoder) decode(ev sse.Event) (piece, error) {
	if p, ok := d.match(ev.Data); ok && len(ev.Type) == 0 {
		return p, nil
	}
	data := bytes.TrimSpace(ev.Data)
	if string(ev.Type) == "error" {
		return piece{}, streamError(data)
	}
	if len(data) == 0 {
		return piece{}, nil
	}
	var w wireAnswer
	if err := json.Unmarshal(data, &w); err != nil {
		return piece{}, fmt.Errorf("%w: event %.80q: %w", ErrMalformed, data, err)
	}
	p, err := w.piece(data)
	if err == nil {
		d.learn(ev.Data, p)
	}
	return p, err
}

// failed reports an error in the place of an answer. Some servers send
// "error":null with each chunk.
func (w *wireAnswer) failed() bool {
	switch string(w.Error) {
	case "", "null", `""`, "{}", "false":
		return w.Object == "error"
	}
	return true
}

// piece returns what an answer says. The bytes it was read from are for errors.
func (w *wireAnswer) piece(data []byte) (piece, error) {
	if w.failed() {
		return piece{}, streamError(data)
	}
	p := piece{id: w.ID, model: w.Model, parts: make([]Choice, 0, len(w.Choices))}
	for i := range w.Choices {
		c := &w.Choices[i]
		if c.Index < 0 || c.Index >= maxChoices {
			return piece{}, fmt.Errorf("%w: choice with index %d", ErrMalformed, c.Index)
		}
		p.parts = append(p.parts, c.choice())
	}
	if u := w.Usage; u != nil {
		p.usage = Usage{u.Prompt, u.PromptDetails.Cached, u.Completion, u.CompletionDetails.Reasoning}
		p.hasUsage = p.usage != Usage{}
	}
	return p, nil
}

// choice reads the one of text, delta and message that is there.
func (w *wireChoice) choice() Choice {
	d := &w.Delta
	if m := &w.Message; m.Content != "" || m.Refusal != "" || m.Reasoned != "" || m.Reasoning != "" || m.ToolCalls != nil {
		d = m
	}
	c := Choice{
		Index: w.Index, Text: d.Content + w.Text, Refusal: d.Refusal,
		Reasoning: d.Reasoned, FinishReason: w.Finish,
	}
	if c.Reasoning == "" { // servers in transition send both, with the same text
		c.Reasoning = d.Reasoning
	}
	for _, t := range d.ToolCalls {
		c.ToolCalls = append(c.ToolCalls, ToolCall{t.Index, t.ID, t.Function.Name, t.Function.Arguments})
	}
	return c
}

// learn remembers the surroundings of an event that brought a piece of text or
// of reasoning and nothing else.
func (d *chunkDecoder) learn(data []byte, p piece) {
	d.head, d.tail = d.head[:0], d.tail[:0]
	if len(p.parts) != 1 || p.hasUsage {
		return
	}
	c := p.parts[0]
	if (c.Text == "") == (c.Reasoning == "") || c.Refusal != "" || c.FinishReason != "" || c.ToolCalls != nil {
		return
	}
	names := [...]string{`"content"`, `"text"`}
	if c.Text == "" {
		names = [...]string{`"reasoning_content"`, `"reasoning"`}
	}
	for _, name := range names {
		from, to, ok := valueOf(data, name, c.Text+c.Reasoning)
		if !ok {
			continue
		}
		d.head, d.tail = append(d.head, data[:from]...), append(d.tail, data[to:]...)
		d.like, d.reasoning = Choice{Index: c.Index}, c.Text == ""
		return
	}
}

// valueOf finds where the value of a field stands that occurs once and reads
// as value without any escape. A quoted name that a colon follows cannot be
// part of a string: its quotes would be escaped there.
func valueOf(data []byte, name, value string) (from, to int, ok bool) {
	at := bytes.Index(data, []byte(name))
	if at < 0 || bytes.Count(data, []byte(name)) != 1 {
		return 0, 0, false
	}
	rest := bytes.TrimLeft(data[at+len(name):], ": ")
	from = len(data) - len(rest) + 1
	to = from + len(value)
	if to >= len(data) || rest[0] != '"' || string(data[from:to]) != value || data[to] != '"' {
		return 0, 0, false
	}
	return from, to, plain(data[from:to])
}

// match decodes an event by its surroundings.
func (d *chunkDecoder) match(data []byte) (piece, bool) {
	n := len(data) - len(d.tail)
	if len(d.head) == 0 || n < len(d.head) || !bytes.HasPrefix(data, d.head) || !bytes.HasSuffix(data, d.tail) {
		return piece{}, false
	}
	text := data[len(d.head):n]
	if !plain(text) {
		return piece{}, false
	}
	d.parts[0] = d.like
	if d.reasoning {
		d.parts[0].Reasoning = string(text)
	} else {
		d.parts[0].Text = string(text)
	}
	return piece{parts: d.parts[:]}, true
}

// plain reports that the inside of a JSON string stands for itself.
func plain(text []byte) bool {
	ascii := true
	for _, b := range text {
		if b < 0x20 || b == '"' || b == '\\' {
			return false
		}
		ascii = ascii && b < utf8.RuneSelf
	}
	return ascii || utf8.Valid(text)
}
