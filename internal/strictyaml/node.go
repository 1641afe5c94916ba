package strictyaml

import (
	"fmt"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// Kind says what a Node holds.
type Kind int

// The kinds of a Node. A null is a Scalar without text.
const (
	Absent Kind = iota
	Scalar
	Mapping
	Sequence
)

// String names the kind for people.
func (k Kind) String() string {
	return [...]string{"nothing", "a single value", "a mapping", "a list"}[k]
}

// Node is a place in a document: a subtree and where it was written. The zero value is an absent place: it holds
// nothing, decodes to nothing, and its errors have no position.
type Node struct {
	doc       *document
	node      *yaml.Node // never an alias
	line, col int
}

// pair is an entry of a mapping. at is where its key stands.
type pair struct {
	key   string
	at    *yaml.Node
	value *yaml.Node
}

// node makes the Node of a value. Errors about a value that starts on a later line than its key point at the key.
func (d *document) node(key, value *yaml.Node) Node {
	at := value
	if key != nil && key.Line != value.Line {
		at = key
	}
	n := Node{doc: d, node: value, line: at.Line, col: at.Column}
	for n.node.Kind == yaml.AliasNode {
		n.node = n.node.Alias
	}
	return n
}

// IsZero reports whether the place is absent.
func (n Node) IsZero() bool { return n.node == nil }

// Kind says what the node holds.
func (n Node) Kind() Kind {
	switch {
	case n.IsZero():
		return Absent
	case n.node.Kind == yaml.MappingNode:
		return Mapping
	case n.node.Kind == yaml.SequenceNode:
		return Sequence
	}
	return Scalar
}

// Text is a scalar's text, with ${NAME} replaced; "" for null and for all else. A text whose variable is not set stays as written.
func (n Node) Text() string {
	if n.Kind() != Scalar || n.isNull() {
		return ""
	}
	if e, ok := n.doc.expanded[n.node]; ok {
		return e.text
	}
	return n.node.Value
}

func (n Node) isNull() bool {
	return n.Kind() == Scalar && n.node.ShortTag() == "!!null"
}

// Items are the items of a list; a scalar is a list of one; anything else has none.
func (n Node) Items() []Node {
	switch {
	case n.Kind() == Scalar && !n.isNull():
		return []Node{n}
	case n.Kind() != Sequence:
		return nil
	}
	items := make([]Node, len(n.node.Content))
	for i, c := range n.node.Content {
		items[i] = n.doc.node(nil, c)
	}
	return items
}

// Keys are the keys of a mapping in file order, each once, those that come from a merge (<<) last.
func (n Node) Keys() []string {
	pairs, _ := n.pairs()
	keys := make([]string, len(pairs))
	for i, p := range pairs {
		keys[i] = p.key
	}
	return keys
}

// Get returns the node at a path below n, like "load.closed.concurrency[2]" or "set[engine.c0]" for a key with a dot,
// and the zero Node when there is none. A scalar is its own item [0].
func (n Node) Get(path string) Node {
	found, rest := n.walk(path)
	if rest != "" {
		return Node{}
	}
	return found
}

// Errorf makes an error at the place of a path below n; where that does not exist, at its nearest parent that does.
func (n Node) Errorf(path, format string, args ...any) *Error {
	msg := fmt.Sprintf(format, args...)
	if n.IsZero() {
		return &Error{Msg: msg}
	}
	at, _ := n.walk(path)
	return at.doc.errorAt(at.line, at.col, msg)
}

// walk follows the path as far as it exists and returns what is left of it.
func (n Node) walk(path string) (found Node, rest string) {
	for path != "" {
		step, after := nextStep(path)
		child := n.child(step)
		if child.IsZero() {
			return n, path
		}
		n, path = child, after
	}
	return n, ""
}

// nextStep cuts the first key or [index] off a path.
func nextStep(path string) (step, rest string) {
	if path[0] == '[' {
		step, rest, _ = strings.Cut(path[1:], "]")
	} else {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		step, rest = path[:end], path[end:]
	}
	return step, strings.TrimPrefix(rest, ".")
}

func (n Node) child(step string) Node {
	if n.Kind() == Mapping {
		pairs, _ := n.pairs()
		for _, p := range pairs {
			if p.key == step {
				return n.doc.node(p.at, p.value)
			}
		}
		return Node{}
	}
	items := n.Items()
	if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(items) {
		return items[i]
	}
	return Node{}
}
