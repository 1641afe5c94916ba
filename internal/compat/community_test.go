package compat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	goopenai "github.com/sashabaranov/go-openai"
)

// community is go-openai, the client that Go had first.
type community struct{ *goopenai.Client }

func newCommunity(url, key string) community {
	config := goopenai.DefaultConfig(key)
	config.BaseURL = url
	return community{goopenai.NewClientWithConfig(config)}
}

func (c community) ask(ctx context.Context, q question) (a answer, err error) {
	got, err := c.CreateChatCompletion(ctx, communityParams(q))
	if err != nil {
		return a, err
	}
	m := got.Choices[0].Message
	a = answer{role: m.Role, text: m.Content, reasoning: m.ReasoningContent, finish: string(got.Choices[0].FinishReason)}
	for _, call := range m.ToolCalls {
		a.calls = append(a.calls, callOf(call.ID, call.Function.Name, call.Function.Arguments))
	}
	a.usage, a.header = communityUsage(&got.Usage), got.Header()
	return a, nil
}

func (c community) stream(ctx context.Context, q question) (a answer, err error) {
	p := communityParams(q)
	p.StreamOptions = &goopenai.StreamOptions{IncludeUsage: true}
	s, err := c.CreateChatCompletionStream(ctx, p)
	if err != nil {
		return a, err
	}
	defer s.Close()
	for {
		chunk, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return a, nil
		} else if err != nil {
			return a, err
		}
		if chunk.Usage != nil {
			a.usage = communityUsage(chunk.Usage)
		}
		for _, choice := range chunk.Choices {
			if err := a.add(choice); err != nil {
				return a, err
			}
		}
	}
}

// add does what this client leaves to its callers: it puts deltas together.
func (a *answer) add(c goopenai.ChatCompletionStreamChoice) error {
	if c.Delta.Content != "" {
		a.pieces++
	}
	a.role += c.Delta.Role
	a.text += c.Delta.Content
	a.reasoning += c.Delta.ReasoningContent
	a.finish += string(c.FinishReason)
	for _, d := range c.Delta.ToolCalls {
		if d.Index == nil || *d.Index > len(a.calls) {
			return fmt.Errorf("a tool call without its index, or out of order: %+v", d)
		}
		if *d.Index == len(a.calls) {
			a.calls = append(a.calls, call{})
		}
		own := &a.calls[*d.Index]
		own.id += d.ID
		own.name += d.Function.Name
		own.arguments += d.Function.Arguments
	}
	return nil
}

func communityUsage(u *goopenai.Usage) usage {
	out := usage{prompt: u.PromptTokens, completion: u.CompletionTokens, total: u.TotalTokens}
	if u.CompletionTokensDetails != nil {
		out.reasoning = u.CompletionTokensDetails.ReasoningTokens
	}
	return out
}

func communityParams(q question) goopenai.ChatCompletionRequest {
	p := goopenai.ChatCompletionRequest{
		Model: or(q.model, model), Messages: communityMessages(q), Stop: q.stop,
		MaxCompletionTokens: q.limit, ToolChoice: communityChoice(q.choice),
	}
	p.MaxTokens = q.legacyLimit //lint:ignore SA1019 what old programs send is part of the catalogue
	for _, t := range q.tools {
		p.Tools = append(p.Tools, goopenai.Tool{Type: "function", Function: &goopenai.FunctionDefinition{
			Name: t.name, Parameters: json.RawMessage(t.parameters),
		}})
	}
	switch {
	case q.object:
		p.ResponseFormat = &goopenai.ChatCompletionResponseFormat{Type: "json_object"}
	case q.schema != "":
		p.ResponseFormat = &goopenai.ChatCompletionResponseFormat{
			Type:       "json_schema",
			JSONSchema: &goopenai.ChatCompletionResponseFormatJSONSchema{Name: "answer", Schema: json.RawMessage(q.schema), Strict: true},
		}
	}
	return p
}

func communityMessages(q question) []goopenai.ChatCompletionMessage {
	if q.mute {
		return nil
	}
	m := []goopenai.ChatCompletionMessage{
		{Role: "system", Content: "be brief"},
		{Role: "user", Content: or(q.prompt, "say something")},
	}
	if len(q.calls) == 0 {
		return m
	}
	said, results := goopenai.ChatCompletionMessage{Role: "assistant"}, []goopenai.ChatCompletionMessage{}
	for _, c := range q.calls {
		said.ToolCalls = append(said.ToolCalls, goopenai.ToolCall{
			ID: c.id, Type: "function", Function: goopenai.FunctionCall{Name: c.name, Arguments: c.arguments},
		})
		results = append(results, goopenai.ChatCompletionMessage{Role: "tool", Content: `{"done": true}`, ToolCallID: c.id})
	}
	return append(append(m, said), results...)
}

func communityChoice(choice string) any {
	switch choice {
	case "":
		return nil
	case "auto", "none", "required":
		return choice
	}
	return goopenai.ToolChoice{Type: "function", Function: goopenai.ToolFunction{Name: choice}}
}

func (community) refusal(err error) (refusal, bool) {
	e, ok := errors.AsType[*goopenai.APIError](err)
	if !ok {
		return refusal{}, false
	}
	r := refusal{status: e.HTTPStatusCode, kind: e.Type}
	if e.Code != nil && e.Code != 0 { // this client reads a null as the number 0
		r.code = fmt.Sprint(e.Code)
	}
	if e.Param != nil {
		r.param = *e.Param
	}
	return r, true
}
