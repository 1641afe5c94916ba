package client

import (
	"encoding/json"
	"fmt"
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
