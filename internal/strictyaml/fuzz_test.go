package strictyaml_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/llmload/llmload/internal/strictyaml"
)

// FuzzParse holds that no document makes the package panic, that every error stands inside its file, and that what is
// written again reads as the same.
func FuzzParse(f *testing.F) {
	f.Add(tree)
	f.Add(bomb())
	for _, m := range mistakes {
		f.Add(m.src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		node, err := strictyaml.Parse("f.yaml", []byte(src), lookup)
		checkPlaces(t, src, err)
		if err != nil {
			return
		}
		var s scenario
		checkPlaces(t, src, node.Decode(&s))
		var v any
		err = node.Decode(&v)
		checkPlaces(t, src, err)
		if err == nil {
			checkRewrite(t, node)
		}
	})
}

func checkPlaces(t *testing.T, src string, err error) {
	t.Helper()
	count := 1 + strings.Count(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n").Replace(src), "\n")
	for _, e := range placed(err) {
		if e.Line < 1 || e.Line > count || e.Col < 1 || e.Col > utf8.RuneCountInString(e.Source)+1 {
			t.Errorf("%d:%d is outside of a file of %d lines: %s", e.Line, e.Col, count, e)
		}
		if !utf8.ValidString(e.Error()) {
			t.Errorf("the message is not UTF-8: %q", e.Error())
		}
	}
}

func placed(err error) []*strictyaml.Error {
	if list, ok := errors.AsType[strictyaml.Errors](err); ok {
		return list
	}
	if one, ok := errors.AsType[*strictyaml.Error](err); ok {
		return []*strictyaml.Error{one}
	}
	return nil
}

func checkRewrite(t *testing.T, node strictyaml.Node) {
	t.Helper()
	var before, after any
	text, err := node.YAML()
	if err != nil {
		t.Fatal(err)
	}
	again, err := strictyaml.Parse("again.yaml", text, lookup)
	if err == nil {
		err = again.Decode(&after)
	}
	if err != nil {
		t.Fatalf("%v in what was written:\n%s", err, text)
	}
	if node.Decode(&before); !reflect.DeepEqual(before, after) {
		t.Errorf("got  %#v\nwant %#v\nfrom\n%s", after, before, text)
	}
}

// FuzzMarshalText holds that every text survives Marshal and Parse, as a value and as a key.
func FuzzMarshalText(f *testing.F) {
	for _, s := range []string{"", " a ", "8", "true", "~", "a\n b\n", "\r\u0085\u2028", "#", "- x", "'\"", "<<", "\x00\x1b", "\ufeff", "!x", "*a", "2020-01-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || len(s) > 500 {
			t.Skip()
		}
		want := map[string]string{s: s}
		text, err := strictyaml.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		node, err := strictyaml.Parse("f.yaml", text, nil)
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		got := map[string]string{}
		if err := node.Decode(&got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %q, %v, want %q from %q", got, err, want, text)
		}
	})
}
