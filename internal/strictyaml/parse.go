package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

// Bounds of a document. A scenario is a few hundred lines; aliases of aliases grow without bound.
const (
	maxBytes = 1 << 20
	maxNodes = 100_000
)

// ReadFile reads a file for Parse, no more of it than tells Parse that it is too large: it may have no end.
func ReadFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

// document is what all nodes of one file share. It does not change after Parse.
type document struct {
	file     string
	lines    []string
	widths   []int // runes in each line
	expanded map[*yaml.Node]expansion
	secrets  map[string]string // values that no message shows, and what it shows instead
	hide     *strings.Replacer // of them, and of values from the environment
}

// Parse reads one YAML document. The file's name is used in errors. env looks up ${NAME} in string scalars ($${ is a
// literal ${); with a nil env they stay as they are. A variable that is not set is reported by Decode, beside the
// file's other mistakes. What Parse itself reports is a syntax error, or a document that is too large, and ends the reading.
// An empty document is the zero Node.
func Parse(file string, src []byte, env func(string) (string, bool)) (Node, error) {
	doc := &document{file: file, hide: strings.NewReplacer()}
	if len(src) > maxBytes {
		return Node{}, doc.errorAt(0, 0, fmt.Sprintf("the file is over %d bytes: split it", maxBytes))
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	doc.lines = splitLines(strings.ToValidUTF8(string(src), string(utf8.RuneError)))
	for _, line := range doc.lines {
		doc.widths = append(doc.widths, utf8.RuneCountInString(line))
	}
	written := slices.Clone(doc.lines)
	doc.hideUnparsed()
	if err := doc.checkText(written, src); err != nil {
		return Node{}, err
	}
	root, err := doc.load(src)
	if err != nil || root == nil {
		return Node{}, err
	}
	doc.hideSecrets(written, root)
	if err := doc.checkSize(root); err != nil {
		return Node{}, err
	}
	if env != nil {
		doc.expand(root, env)
	}
	return doc.node(nil, root), nil
}

// splitLines breaks the text where the YAML reader does, so that its line numbers fit.
func splitLines(text string) []string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(text)
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// checkText refuses what the YAML reader would refuse without saying where: bad UTF-8 and control characters.
func (d *document) checkText(lines []string, src []byte) error {
	for line, text := range lines {
		col := 0
		for _, r := range text {
			col++
			if r < ' ' && r != '\t' || r == 0x7f || r > 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff {
				return d.errorAt(line+1, col, fmt.Sprintf("control character %U: the file must be plain UTF-8 text", r))
			}
			if r == utf8.RuneError && !utf8.Valid(src) {
				return d.errorAt(line+1, col, "not valid UTF-8 text: save the file as UTF-8")
			}
		}
	}
	return nil
}

// load returns the content of the only document, nil when there is none.
func (d *document) load(src []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithUniqueKeys(false))
	if err != nil {
		return nil, d.syntaxError(err)
	}
	var first, second yaml.Node
	if err := loader.Load(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, d.syntaxError(err)
	}
	if err := loader.Load(&second); err == nil {
		return nil, d.errorAt(second.Line, second.Column, "a second document starts here: one file holds one document, remove the ---")
	} else if !errors.Is(err, io.EOF) {
		return nil, d.syntaxError(err)
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

func (d *document) syntaxError(err error) error {
	at, ok := errors.AsType[*yaml.LoadError](err)
	if !ok {
		return d.errorAt(0, 0, err.Error())
	}
	msg := "YAML syntax: " + at.Message
	if at.ContextMsg != "" {
		msg += " " + at.ContextMsg
		if at.ContextMark.Line > 0 && at.ContextMark.Line != at.Mark.Line {
			msg += fmt.Sprintf(" that starts in line %d", at.ContextMark.Line)
		}
	}
	return d.errorAt(at.Mark.Line, at.Mark.Column, msg)
}

// errorAt makes an error at a place, moved into the file where the reader stood behind its end.
func (d *document) errorAt(line, col int, msg string) *Error {
	e := &Error{File: d.file, Msg: d.hide.Replace(msg)}
	if line < 1 || len(d.lines) == 0 {
		return e
	}
	if line > len(d.lines) {
		line, col = len(d.lines), maxBytes
	}
	e.Source = d.lines[line-1]
	e.Line, e.Col = line, min(max(col, 1), d.widths[line-1]+1)
	return e
}

// checkSize counts the nodes that a reader sees when every alias is followed, and refuses cycles, so that whatever walks the tree
// later is bounded.
func (d *document) checkSize(root *yaml.Node) error {
	const inProgress = -1
	sizes := map[*yaml.Node]int{}
	var size func(n *yaml.Node) (int, error)
	size = func(n *yaml.Node) (int, error) {
		if known := sizes[n]; known == inProgress {
			return 0, d.errorAt(n.Line, n.Column, fmt.Sprintf("anchor &%s contains itself", n.Anchor))
		} else if known > 0 {
			return known, nil
		}
		sizes[n] = inProgress
		total := 1
		for _, child := range append(n.Content, aliasOf(n)...) {
			below, err := size(child)
			if err != nil {
				return 0, err
			}
			if total += below; total > maxNodes {
				return 0, d.errorAt(n.Line, n.Column, fmt.Sprintf("more than %d values when aliases are followed", maxNodes))
			}
		}
		sizes[n] = total
		return total, nil
	}
	_, err := size(root)
	return err
}

func aliasOf(n *yaml.Node) []*yaml.Node {
	if n.Alias == nil {
		return nil
	}
	return []*yaml.Node{n.Alias}
}
