package strictyaml

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// expansion is a scalar's text with ${NAME} replaced, or why that failed.
type expansion struct {
	text    string
	problem string
}

// The lengths from which a text is taken out of whatever is shown, here and wherever secrets are looked for. Shorter ones
// hide nothing and would turn up inside ordinary words.
const (
	MinSecret = 4 // of what is secret by its place: a key, a password, a variable's value, an address's query
	MinValue  = 8 // of the values of headers and of fields of a query, most of which are settings
)

// expand fills d.expanded for every string scalar below root that names a variable, and d.hide with their values.
func (d *document) expand(root *yaml.Node, env func(string) (string, bool)) {
	d.expanded = map[*yaml.Node]expansion{}
	values := maps.Clone(d.secrets)
	var walk func(n *yaml.Node, isKey bool)
	walk = func(n *yaml.Node, isKey bool) {
		if n.Kind == yaml.ScalarNode && !isKey && n.ShortTag() == "!!str" && strings.Contains(n.Value, "${") {
			d.expanded[n] = expandText(n.Value, env, values)
		}
		for i, child := range n.Content {
			walk(child, n.Kind == yaml.MappingNode && i%2 == 0)
		}
	}
	walk(root, false)
	d.hide = replacer(values)
}

// expandText replaces each ${NAME} of text and notes the values that it used.
func expandText(text string, env func(string) (string, bool), values map[string]string) expansion {
	var out strings.Builder
	for rest := text; ; {
		at := strings.Index(rest, "${")
		if at < 0 {
			out.WriteString(rest)
			return expansion{text: out.String()}
		}
		if at > 0 && rest[at-1] == '$' {
			out.WriteString(rest[:at-1] + "${")
			rest = rest[at+2:]
			continue
		}
		name, after, closed := strings.Cut(rest[at+2:], "}")
		if !closed || !isName(name) {
			return expansion{text: text, problem: "bad ${...}: write ${NAME} for a variable of the environment, $${ for a literal ${"}
		}
		value, ok := env(name)
		if !ok {
			return expansion{text: text, problem: fmt.Sprintf("environment variable %s is not set: export it, or write $${ for a literal ${", name)}
		}
		values[value] = "${" + name + "}"
		out.WriteString(rest[:at] + value)
		rest = after
	}
}

func isName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// replacer turns values, plain or quoted, into what is shown of them; the longest goes first.
func replacer(values map[string]string) *strings.Replacer {
	longestFirst := make([]string, 0, len(values))
	for value := range values {
		if len(value) >= MinSecret {
			longestFirst = append(longestFirst, value)
		}
	}
	slices.SortFunc(longestFirst, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	var pairs []string
	for _, value := range longestFirst {
		pairs = append(pairs, value, values[value])
		if quoted := strings.Trim(strconv.Quote(value), `"`); quoted != value {
			pairs = append(pairs, quoted, values[value])
		}
	}
	return strings.NewReplacer(pairs...)
}
