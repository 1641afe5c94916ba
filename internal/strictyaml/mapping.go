package strictyaml

import (
	"fmt"

	yaml "go.yaml.in/yaml/v4"
)

// pairs returns the entries of a mapping in file order, each key once: its own, then those of merges (<<) that it does not set itself.
// The errors are duplicate keys, keys that are not text, and merges of something else than a mapping.
func (n Node) pairs() ([]pair, Errors) {
	if n.Kind() != Mapping {
		return nil, nil
	}
	m := merger{doc: n.doc, first: map[string]*yaml.Node{}}
	m.own(n.node)
	m.inherit(n.node)
	return m.pairs, m.errs
}

type merger struct {
	doc   *document
	pairs []pair
	first map[string]*yaml.Node
	errs  Errors
}

func (m *merger) fail(at *yaml.Node, format string, args ...any) {
	m.errs = append(m.errs, m.doc.errorAt(at.Line, at.Column, fmt.Sprintf(format, args...)))
}

func (m *merger) own(mapping *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := resolve(mapping.Content[i]), mapping.Content[i+1]
		switch before := m.first[key.Value]; {
		case isMerge(key):
		case key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null":
			m.fail(mapping.Content[i], "a key must be text, in quotes if need be")
		case before != nil:
			m.fail(mapping.Content[i], "duplicate key %q, first written in line %d: remove one of them", clip(key.Value), before.Line)
		default:
			m.first[key.Value] = key
			m.pairs = append(m.pairs, pair{key.Value, mapping.Content[i], value})
		}
	}
}

// inherit adds what << brings; of several merged mappings the first that sets a key wins.
func (m *merger) inherit(mapping *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if !isMerge(mapping.Content[i]) {
			continue
		}
		source := resolve(mapping.Content[i+1])
		if source.Kind != yaml.SequenceNode {
			m.add(mapping.Content[i+1], source)
			continue
		}
		for _, one := range source.Content {
			m.add(one, resolve(one))
		}
	}
}

func (m *merger) add(at, source *yaml.Node) {
	if source.Kind != yaml.MappingNode {
		m.fail(at, "<< merges a mapping, like << : *name, or a list of them")
		return
	}
	inherited, _ := m.doc.node(nil, source).pairs()
	for _, p := range inherited {
		if m.first[p.key] == nil {
			m.first[p.key] = p.at
			m.pairs = append(m.pairs, p)
		}
	}
}

func isMerge(key *yaml.Node) bool { return key.ShortTag() == "!!merge" }

func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}
