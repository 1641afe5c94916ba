package mockserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A valueError is a value of a request that has the right type and no meaning.
type valueError struct{ param, msg string }

func (e *valueError) Error() string { return e.msg }

// wrongType is the error of a value that reads itself; encoding/json adds the
// path at which it stood.
func wrongType[T any](src []byte) error {
	return &json.UnmarshalTypeError{Value: jsonKind(src), Type: reflect.TypeFor[T]()}
}

func jsonKind(src []byte) string {
	switch src = bytes.TrimSpace(src); {
	case len(src) == 0:
		return "nothing"
	case src[0] == '"':
		return "string"
	case src[0] == '[':
		return "array"
	case src[0] == '{':
		return "object"
	case src[0] == 't', src[0] == 'f':
		return "bool"
	case src[0] == 'n':
		return "null"
	}
	return "number"
}

// expected is how OpenAI's messages name a type.
func expected(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[promptList]():
		return "a string, token ids, or an array of strings or of lists of token ids"
	case reflect.TypeFor[stringList]():
		return "a string or an array of strings"
	case reflect.TypeFor[parts]():
		return "a string or an array of parts"
	case reflect.TypeFor[toolChoice]():
		return `"none", "auto", "required", or an object that names a function`
	}
	switch t.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Float64:
		return "a decimal"
	case reflect.Slice:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return expected(t.Elem())
	}
	return "an integer"
}

// article names what came; encoding/json appends the digits of a number that
// does not fit.
func article(kind string) string {
	switch kind {
	case "array", "object":
		return "an " + kind
	case "bool":
		return "a boolean"
	case "null", "nothing":
		return kind
	}
	return "a " + kind
}

// A stringList is one string or several; nil when the key was absent or null.
type stringList []string

func (l *stringList) UnmarshalJSON(src []byte) error {
	switch jsonKind(src) {
	case "null":
		return nil
	case "string":
		*l = stringList{""}
		return json.Unmarshal(src, &(*l)[0])
	}
	if json.Unmarshal(src, (*[]string)(l)) != nil {
		return wrongType[stringList](src)
	}
	return nil
}

// A promptList is one prompt or several, each a text or a list of token ids; nil
// when the key was absent or null. Ids become the words that they stand for, so
// that a prompt is the same however it is written.
type promptList []string

func (l *promptList) UnmarshalJSON(src []byte) error {
	switch inner := jsonKind(bytes.TrimPrefix(bytes.TrimSpace(src), []byte("["))); {
	case jsonKind(src) == "null":
		return nil
	case string(bytes.Trim(src, "[] \t\r\n")) == "":
		return nil // an empty list: no prompt
	case jsonKind(src) != "array", inner == "string":
		return asPrompts[stringList](src, (*stringList)(l))
	case inner == "number":
		var ids tokenIDs
		err := asPrompts[tokenIDs](src, &ids)
		*l = promptList{ids.text()}
		return err
	case inner == "array":
		var lists []tokenIDs
		err := asPrompts[[]tokenIDs](src, &lists)
		for _, ids := range lists {
			*l = append(*l, ids.text())
		}
		return err
	}
	return wrongType[promptList](src)
}

// asPrompts reads one of the forms of a prompt; a mistake in it is one of the
// whole.
func asPrompts[T any](src []byte, v *T) error {
	err := json.Unmarshal(src, v)
	var typ *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &typ) && typ.Value == outside:
		return &json.UnmarshalTypeError{Value: outside, Type: reflect.TypeFor[promptList]()}
	}
	return wrongType[promptList](src)
}

// partTypes are OpenAI's, and vLLM's two more.
var partTypes = []string{"text", "image_url", "input_audio", "file", "refusal", "audio_url", "video_url"}

// A parts is the texts of a message: one string or a list of parts.
type parts []string

func (c *parts) UnmarshalJSON(src []byte) error {
	switch jsonKind(src) {
	case "null":
		return nil
	case "string":
		*c = parts{""}
		return json.Unmarshal(src, &(*c)[0])
	}
	var list []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(src, &list) != nil {
		return wrongType[parts](src)
	}
	for _, p := range list {
		if !slices.Contains(partTypes, p.Type) {
			return &valueError{"messages.content", fmt.Sprintf("a part of type %q; write one of %s", p.Type, strings.Join(partTypes, ", "))}
		}
		*c = append(*c, p.Text) // parts that are not text count no tokens
	}
	return nil
}

// A toolChoice is how a request steers tool calls.
type toolChoice struct {
	mode string // "" (not given) | none | auto | required | function
	name string // of the function
}

func (c *toolChoice) UnmarshalJSON(src []byte) error {
	switch jsonKind(src) {
	case "null":
		return nil
	case "string":
		if err := json.Unmarshal(src, &c.mode); err != nil {
			return err
		}
		if c.mode != "none" && c.mode != "auto" && c.mode != "required" {
			return &valueError{"tool_choice", fmt.Sprintf("%q; write none, auto, required, or an object that names a function", c.mode)}
		}
		return nil
	}
	var in struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	if json.Unmarshal(src, &in) != nil {
		return wrongType[toolChoice](src)
	}
	if in.Function.Name == "" || strings.Trim(in.Type, " ") != "function" && in.Type != "" {
		return &valueError{"tool_choice", `an object must be {"type": "function", "function": {"name": "..."}}`}
	}
	c.mode, c.name = "function", in.Function.Name
	return nil
}
