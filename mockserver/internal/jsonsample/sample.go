// Package jsonsample makes JSON texts that fit a JSON schema, as a language model
// does whose decoding is constrained by one.
//
// Goals: what comes out is valid, and equal dice make equal texts; a schema that
// is not honoured in full is refused with the reason, never half obeyed; time
// and memory are bounded whatever the schema.
//
// Non-goals: validation; texts that are likely, or that cover a schema; drafts
// before 2020-12, and references out of the schema.
package jsonsample

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
)

const (
	maxSampled  = 2000 // values in one text
	maxNested   = 64   // levels of one value
	deepNested  = 4    // levels from which on only what is required is written
	maxResolved = 64   // references that may follow one another
)

// A sampler makes one value.
type sampler struct {
	root any
	dice *rand.Rand
	left int // values that may still be made
}

// Draw makes a text that fits a schema of draft 2020-12, as far as servers of
// language models take it; without a schema it is {}. A space stands behind every
// colon and comma, as models write it, so that the text is several words. The
// error says what about the schema is not supported, or that nothing fits it.
func Draw(schema json.RawMessage, dice *rand.Rand) (string, error) {
	var root any = map[string]any{}
	if len(schema) > 0 {
		dec := json.NewDecoder(bytes.NewReader(schema))
		dec.UseNumber() // a const comes out as it went in
		if err := dec.Decode(&root); err != nil {
			return "", err
		}
	}
	g := &sampler{root, dice, maxSampled}
	out, err := g.value(nil, root, 0)
	return string(out), err
}

// unsupported are keywords that bear on what is valid and that nothing here
// honours.
func unsupported() []string {
	return []string{
		"not", "if", "contains", "propertyNames", "patternProperties", "minProperties", "maxProperties",
		"dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$recursiveRef",
	}
}

func (g *sampler) value(dst []byte, schema any, depth int) ([]byte, error) {
	if g.left--; g.left < 0 {
		return nil, fmt.Errorf("it asks for more than %d values", maxSampled)
	}
	if depth > maxNested {
		return nil, fmt.Errorf("it requires more than %d levels", maxNested)
	}
	s, err := g.resolve(schema, depth)
	if err != nil {
		return nil, err
	}
	for _, key := range unsupported() {
		if _, there := s[key]; there {
			return nil, fmt.Errorf("this server does not support %q", key)
		}
	}
	if v, ok := s["const"]; ok {
		return appendJSON(dst, v), nil
	}
	if list, ok := s["enum"].([]any); ok {
		if len(list) == 0 {
			return nil, errors.New("nothing fits an empty enum")
		}
		return appendJSON(dst, list[g.dice.IntN(len(list))]), nil
	}
	switch typ := typeOf(s, depth); typ {
	case "object":
		return g.object(dst, s, depth)
	case "array":
		return g.array(dst, s, depth)
	case "string":
		text, err := g.text(s)
		return appendJSON(dst, text), err
	case "integer", "number":
		return g.number(dst, s, typ == "integer")
	case "boolean":
		return fmt.Appendf(dst, "%t", g.dice.IntN(2) == 0), nil
	case "null":
		return append(dst, "null"...), nil
	default:
		return nil, fmt.Errorf("%q is not a type", typ)
	}
}

func appendJSON(dst []byte, v any) []byte {
	text, _ := json.Marshal(v) // decoded from JSON: cannot fail
	return append(dst, text...)
}

// typeOf is the type to make: of several the first, deep down the first that
// ends there.
func typeOf(s map[string]any, depth int) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if name, ok := one.(string); ok && (depth < deepNested || name != "object" && name != "array") {
				return name
			}
		}
		if name, ok := first(t).(string); ok {
			return name
		}
	}
	for _, hint := range [][2]string{
		{"properties", "object"},
		{"required", "object"},
		{"items", "array"},
		{"prefixItems", "array"},
		{"minItems", "array"},
		{"pattern", "string"},
		{"format", "string"},
		{"minLength", "string"},
		{"maxLength", "string"},
		{"minimum", "number"},
		{"maximum", "number"},
		{"multipleOf", "number"},
	} {
		if _, ok := s[hint[0]]; ok {
			return hint[1]
		}
	}
	return "object" // {} fits whatever is not said
}

func first(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}
