package strictyaml

import (
	"reflect"
	"slices"
	"strings"
)

// field is a struct field as YAML sees it.
type field struct {
	name      string
	value     reflect.Value
	omitEmpty bool
}

// fieldsOf lists the fields of a struct in declaration order, inlined structs in place, and the inlined map if there is one.
func fieldsOf(v reflect.Value) (fields []field, rest reflect.Value) {
	for i := range v.NumField() {
		def := v.Type().Field(i)
		name, options, _ := strings.Cut(def.Tag.Get("yaml"), ",")
		if !def.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = strings.ToLower(def.Name)
		}
		has := strings.Split(options, ",")
		switch inline := slices.Contains(has, "inline"); {
		case inline && def.Type.Kind() == reflect.Struct:
			below, restBelow := fieldsOf(v.Field(i))
			fields = append(fields, below...)
			if restBelow.IsValid() {
				rest = restBelow
			}
		case inline && def.Type.Kind() == reflect.Map:
			rest = v.Field(i)
		default:
			fields = append(fields, field{name, v.Field(i), slices.Contains(has, "omitempty")})
		}
	}
	return fields, rest
}

func (d *decoder) structure(n Node, v reflect.Value) {
	entries, ok := d.entries(n)
	if !ok {
		return
	}
	fields, rest := fieldsOf(v)
	if rest.IsValid() && rest.IsNil() {
		rest.Set(reflect.MakeMap(rest.Type()))
	}
	for _, e := range entries {
		value := n.doc.node(e.at, e.value)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == e.key })
		switch {
		case i >= 0:
			d.value(value, fields[i].value)
		case rest.IsValid():
			d.entry(value, e.key, rest)
		default:
			d.unknownKey(n.doc.node(nil, e.at), e.key, fields)
		}
	}
}

func (d *decoder) unknownKey(at Node, key string, fields []field) {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.name
	}
	if near := Nearest(key, known); near != "" {
		d.fail(at, "unknown key %q, did you mean %q?", clip(key), near)
		return
	}
	d.fail(at, "unknown key %q: the keys here are %s", clip(key), strings.Join(known, ", "))
}
