package jsonsample

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

func (g *sampler) object(dst []byte, s map[string]any, depth int) ([]byte, error) {
	properties, _ := s["properties"].(map[string]any)
	names := required(s)
	if depth < deepNested {
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			if !slices.Contains(names, name) && properties[name] != false {
				names = append(names, name)
			}
		}
	}
	dst = append(dst, '{')
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(appendJSON(dst, name), ": "...)
		schema, known := properties[name]
		if !known {
			schema = s["additionalProperties"]
		}
		var err error
		if dst, err = g.value(dst, schema, depth+1); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// required are the names that an object must have, each once.
func required(s map[string]any) (names []string) {
	list, _ := s["required"].([]any)
	for _, v := range list {
		if name, ok := v.(string); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (g *sampler) array(dst []byte, s map[string]any, depth int) ([]byte, error) {
	least, most := whole(s, "minItems", 0), whole(s, "maxItems", math.MaxInt32)
	if _, ok := s["items"].([]any); ok {
		return nil, errors.New("this server does not support a list as items: write prefixItems")
	}
	if least > most {
		return nil, fmt.Errorf("no list has from %d to %d items", least, most)
	}
	n := least
	if depth < deepNested && s["items"] != false {
		n = min(max(least, 1+g.dice.IntN(3)), most)
	}
	if n > maxSampled {
		return nil, fmt.Errorf("it asks for more than %d values", maxSampled)
	}
	prefix, _ := s["prefixItems"].([]any)
	if s["items"] == false {
		n = max(least, min(len(prefix), most))
	}
	seen := map[string]bool{}
	dst = append(dst, '[')
	for i := 0; i < n; {
		item := s["items"]
		if i < len(prefix) {
			item = prefix[i]
		}
		text, err := g.value(nil, item, depth+1)
		if err != nil {
			return nil, err
		}
		if s["uniqueItems"] == true && seen[string(text)] {
			if i >= least {
				break // one less will do
			}
			continue // the budget of values ends this
		}
		seen[string(text)] = true
		if i++; i > 1 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, text...)
	}
	return append(dst, ']'), nil
}
