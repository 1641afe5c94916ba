package mockserver

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/strictyaml"
)

// notLive are the parts of a config that a running server keeps, and why.
var notLive = []struct {
	path, reason string
	of           func(*Config) any
}{
	{"seed", "answers and draws of requests under way come from it: start a server with another seed", func(c *Config) any { return c.Seed }},
	{"preset", "it filled engine when the config was read: change the values of engine", func(c *Config) any { return c.Preset }},
	{"engine.model", "sequences under way belong to the engine: start a server with another model", func(c *Config) any { return c.Engine.Model }},
	{"truth", "the file is open: start a server with another ledger", func(c *Config) any { return c.Truth }},
	{"phases", "they are laid out when the server starts: change what they would change", func(c *Config) any { return c.Phases }},
}

// patched is the config with changes, resolved and checked. The changes are a
// mapping from paths such as engine.c0 to values as a config file has them; a
// path to a part as a whole, such as engine, changes the keys that it has.
// Every mistake is reported at once. The config itself stays as it is.
func (c *Config) patched(set strictyaml.Node) (*Config, error) {
	values := map[string]strictyaml.Node{}
	err := set.Decode(&values)
	before := *c
	before.Phases = nil // they do not change, and each phase is checked in this way
	out := before.clone()
	out.Phases = c.Phases
	if out.Engine.MaxQueue == noQueue {
		out.Engine.MaxQueue = 0 // as it is written
	}
	for _, path := range set.Keys() {
		if value, ok := values[path]; ok {
			err = strictyaml.Join(err, out.setPath(set, path, value))
		}
	}
	out = out.resolved()
	err = strictyaml.Join(err, out.Engine.idleIn(set))
	after := out
	after.Phases = nil
	known := before.problems() // said already, where they stand
	for _, p := range after.problems() {
		if !slices.Contains(known, p) {
			err = strictyaml.Join(err, placed(set, p))
		}
	}
	for _, fixed := range notLive {
		if !same(fixed.of(c), fixed.of(&out)) {
			err = strictyaml.Join(err, placed(set, problem{fixed.path, "cannot be changed while the server runs: " + fixed.reason}))
		}
	}
	return &out, err
}

// setPath reads one value of a patch into the field that it is for.
func (c *Config) setPath(set strictyaml.Node, path string, value strictyaml.Node) error {
	at, parent := reflect.ValueOf(c).Elem(), ""
	for key := range strings.SplitSeq(path, ".") {
		if at.Kind() == reflect.Pointer {
			if at.IsNil() {
				at.Set(reflect.New(at.Type().Elem()))
			}
			at = at.Elem()
		}
		fields := fieldsOf(at)
		next, ok := fields[key]
		if !ok {
			return set.Errorf("["+path+"]", "unknown key %q: %s", path, advice(parent, key, fields))
		}
		at, parent = next, parent+key+"."
	}
	switch {
	case value.IsZero():
		return set.Errorf("["+path+"]", "%s: write a value", path)
	case isSecret(path) && value.Text() == redacted:
		return value.Errorf("", "%s was withheld: leave it out, or write the key itself", path)
	}
	return value.Decode(at.Addr().Interface())
}

// fieldsOf are the fields of a struct by their keys; anything else has none.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	if v.Kind() != reflect.Struct {
		return fields
	}
	for i := range v.NumField() {
		if key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ","); key != "" && key != "-" {
			fields[key] = v.Field(i)
		}
	}
	return fields
}

func advice(parent, key string, fields map[string]reflect.Value) string {
	if len(fields) == 0 {
		return fmt.Sprintf("write %s as a whole", strings.TrimSuffix(parent, "."))
	}
	known := slices.Sorted(maps.Keys(fields))
	if near := strictyaml.Nearest(key, known); near != "" {
		return fmt.Sprintf("did you mean %q?", parent+near)
	}
	return "the keys here are " + parent + strings.Join(known, ", "+parent)
}

// placed is a problem at the change that made it: the path itself, one above
// it or one below it.
func placed(set strictyaml.Node, p problem) error {
	at := ""
	for _, key := range set.Keys() {
		rest, below := strings.CutPrefix(p.path, key)
		switch {
		case below && (rest == "" || rest[0] == '.' || rest[0] == '['):
			at = "[" + key + "]" + rest
		case at == "" && strings.HasPrefix(key, p.path+"."):
			at = "[" + key + "]"
		}
	}
	return set.Errorf(at, "%s: %s", p.path, p.msg)
}

func isSecret(path string) bool { return path == "api_key" }

// same says whether two parts of a config mean the same.
func same(a, b any) bool {
	return reflect.DeepEqual(a, b) || reflect.DeepEqual(clone(reflect.ValueOf(a)).Interface(), clone(reflect.ValueOf(b)).Interface())
}

// clone copies a config with all that it points to, so that what is read into
// the copy changes nothing of one that requests hold. An empty list becomes none.
func (c Config) clone() Config { return clone(reflect.ValueOf(c)).Interface().(Config) }

func clone(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(clone(v.Field(i)))
			}
		}
	case v.Kind() == reflect.Slice:
		out.Set(reflect.Zero(v.Type()))
		if v.Len() > 0 {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		}
		for i := range v.Len() {
			out.Index(i).Set(clone(v.Index(i)))
		}
	case v.Kind() == reflect.Map:
		out.Set(reflect.Zero(v.Type()))
		if v.Len() > 0 {
			out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		}
		for _, key := range v.MapKeys() {
			out.SetMapIndex(key, clone(v.MapIndex(key)))
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		out.Set(reflect.New(v.Type().Elem()))
		out.Elem().Set(clone(v.Elem()))
	case v.Kind() == reflect.Interface && !v.IsNil():
		out.Set(clone(v.Elem()))
	}
	return out
}
