package strictyaml

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
)

// Unmarshaler is a type that reads itself, such as one that is a number or a mapping. It is not called for null.
// What it returns is merged with the file's other errors.
type Unmarshaler interface {
	UnmarshalNode(n Node) error
}

// Decode fills the value that v points to, by the rules of the package comment. It goes on after a mistake and returns
// all of them as Errors, or nil. What could be read is filled in either way. An absent node changes nothing.
func (n Node) Decode(v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("strictyaml: Decode needs a pointer, not %T", v)
	}
	var d decoder
	d.value(n, target.Elem())
	return d.errs.orNil()
}

type decoder struct{ errs Errors }

func (d *decoder) fail(n Node, format string, args ...any) {
	d.errs = append(d.errs, n.Errorf("", format, args...))
}

func (d *decoder) value(n Node, v reflect.Value) {
	switch {
	case n.IsZero() || n.isNull():
		return
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem())
		return
	case v.Type() == reflect.TypeFor[Node]():
		v.Set(reflect.ValueOf(n))
		return
	case !d.allowed(n):
		return
	}
	if !d.byItself(n, v) {
		d.byKind(n, v)
	}
}

// allowed reports tags that mean nothing here and variables that are not set.
func (d *decoder) allowed(n Node) bool {
	switch tag := n.node.ShortTag(); tag {
	case "", "!!str", "!!int", "!!float", "!!bool", "!!timestamp", "!!map", "!!seq", "!!merge":
	default:
		d.fail(n, "tag %s is not supported: remove it", clip(tag))
		return false
	}
	if problem := n.doc.expanded[n.node].problem; problem != "" {
		d.fail(n, "%s", problem)
		return false
	}
	return true
}

// byItself decodes into types that read themselves.
func (d *decoder) byItself(n Node, v reflect.Value) bool {
	if !v.CanAddr() || !v.Addr().CanInterface() {
		return false
	}
	switch self := v.Addr().Interface().(type) {
	case Unmarshaler:
		d.merge(n, self.UnmarshalNode(n))
		return true
	case encoding.TextUnmarshaler:
		if d.scalar(n, "a single value") {
			d.merge(n, self.UnmarshalText([]byte(n.Text())))
		}
		return true
	}
	return false
}

// merge adds the errors of a type that read itself; one without a place gets the node's.
func (d *decoder) merge(n Node, err error) {
	for _, e := range appendError(nil, err) {
		if e.Line == 0 && e.File == "" {
			e = n.Errorf("", "%s", e.Msg)
		}
		d.errs = append(d.errs, e)
	}
}

func (d *decoder) byKind(n Node, v reflect.Value) {
	switch kind := v.Kind(); {
	case kind == reflect.Struct:
		d.structure(n, v)
	case kind == reflect.Map && v.Type().Key().Kind() == reflect.String:
		d.mapping(n, v)
	case kind == reflect.Slice:
		d.slice(n, v)
	case kind == reflect.Interface && v.NumMethod() == 0:
		if value, ok := d.anything(n); ok {
			v.Set(reflect.ValueOf(value))
		}
	default:
		d.scalarInto(n, v)
	}
}

func (d *decoder) slice(n Node, v reflect.Value) {
	if n.Kind() == Mapping {
		d.fail(n, "want a list, found a mapping: start each item with a dash")
		return
	}
	items := n.Items()
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		if item.isNull() && !canBeNil(v.Type().Elem()) {
			d.fail(item, "empty list item: write a value or remove it")
		}
		d.value(item, out.Index(i))
	}
	v.Set(out)
}

// canBeNil tells types in which a null item differs from a zero that nobody wrote.
func canBeNil(t reflect.Type) bool {
	return t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface
}

func (d *decoder) mapping(n Node, v reflect.Value) {
	entries, ok := d.entries(n)
	if !ok {
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMapWithSize(v.Type(), len(entries)))
	}
	for _, e := range entries {
		d.entry(n.doc.node(e.at, e.value), e.key, v)
	}
}

// entry decodes one value of a map.
func (d *decoder) entry(n Node, key string, v reflect.Value) {
	value := reflect.New(v.Type().Elem()).Elem()
	d.value(n, value)
	v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), value)
}

func (d *decoder) entries(n Node) ([]pair, bool) {
	if n.Kind() != Mapping {
		d.fail(n, "want a mapping (key: value), found %s", n.describe())
		return nil, false
	}
	entries, errs := n.pairs()
	d.errs = append(d.errs, errs...)
	return entries, true
}

// anything decodes to string, bool, int, uint64, float64, []any or map[string]any.
func (d *decoder) anything(n Node) (any, bool) {
	switch n.Kind() {
	case Mapping:
		var out map[string]any
		d.mapping(n, reflect.ValueOf(&out).Elem())
		return out, true
	case Sequence:
		var out []any
		d.slice(n, reflect.ValueOf(&out).Elem())
		return out, true
	}
	return d.plain(n)
}

// describe names what is there, for messages: kinds, and the text of scalars.
func (n Node) describe() string {
	if n.Kind() == Scalar {
		return fmt.Sprintf("%q", clip(n.doc.hide.Replace(n.Text())))
	}
	return n.Kind().String()
}

// clip shortens a text from the file for a message.
func clip(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return strings.TrimSpace(string(runes[:most])) + "..."
	}
	return s
}
