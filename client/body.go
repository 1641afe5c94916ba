package client

import (
	"encoding/json"
	"maps"
)

// wireRequest is a request's body. Its fields are in the order of the alphabet,
// as those of a map are: bodies look the same with extra fields and without.
type wireRequest struct {
	IgnoreEOS      bool          `json:"ignore_eos,omitempty"`
	Input          prompts       `json:"input,omitempty"`
	MaxTokens      int           `json:"max_tokens,omitempty"`
	Messages       []wireMessage `json:"messages,omitempty"`
	MinTokens      int           `json:"min_tokens,omitempty"`
	Model          string        `json:"model,omitempty"`
	Prompt         prompts       `json:"prompt,omitempty"`
	ResponseFormat any           `json:"response_format,omitempty"`
	Seed           *int64        `json:"seed,omitempty"`
	Stop           []string      `json:"stop,omitempty"`
	Stream         bool          `json:"stream,omitempty"`
	StreamOptions  *wireOptions  `json:"stream_options,omitempty"`
	Temperature    *float64      `json:"temperature,omitempty"`
	ToolChoice     any           `json:"tool_choice,omitempty"`
	Tools          []wireTool    `json:"tools,omitempty"`
}

type wireOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

// prompts are written as a string if there is one, else as a list.
type prompts []string

// MarshalJSON implements json.Marshaler.
func (p prompts) MarshalJSON() ([]byte, error) {
	if len(p) == 1 {
		return json.Marshal(p[0])
	}
	return json.Marshal([]string(p))
}

// encode writes the body. Extra fields replace typed ones: first those of the
// configuration, then those of the request.
func (r Request) encode(configured map[string]any) ([]byte, error) {
	body, err := json.Marshal(r.wire())
	if err != nil || len(configured)+len(r.Extra) == 0 {
		return body, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, err
	}
	all := make(map[string]any, len(fields)+len(configured)+len(r.Extra))
	for name, value := range fields {
		all[name] = value
	}
	maps.Copy(all, configured)
	maps.Copy(all, r.Extra)
	return json.Marshal(all)
}

func (r Request) wire() *wireRequest {
	w := &wireRequest{
		Model: r.Model, Stream: r.Stream, IgnoreEOS: r.IgnoreEOS,
		MaxTokens: max(0, r.MaxTokens), MinTokens: max(0, r.MinTokens),
		Temperature: r.Temperature, Stop: r.Stop, Seed: r.Seed,
	}
	switch r.API {
	case Chat:
		w.Messages = wireMessages(r.Messages)
	case Completions:
		w.Prompt = r.Prompts
	case Embeddings:
		w.Input = r.Prompts
	}
	if r.Stream {
		w.StreamOptions = &wireOptions{IncludeUsage: true}
	}
	r.shape(w)
	return w
}
