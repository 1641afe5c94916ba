package mockserver

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/llmload/llmload/mockserver/internal/jsonsample"
)

const maxTools = 128 // as OpenAI bounds them

type tool struct {
	Type     string `json:"type"`
	Function struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
	} `json:"function"`
}

// A responseFormat says what form an answer's text has.
type responseFormat struct {
	Type       string `json:"type"`
	JSONSchema struct {
		Schema json.RawMessage `json:"schema"`
	} `json:"json_schema"`
}

func (f responseFormat) check() *apiError {
	switch f.Type {
	case "", "text", "json_object":
		return nil
	case "json_schema":
		if len(f.JSONSchema.Schema) == 0 {
			return missing("response_format.json_schema.schema")
		}
		return nil
	}
	return invalid("response_format.type", "Invalid value for 'response_format.type': %q; write text, json_object or json_schema.", f.Type)
}

// A call is a call of a function that an answer makes; its arguments are the
// answer's tokens.
type call struct{ id, name string }

// called picks the function that an answer calls, nil for none: required takes
// the first, auto draws.
func (r *request) called(o Output, dice *rand.Rand) *tool {
	switch c := r.ToolChoice; {
	case len(r.Tools) == 0 || c.mode == "none":
		return nil
	case c.mode == "required":
		return &r.Tools[0]
	case c.mode == "function":
		for i := range r.Tools {
			if r.Tools[i].Function.Name == c.name {
				return &r.Tools[i]
			}
		}
	case o.ToolCalls > 0 && dice.Float64() < o.ToolCalls:
		return &r.Tools[dice.IntN(len(r.Tools))]
	}
	return nil
}

// callID is an id as each project makes them.
func callID(dialect string, dice *rand.Rand) string {
	if dialect == dialectVLLM { // make_tool_call_id of vllm/entrypoints/chat_utils.py
		return fmt.Sprintf("chatcmpl-tool-%016x", dice.Uint64())
	}
	return fmt.Sprintf("call_%016x", dice.Uint64())
}

// structured makes the text of an answer whose form the request prescribes, and
// the call that it makes; no text where words will do.
func (cfg *Config) structured(a api, req *request, dice *rand.Rand) (text string, c *call, bad *apiError) {
	if a == apiChat {
		if t := req.called(cfg.Output, dice); t != nil {
			c = &call{callID(cfg.Dialect, dice), t.Function.Name}
			text, bad = fitting("tools", t.Function.Parameters, dice)
			return text, c, bad
		}
	}
	switch f := req.ResponseFormat; f.Type {
	case "json_object":
		text, bad = fitting("response_format", json.RawMessage(anyObject), dice)
	case "json_schema":
		text, bad = fitting("response_format", f.JSONSchema.Schema, dice)
	}
	return text, nil, bad
}

// anyObject is what a server without a schema to follow might say.
const anyObject = `{"type":"object","properties":{"answer":{"type":"string"},"certain":{"type":"boolean"},"sources":{"type":"array","items":{"type":"integer"}}}}`

// fitting makes a JSON text that fits a schema.
func fitting(param string, schema json.RawMessage, dice *rand.Rand) (string, *apiError) {
	text, err := jsonsample.Draw(schema, dice)
	if err != nil {
		return "", invalid(param, "Invalid schema in '%s': %s.", param, err)
	}
	return text, nil
}
