package mockserver

import (
	"errors"
	"fmt"
	"maps"
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
