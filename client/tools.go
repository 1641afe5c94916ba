package client

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Tool is a function that the model may ask to be called.
type Tool struct {
	Name        string
	Description string
	// Parameters is a JSON Schema of the arguments: a map, a struct or a
	// json.RawMessage. Nil is a function without any.
	Parameters any
	// Strict asks for arguments that follow the schema to the letter.
	Strict bool
}

// Schema asks for an answer whose text is JSON of a given shape.
type Schema struct {
	Name        string // default "answer"
	Description string
	Definition  any // a JSON Schema: a map, a struct or a json.RawMessage
	Strict      bool
}

type (
	wireMessage struct {
		Role       string       `json:"role"`
		Content    *string      `json:"content"` // null beside tool calls, as servers send it
		Name       string       `json:"name,omitempty"`
		ToolCalls  []wireCalled `json:"tool_calls,omitempty"`
		ToolCallID string       `json:"tool_call_id,omitempty"`
	}
	wireCalled struct {
		ID       string       `json:"id"`
		Type     string       `json:"type"`
		Function wireFunction `json:"function"`
	}
	wireFunction struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	}
	wireTool struct {
		Type     string     `json:"type"`
		Function wireSchema `json:"function"`
	}
	wireSchema struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
		Parameters  any    `json:"parameters,omitempty"`
		Schema      any    `json:"schema,omitempty"`
		Strict      bool   `json:"strict,omitempty"`
	}
)

// wireMessages writes a conversation the way it is sent.
func wireMessages(messages []Message) []wireMessage {
	out := make([]wireMessage, len(messages))
	for i := range messages {
		m := &messages[i]
		out[i] = wireMessage{Role: m.Role, Name: m.Name, ToolCallID: m.ToolCallID}
		if m.Content != "" || len(m.ToolCalls) == 0 {
			out[i].Content = &m.Content
		}
		for _, t := range m.ToolCalls {
			out[i].ToolCalls = append(out[i].ToolCalls, wireCalled{t.ID, "function", wireFunction{t.Name, t.Arguments}})
		}
	}
	return out
}

// shape writes tools and the schema of the answer into a body.
func (r Request) shape(w *wireRequest) {
	if len(r.Tools) > 0 {
		tools := make([]wireTool, len(r.Tools))
		for i, t := range r.Tools {
			tools[i] = wireTool{"function", wireSchema{Name: t.Name, Description: t.Description, Parameters: t.Parameters, Strict: t.Strict}}
		}
		w.Tools = tools
	}
	switch r.ToolChoice {
	case "":
	case "auto", "none", "required":
		w.ToolChoice = r.ToolChoice
	default:
		w.ToolChoice = map[string]any{"type": "function", "function": map[string]string{"name": r.ToolChoice}}
	}
	if s := r.Schema; s != nil {
		shape := wireSchema{Name: s.Name, Description: s.Description, Schema: s.Definition, Strict: s.Strict}
		if shape.Name == "" {
			shape.Name = "answer"
		}
		w.ResponseFormat = map[string]any{"type": "json_schema", "json_schema": shape}
	}
}

// checkTools finds what the server would only answer with a vague 400.
func (r Request) checkTools() error {
	known := r.ToolChoice == "" || r.ToolChoice == "auto" || r.ToolChoice == "none" || r.ToolChoice == "required"
	for i, t := range r.Tools {
		if t.Name == "" {
			return fmt.Errorf("client: Request.Tools[%d] has no name", i)
		}
		known = known || t.Name == r.ToolChoice
	}
	switch {
	case !known:
		return fmt.Errorf("client: Request.ToolChoice %q is none of Request.Tools: use one of their names, auto, none or required", r.ToolChoice)
	case r.ToolChoice != "" && len(r.Tools) == 0:
		return fmt.Errorf("client: Request.ToolChoice is %q, but there are no Request.Tools", r.ToolChoice)
	case r.Schema != nil && r.Schema.Definition == nil:
		return fmt.Errorf("client: Request.Schema has no Definition: write a JSON Schema there")
	}
	return nil
}

// Message returns the answer as a turn of the conversation, to go before the
// results of its tool calls.
func (r *Response) Message() Message {
	return Message{Role: "assistant", Content: r.Text, ToolCalls: r.ToolCalls}
}

// Decode reads the arguments of a call into the value that v points to. No
// arguments at all, as some servers send them, change nothing.
func (t ToolCall) Decode(v any) error {
	if strings.TrimSpace(t.Arguments) == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(t.Arguments), v); err != nil {
		return fmt.Errorf("client: arguments of tool call %s: %w: %s", t.Name, err, excerpt([]byte(t.Arguments)))
	}
	return nil
}
