package mockserver

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
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

// number makes a number inside its bounds, and where it can a whole one.
func (g *sampler) number(dst []byte, s map[string]any, integer bool) ([]byte, error) {
	step := decimal(s, "multipleOf", 1)
	if integer {
		step = wholeStep(step)
	}
	if !(step > 0) {
		return nil, fmt.Errorf("this server does not support the multipleOf %v", s["multipleOf"])
	}
	lo, hi := bounds(s, step)
	least, most := math.Ceil(lo/step), math.Floor(hi/step)
	_, stepped := s["multipleOf"]
	switch {
	case most-least >= 0: // and neither of them infinite
		v := (least + float64(g.dice.IntN(int(min(most-least, 999))+1))) * step
		return strconv.AppendFloat(dst, v, 'f', -1, 64), nil
	case !integer && !stepped && lo <= hi:
		return strconv.AppendFloat(dst, lo+(hi-lo)/2, 'f', -1, 64), nil
	}
	return nil, fmt.Errorf("no number lies between %v and %v", lo, hi)
}

// wholeStep is the first whole multiple of a step; 0 where it has none nearby.
func wholeStep(step float64) float64 {
	for k := 1.0; k <= 1000; k++ {
		if v := step * k; v == math.Trunc(v) {
			return v
		}
	}
	return 0
}

// bounds are the least and the greatest value; those that are excluded are moved
// in by a step, or half of what there is.
func bounds(s map[string]any, step float64) (lo, hi float64) {
	lo, hi = decimal(s, "minimum", math.Inf(-1)), decimal(s, "maximum", math.Inf(1))
	above, below := decimal(s, "exclusiveMinimum", math.Inf(-1)), decimal(s, "exclusiveMaximum", math.Inf(1))
	room := min(step, (min(hi, below)-max(lo, above))/4)
	if above >= lo {
		lo = above + room
	}
	if below <= hi {
		hi = below - room
	}
	switch { // an open side ends 100 steps on
	case math.IsInf(lo, 0) && math.IsInf(hi, 0):
		return 0, 100 * step
	case math.IsInf(lo, 0):
		return hi - 100*step, hi
	case math.IsInf(hi, 0):
		return lo, lo + 100*step
	}
	return lo, hi
}

func decimal(s map[string]any, key string, otherwise float64) float64 {
	if n, ok := s[key].(json.Number); ok {
		if v, err := n.Float64(); err == nil {
			return v
		}
	}
	return otherwise
}

// whole reads a count; one that is no count is as if absent.
func whole(s map[string]any, key string, otherwise int) int {
	v := decimal(s, key, float64(otherwise))
	if v < 0 || v > math.MaxInt32 {
		return otherwise
	}
	return int(v)
}
