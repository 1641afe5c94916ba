package mockserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

const (
	maxSampled  = 2000 // values in one text
	maxNested   = 64   // levels of one value
	deepNested  = 4    // levels from which on only what is required is written
	maxResolved = 64   // references that may follow one another
)

// A sampler makes one JSON value that fits a schema: draft 2020-12 as far as
// servers of language models take it. What it cannot honour it refuses.
type sampler struct {
	root any
	dice *rand.Rand
	left int // values that may still be made
}

// sampleJSON makes a text that fits a schema; without a schema it is {}. A space
// stands behind every colon and comma, as models write it, so that the text is
// several tokens.
func sampleJSON(schema json.RawMessage, dice *rand.Rand) (string, error) {
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
	if list, ok := s["enum"].([]any); ok && len(list) > 0 {
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

// resolve gives a schema as one object: references followed, the parts of allOf
// put together, of anyOf and oneOf one taken.
func (g *sampler) resolve(schema any, depth int) (map[string]any, error) {
	for range maxResolved {
		s, ok := schema.(map[string]any)
		switch {
		case schema == false:
			return nil, errors.New("nothing fits false")
		case !ok:
			return map[string]any{}, nil
		}
		rest := maps.Clone(s)
		if ref, ok := s["$ref"].(string); ok {
			target, err := g.find(ref)
			if err != nil {
				return nil, err
			}
			delete(rest, "$ref")
			schema = merge(rest, target)
			continue
		}
		next, done := branch(rest, depth)
		if done {
			return s, nil
		}
		schema = next
	}
	return nil, fmt.Errorf("more than %d references follow one another", maxResolved)
}

// branch takes the next part out of a schema that has some.
func branch(rest map[string]any, depth int) (next any, done bool) {
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		list, ok := rest[key].([]any)
		if !ok || len(list) == 0 {
			continue
		}
		i := 0
		if key != "allOf" && depth >= deepNested {
			i = max(slices.IndexFunc(list, ends), 0)
		}
		delete(rest, key)
		if key == "allOf" && len(list) > 1 {
			rest[key] = list[1:]
		}
		return merge(rest, list[i]), false
	}
	return nil, true
}

// ends says whether a schema nests no further.
func ends(schema any) bool {
	s, _ := schema.(map[string]any)
	_, ref := s["$ref"]
	return s != nil && !ref && s["type"] != "object" && s["type"] != "array"
}

// merge adds a schema's part to it; properties and what is required add up.
func merge(s map[string]any, part any) any {
	more, ok := part.(map[string]any)
	if !ok {
		if part == false {
			return false
		}
		return s
	}
	for key, v := range more {
		switch have := s[key].(type) {
		case map[string]any:
			if with, ok := v.(map[string]any); ok && key == "properties" {
				both := maps.Clone(have)
				maps.Copy(both, with)
				v = both
			}
		case []any:
			if with, ok := v.([]any); ok && (key == "required" || key == "allOf") {
				v = slices.Concat(have, with)
			}
		}
		s[key] = v
	}
	return s
}

// find follows a reference inside the schema, such as #/$defs/step.
func (g *sampler) find(ref string) (any, error) {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, fmt.Errorf("%q is not inside the schema", ref)
	}
	at := g.root
	for _, step := range strings.Split(strings.Trim(path, "/"), "/") {
		if step == "" {
			continue
		}
		m, _ := at.(map[string]any)
		if at, ok = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]; !ok {
			return nil, fmt.Errorf("%q leads to nothing", ref)
		}
	}
	return at, nil
}
