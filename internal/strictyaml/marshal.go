package strictyaml

import (
	"bytes"
	"fmt"
	"reflect"

	yaml "go.yaml.in/yaml/v4"
)

// Marshal writes v as YAML that Parse and Decode read back: fields in declaration order, map keys sorted, durations as
// text such as 500ms, types with MarshalText as their text, a Node as it stands in its file. The same value gives the
// same bytes. A text that holds ${ is written as it is, and so is expanded by a Parse that has an environment.
func Marshal(v any) ([]byte, error) {
	node, err := encode(reflect.ValueOf(v))
	if err != nil {
		return nil, fmt.Errorf("strictyaml: %w", err)
	}
	return write(node)
}

// MarshalRedacted is Marshal with [redacted] in place of secrets, as in Node.Redacted.
func MarshalRedacted(v any) ([]byte, error) {
	node, err := encode(reflect.ValueOf(v))
	if err != nil {
		return nil, fmt.Errorf("strictyaml: %w", err)
	}
	redact(node, false)
	return write(node)
}

// YAML writes the subtree again, aliases and merges resolved, comments dropped and ${NAME} left unexpanded, so that no
// secret gets into a file. An absent node writes nothing.
func (n Node) YAML() ([]byte, error) {
	if n.IsZero() {
		return nil, nil
	}
	return write(n.copy())
}

// Redacted is the subtree as it may be shown: aliases and merges resolved, ${NAME} unexpanded, and [redacted] in place of what its
// key says is secret, such as api_key, unless that is a ${NAME} alone.
func (n Node) Redacted() Node {
	if n.IsZero() {
		return n
	}
	out := Node{doc: n.doc, node: n.copy(), line: n.line, col: n.col}
	redact(out.node, false)
	return out
}

func redact(n *yaml.Node, secret bool) {
	if secret && n.Kind == yaml.ScalarNode && variable.ReplaceAllString(n.Value, "") != "" {
		n.Tag, n.Style, n.Value = "!!str", 0, redacted
	}
	for i, child := range n.Content {
		redact(child, secret || n.Kind == yaml.MappingNode && i%2 == 1 && isSecret(n.Content[i-1].Value))
	}
}

func write(node *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	dumper, err := yaml.NewDumper(&out, yaml.WithIndent(2), yaml.WithLineWidth(-1))
	if err != nil {
		return nil, fmt.Errorf("strictyaml: %w", err)
	}
	if err := dumper.Dump(node); err != nil {
		return nil, fmt.Errorf("strictyaml: %w", err)
	}
	if err := dumper.Close(); err != nil {
		return nil, fmt.Errorf("strictyaml: %w", err)
	}
	return out.Bytes(), nil
}

// copy returns the subtree without aliases, merges and comments. Parse has bounded its size.
func (n Node) copy() *yaml.Node {
	if n.isNull() {
		return scalarNode("!!null", "null")
	}
	out := &yaml.Node{Kind: n.node.Kind, Style: n.node.Style, Tag: n.node.Tag, Value: n.node.Value}
	switch n.Kind() {
	case Mapping:
		pairs, _ := n.pairs()
		for _, p := range pairs {
			out.Content = append(out.Content, n.doc.node(nil, p.at).copy(), n.doc.node(nil, p.value).copy())
		}
	case Sequence:
		for _, item := range n.Items() {
			out.Content = append(out.Content, item.copy())
		}
	}
	return out
}
