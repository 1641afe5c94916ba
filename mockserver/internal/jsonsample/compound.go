package jsonsample

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/llmload/llmload/internal/words"
)

const maxSampledText = 10_000 // characters of one string

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

// text makes a string of a few words, or of the form that is asked for.
func (g *sampler) text(s map[string]any) (string, error) {
	least, most := whole(s, "minLength", 0), whole(s, "maxLength", maxSampledText)
	if least > most || least > maxSampledText {
		return "", fmt.Errorf("no string has from %d to %d characters", least, min(most, maxSampledText))
	}
	var text string
	if pattern, ok := s["pattern"].(string); ok {
		var err error
		if text, err = g.matching(pattern); err != nil {
			return "", err
		}
		if n := utf8.RuneCountInString(text); n < least || n > most {
			return "", fmt.Errorf("this server does not support %q with minLength and maxLength", "pattern")
		}
		return text, nil
	}
	if format, ok := s["format"].(string); ok {
		if text = formatted(format); text != "" {
			return text, nil
		}
	}
	text = words.Text(g.dice, 1+g.dice.IntN(3))
	for len(text) < least {
		text += " " + words.Text(g.dice, 1)
	}
	text = text[:min(len(text), most)]
	if cut := strings.TrimRight(text, " "); len(cut) >= least {
		text = cut
	}
	return text, nil
}

// formatted is a string of each format that OpenAI's strict schemas take; empty
// for another, where any string will do.
func formatted(format string) string {
	switch format {
	case "date-time":
		return "2026-01-02T03:04:05Z"
	case "date":
		return "2026-01-02"
	case "time":
		return "03:04:05Z"
	case "duration":
		return "PT1H30M"
	case "email":
		return "someone@example.com"
	case "hostname":
		return "host.example.com"
	case "ipv4":
		return "192.0.2.1"
	case "ipv6":
		return "2001:db8::1"
	case "uuid":
		return "123e4567-e89b-42d3-a456-426614174000"
	case "uri":
		return "https://example.com/"
	}
	return ""
}
