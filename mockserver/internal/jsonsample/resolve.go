package jsonsample

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

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
			if schema, err = merge(rest, target); err != nil {
				return nil, err
			}
			continue
		}
		next, done, err := branch(rest, depth)
		if done || err != nil {
			return s, err
		}
		schema = next
	}
	return nil, fmt.Errorf("more than %d references follow one another", maxResolved)
}

// branch takes the next part out of a schema that has some.
func branch(rest map[string]any, depth int) (next any, done bool, err error) {
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
		next, err = merge(rest, list[i])
		return next, false, err
	}
	return nil, true, nil
}

// ends says whether a schema nests no further.
func ends(schema any) bool {
	s, _ := schema.(map[string]any)
	_, ref := s["$ref"]
	return s != nil && !ref && s["type"] != "object" && s["type"] != "array"
}

// merge adds a schema's part to it. Properties and what is required add up; two
// keywords that differ and bear on what is valid are refused.
func merge(s map[string]any, part any) (any, error) {
	more, ok := part.(map[string]any)
	if !ok {
		if part == false {
			return false, nil
		}
		return s, nil
	}
	if shuts(s, more) || shuts(more, s) {
		return nil, errors.New(`this server does not support "additionalProperties": false beside the properties of another part`)
	}
	for key, v := range more {
		have, both := s[key]
		switch list, _ := have.([]any); {
		case !both || reflect.DeepEqual(have, v):
		case key == "properties":
			v = together(have, v)
		case key == "required" || key == "allOf":
			with, _ := v.([]any)
			v = slices.Concat(list, with)
		case !slices.Contains(annotations(), key):
			return nil, fmt.Errorf("this server does not support two %q that differ", key)
		}
		s[key] = v
	}
	return s, nil
}

// annotations are keywords that do not bear on what is valid here.
func annotations() []string {
	return []string{
		"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
		"$id", "$schema", "$comment", "$anchor", "$defs", "definitions",
	}
}

// shuts says whether a part forbids a property that another has.
func shuts(part, other map[string]any) bool {
	own, _ := part["properties"].(map[string]any)
	theirs, _ := other["properties"].(map[string]any)
	if part["additionalProperties"] != false {
		return false
	}
	for name := range theirs {
		if _, ok := own[name]; !ok {
			return true
		}
	}
	return false
}

// together are the properties of two parts; what both name must fit both.
func together(a, b any) any {
	one, _ := a.(map[string]any)
	two, _ := b.(map[string]any)
	out := map[string]any{}
	maps.Copy(out, two)
	for name, v := range one {
		if w, both := two[name]; both && !reflect.DeepEqual(v, w) {
			v = map[string]any{"allOf": []any{v, w}}
		}
		out[name] = v
	}
	return out
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
