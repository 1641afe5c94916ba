package client

import (
	"fmt"
)

// builder puts the pieces of an answer together.
type builder struct {
	resp    *Response
	choices []choiceText
	marked  bool // the end marker came
	any     bool // an event came
}

// choiceText gathers one choice. Bytes, because strings would be copied with
// each piece.
type choiceText struct {
	text, reasoning, refusal []byte
	finish                   string
	tools                    []ToolCall
	arguments                [][]byte
}

func (b *builder) add(p piece) {
	b.any = true
	r := b.resp
	if r.ID == "" {
		r.ID = p.id
	}
	if r.Model == "" {
		r.Model = p.model
	}
	if p.hasUsage { // the last one counts: earlier ones are running totals
		r.Usage, r.UsageKnown = p.usage, true
	}
	for i := range p.parts {
		b.addPart(&p.parts[i])
	}
}

func (b *builder) addPart(part *Choice) {
	c := b.choice(part)
	c.text = append(c.text, part.Text...)
	c.reasoning = append(c.reasoning, part.Reasoning...)
	c.refusal = append(c.refusal, part.Refusal...)
	for _, t := range part.ToolCalls {
		c.addTool(t)
	}
}

// choice returns the place of the choice that a piece belongs to, and notes its end.
func (b *builder) choice(part *Choice) *choiceText {
	for part.Index >= len(b.choices) {
		b.choices = append(b.choices, choiceText{})
	}
	c := &b.choices[part.Index]
	if part.FinishReason != "" {
		c.finish = part.FinishReason
	}
	return c
}

// addTool joins the pieces of a call by its index. Whole answers leave the
// index out: there, another id is another call.
func (c *choiceText) addTool(t ToolCall) {
	for i := range c.tools {
		if have := &c.tools[i]; have.Index == t.Index && (t.ID == "" || t.ID == have.ID) {
			c.arguments[i] = append(c.arguments[i], t.Arguments...)
			if have.Name == "" {
				have.Name = t.Name
			}
			return
		}
	}
	c.arguments = append(c.arguments, []byte(t.Arguments))
	c.tools = append(c.tools, t)
}

// finish writes the response. The timeline, if there is one, is completed too.
func (b *builder) finish(t *timeline) *Response {
	r := b.resp
	for i := range b.choices {
		c := &b.choices[i]
		for j := range c.tools {
			c.tools[j].Arguments = string(c.arguments[j])
		}
		r.Choices = append(r.Choices, Choice{
			Index: i, Text: string(c.text), Reasoning: string(c.reasoning), Refusal: string(c.refusal),
			FinishReason: c.finish, ToolCalls: c.tools,
		})
	}
	if len(r.Choices) > 0 {
		c := &r.Choices[0]
		r.Text, r.Reasoning, r.Refusal, r.FinishReason, r.ToolCalls = c.Text, c.Reasoning, c.Refusal, c.FinishReason, c.ToolCalls
	}
	if t != nil {
		r.ContentEvents = t.events
		t.finish(r)
	}
	return r
}

// incomplete returns what a stream lacks. A body without any event may be an
// error that is not an event stream at all.
func (b *builder) incomplete(body []byte) error {
	switch {
	case !b.any && isFailure(body):
		return streamError(body)
	case !b.marked:
		return fmt.Errorf("%w: the stream has no end marker", ErrTruncated)
	case len(b.choices) == 0:
		return fmt.Errorf("%w: the stream ended without an answer", ErrTruncated)
	}
	// llama-cpp-python ends a stream that another request interrupts with its end marker all the same.
	for i := range b.choices {
		if b.choices[i].finish == "" {
			return fmt.Errorf("%w: choice %d has no finish_reason, the server gave it up", ErrTruncated, i)
		}
	}
	return nil
}
