package strictyaml

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	yaml "go.yaml.in/yaml/v4"
)

func scalarNode(tag, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

// encode turns a Go value into the node that is written for it.
func encode(v reflect.Value) (*yaml.Node, error) {
	if !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		return scalarNode("!!null", "null"), nil
	}
	switch self := v.Interface().(type) {
	case Node:
		if self.IsZero() {
			return scalarNode("!!null", "null"), nil
		}
		return self.copy(), nil
	case time.Duration:
		return scalarNode("!!str", self.String()), nil
	}
	if marshaler, ok := textMarshaler(v); ok {
		text, err := marshaler.MarshalText()
		if err != nil {
			return nil, err
		}
		return encodeText(string(text))
	}
	return encodeKind(v)
}

// textMarshaler finds MarshalText on the value or on a pointer to it.
func textMarshaler(v reflect.Value) (encoding.TextMarshaler, bool) {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		return m, true
	}
	pointer := reflect.New(v.Type())
	pointer.Elem().Set(v)
	m, ok := pointer.Interface().(encoding.TextMarshaler)
	return m, ok
}

func encodeKind(v reflect.Value) (*yaml.Node, error) {
	switch kind := v.Kind(); {
	case kind == reflect.Pointer || kind == reflect.Interface:
		return encode(v.Elem())
	case kind == reflect.Struct:
		return encodeStruct(v)
	case kind == reflect.Map && v.Type().Key().Kind() == reflect.String:
		return encodeMap(v)
	case kind == reflect.Slice:
		return encodeSlice(v)
	case kind == reflect.String:
		return encodeText(v.String())
	case kind == reflect.Bool:
		return scalarNode("!!bool", strconv.FormatBool(v.Bool())), nil
	case v.CanInt():
		return scalarNode("!!int", strconv.FormatInt(v.Int(), 10)), nil
	case v.CanUint():
		return scalarNode("!!int", strconv.FormatUint(v.Uint(), 10)), nil
	case v.CanFloat():
		return encodeFloat(v.Float(), v.Type().Bits())
	}
	return nil, fmt.Errorf("cannot write a %s", v.Type())
}

func encodeText(text string) (*yaml.Node, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("cannot write %q: not valid UTF-8", clip(text))
	}
	node := scalarNode("!!str", text)
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '\u0085' || r == '\u2028' || r == '\u2029' }) {
		// Block styles lose some breaks and leading blanks; quotes keep every character.
		node.Style = yaml.DoubleQuotedStyle
	}
	return node, nil
}

func encodeFloat(f float64, bits int) (*yaml.Node, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("cannot write %v: not a finite number", f)
	}
	text := strconv.FormatFloat(f, 'g', -1, bits)
	if !strings.ContainsAny(text, ".e") {
		return scalarNode("!!int", text), nil
	}
	return scalarNode("!!float", text), nil
}

func encodeSlice(v reflect.Value) (*yaml.Node, error) {
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for i := range v.Len() {
		item, err := encode(v.Index(i))
		if err != nil {
			return nil, err
		}
		if item.Kind != yaml.ScalarNode {
			out.Style = 0 // only a list of scalars reads well in one line
		}
		out.Content = append(out.Content, item)
	}
	return out, nil
}

func encodeMap(v reflect.Value) (*yaml.Node, error) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, key := range keys {
		if err := appendEntry(out, key.String(), v.MapIndex(key)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func encodeStruct(v reflect.Value) (*yaml.Node, error) {
	out := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	fields, rest := fieldsOf(v)
	for _, f := range fields {
		if f.omitEmpty && isEmpty(f.value) {
			continue
		}
		if err := appendEntry(out, f.name, f.value); err != nil {
			return nil, err
		}
	}
	if !rest.IsValid() {
		return out, nil
	}
	more, err := encodeMap(rest)
	if err != nil {
		return nil, err
	}
	out.Content = append(out.Content, more.Content...)
	return out, nil
}

func appendEntry(out *yaml.Node, key string, value reflect.Value) error {
	name, err := encodeText(key)
	if err != nil {
		return err
	}
	node, err := encode(value)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	out.Content = append(out.Content, name, node)
	return nil
}

// isEmpty says what omitempty leaves out: the zero value, an empty list or map, and what calls itself zero.
func isEmpty(v reflect.Value) bool {
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Map {
		return v.Len() == 0
	}
	if self, ok := v.Interface().(interface{ IsZero() bool }); ok && v.Kind() != reflect.Pointer {
		return self.IsZero()
	}
	return v.IsZero()
}
