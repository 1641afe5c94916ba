//go:build unix

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
)

// [!] json FILE FIELD [VALUE]: the file is one JSON document and nothing else; the field, such as stages.0.name, is there
// and, with a value, equals it. Strings stand without quotes. FILE may be stdout, FIELD may be . for the whole.
func jsonIs(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: [!] json FILE FIELD [VALUE]")
	}
	got := field(ts, document(ts, args[0]), args[1])
	holds := got != missing
	if len(args) == 3 {
		holds = show(got) == args[2]
	}
	if holds == neg {
		ts.Fatalf("%s: %s is %.1000s", args[0], args[1], show(got))
	}
}

// jsonenv VAR FILE FIELD: sets VAR to a field of a JSON document.
func jsonEnv(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: jsonenv VAR FILE FIELD")
	}
	ts.Setenv(args[0], show(field(ts, document(ts, args[1]), args[2])))
}

func document(ts *testscript.TestScript, file string) any {
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	dec.UseNumber()
	var doc any
	ts.Check(dec.Decode(&doc))
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		ts.Fatalf("%s: more follows the JSON document", file)
	}
	return doc
}

// missing is the value of a field that is not there, which differs from null.
var missing any = struct{}{}

func field(ts *testscript.TestScript, doc any, path string) any {
	if path == "." {
		return doc
	}
	for name := range strings.SplitSeq(path, ".") {
		switch v := doc.(type) {
		case map[string]any:
			inner, ok := v[name]
			if !ok {
				return missing
			}
			doc = inner
		case []any:
			doc = element(ts, v, name)
		default:
			return missing
		}
	}
	return doc
}

// element is a list's element by its number, or its length, whose name is len.
func element(ts *testscript.TestScript, list []any, name string) any {
	if name == "len" {
		return len(list)
	}
	i, err := strconv.Atoi(name)
	ts.Check(err)
	if i >= len(list) {
		return missing
	}
	return list[i]
}

func show(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case struct{}:
		return "not there"
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// plainText unpacks what zstd packed, as far as it goes; other text stays as it is.
func plainText(text []byte) []byte {
	r, err := zstd.NewReader(bytes.NewReader(text))
	if err != nil {
		return text
	}
	defer r.Close()
	plain, _ := io.ReadAll(r) // a file that a kill cut short still tells most
	if len(plain) == 0 {
		return text
	}
	return plain
}
