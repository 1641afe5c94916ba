package compat_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"
)

// official is OpenAI's own client.
type official struct{ openai.Client }

func newOfficial(url, key string, more ...option.RequestOption) official {
	base := []option.RequestOption{option.WithBaseURL(url), option.WithAPIKey(key), option.WithMaxRetries(0)}
	return official{openai.NewClient(append(base, more...)...)}
}

func (o official) ask(ctx context.Context, q question) (answer, error) {
	var res *http.Response
	got, err := o.Chat.Completions.New(ctx, officialParams(q), option.WithResponseInto(&res))
	if err != nil {
		return answer{}, err
	}
	a := officialAnswer(*got)
	a.reasoning = extra(got.Choices[0].Message.JSON.ExtraFields["reasoning_content"].Raw())
	a.header = res.Header
	return a, nil
}

func (o official) stream(ctx context.Context, q question) (answer, error) {
	p := officialParams(q)
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	s := o.Chat.Completions.NewStreaming(ctx, p)
	defer s.Close()
	var all openai.ChatCompletionAccumulator // the client's own: it refuses chunks whose ids differ
	pieces, reasoning := 0, ""
	for s.Next() {
		chunk := s.Current()
		if !all.AddChunk(chunk) {
			return answer{}, errors.New("the client's accumulator refused a chunk: " + chunk.RawJSON())
		}
		for _, c := range chunk.Choices {
			if c.Delta.Content != "" {
				pieces++
			}
			reasoning += extra(c.Delta.JSON.ExtraFields["reasoning_content"].Raw())
		}
	}
	a := officialAnswer(all.ChatCompletion)
	a.pieces, a.reasoning = pieces, reasoning
	return a, s.Err()
}

// extra reads a field that the client's types do not have.
func extra(raw string) (text string) {
	_ = json.Unmarshal([]byte(raw), &text) // what is not there, or is no text, is empty
	return text
}

func officialAnswer(c openai.ChatCompletion) answer {
	a := answer{usage: officialUsage(c.Usage)}
	for _, choice := range c.Choices {
		a.role, a.text, a.finish = string(choice.Message.Role), choice.Message.Content, choice.FinishReason
		for _, call := range choice.Message.ToolCalls {
			a.calls = append(a.calls, callOf(call.ID, call.Function.Name, call.Function.Arguments))
		}
	}
	return a
}

func callOf(id, name, arguments string) call { return call{id, name, arguments} }

func officialUsage(u openai.CompletionUsage) usage {
	return usage{
		int(u.PromptTokens), int(u.CompletionTokens), int(u.TotalTokens),
		int(u.CompletionTokensDetails.ReasoningTokens),
	}
}

func (o official) complete(ctx context.Context, r completion) (out texts, err error) {
	got, err := o.Completions.New(ctx, officialCompletion(r))
	if err != nil {
		return out, err
	}
	for _, c := range got.Choices {
		out.add(int(c.Index), c.Text, string(c.FinishReason))
	}
	out.usage = officialUsage(got.Usage)
	return out, nil
}

func (o official) completeStream(ctx context.Context, r completion) (out texts, err error) {
	p := officialCompletion(r)
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	s := o.Completions.NewStreaming(ctx, p)
	defer s.Close()
	for s.Next() {
		for _, c := range s.Current().Choices {
			out.add(int(c.Index), c.Text, string(c.FinishReason))
		}
		if u := s.Current().Usage; u.TotalTokens > 0 {
			out.usage = officialUsage(u)
		}
	}
	return out, s.Err()
}

func (o official) models(ctx context.Context) (ids []string, err error) {
	list := o.Models.ListAutoPaging(ctx)
	for list.Next() {
		ids = append(ids, list.Current().ID)
	}
	return ids, list.Err()
}

func (o official) model(ctx context.Context, id string) (string, error) {
	m, err := o.Models.Get(ctx, id)
	if err != nil {
		return "", err
	}
	return m.ID, nil
}

func (official) refusal(err error) (refusal, bool) {
	if inside, ok := errors.AsType[*ssestream.StreamError](err); ok {
		var event struct{ Error openai.Error }
		bad := json.Unmarshal(inside.Event.Data, &event)
		return officialRefusal(event.Error), bad == nil
	}
	e, ok := errors.AsType[*openai.Error](err)
	if !ok {
		return refusal{}, false
	}
	return officialRefusal(*e), true
}

func officialRefusal(e openai.Error) refusal {
	return refusal{e.StatusCode, e.Type, e.Code, e.Param}
}

// raw is what the server said, which the official client keeps out of its errors' text.
func raw(err error) string {
	if e, ok := errors.AsType[*openai.Error](err); ok {
		return e.RawJSON()
	}
	return ""
}
