package strictyaml_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/strictyaml"
)

const tree = `# a comment
name: ${KEY}
load: &load
  closed:
    concurrency: [1, 2, 4]
    think_time: 0s
set: {engine.c0: 12ms}
again:
  <<: *load
  open: {rate: 5/s}
empty:
`

func parseTree(t *testing.T) strictyaml.Node {
	t.Helper()
	node, err := strictyaml.Parse("t.yaml", []byte(tree), lookup)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func TestGetFollowsAPath(t *testing.T) {
	tests := map[string]struct {
		path string
		kind strictyaml.Kind
		text string
	}{
		"the node itself":                 {"", strictyaml.Mapping, ""},
		"a key":                           {"load", strictyaml.Mapping, ""},
		"keys below keys":                 {"load.closed.think_time", strictyaml.Scalar, "0s"},
		"a list":                          {"load.closed.concurrency", strictyaml.Sequence, ""},
		"an item of a list":               {"load.closed.concurrency[2]", strictyaml.Scalar, "4"},
		"a scalar is its own first item":  {"load.closed.think_time[0]", strictyaml.Scalar, "0s"},
		"a key with a dot":                {"set[engine.c0]", strictyaml.Scalar, "12ms"},
		"a merged key":                    {"again.closed.concurrency[0]", strictyaml.Scalar, "1"},
		"a null is a scalar without text": {"empty", strictyaml.Scalar, ""},
		"text with variables replaced":    {"name", strictyaml.Scalar, `sk-very"secret`},
		"no such key":                     {"load.open", strictyaml.Absent, ""},
		"an item behind the last":         {"load.closed.concurrency[3]", strictyaml.Absent, ""},
		"a negative item":                 {"load.closed.concurrency[-1]", strictyaml.Absent, ""},
		"a key below a scalar":            {"name.first", strictyaml.Absent, ""},
		"a bracket that is not closed":    {"load[", strictyaml.Absent, ""},
	}
	root := parseTree(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := root.Get(test.path)
			if got.Kind() != test.kind || got.Text() != test.text || got.IsZero() != (test.kind == strictyaml.Absent) {
				t.Errorf("Get(%q) is %v with text %q, want %v with %q", test.path, got.Kind(), got.Text(), test.kind, test.text)
			}
		})
	}
}

func TestErrorfPointsAtTheNearestPlaceThatExists(t *testing.T) {
	tests := map[string]struct{ path, place string }{
		"a value":                            {"load.closed.think_time", "t.yaml:6:17"},
		"an item":                            {"load.closed.concurrency[1]", "t.yaml:5:22"},
		"a block: its key":                   {"load.closed", "t.yaml:4:3"},
		"a key that is missing: its parent":  {"load.closed.requests", "t.yaml:4:3"},
		"a path that is missing: what is":    {"load.open.rate[3]", "t.yaml:3:7"},
		"nothing of it exists: the document": {"zzz", "t.yaml:2:1"},
		"an empty value":                     {"empty", "t.yaml:11:7"},
	}
	root := parseTree(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := root.Errorf(test.path, "wrong: %d", 1)
			if got := fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Col); got != test.place || e.Msg != "wrong: 1" {
				t.Errorf("at %s with %q, want %s", got, e.Msg, test.place)
			}
			if e.Source != strings.Split(tree, "\n")[e.Line-1] {
				t.Errorf("the line is %q", e.Source)
			}
		})
	}
	if e := (strictyaml.Node{}).Errorf("a", "no place"); e.Error() != "no place" {
		t.Errorf("an absent node's error reads %q", e)
	}
}

func TestErrorfKeepsSecretsOut(t *testing.T) {
	root := parseTree(t)
	key := root.Get("name").Text()
	if e := root.Errorf("name", "bad %s and %q", key, key); e.Msg != `bad ${KEY} and "${KEY}"` {
		t.Errorf("the message reads %s", e.Msg)
	}
}

func TestKeysAndItemsInFileOrder(t *testing.T) {
	root := parseTree(t)
	if got := root.Get("again").Keys(); !slices.Equal(got, []string{"open", "closed"}) {
		t.Errorf("keys are %v", got)
	}
	for path, want := range map[string]int{"load.closed.concurrency": 3, "name": 1, "load": 0, "empty": 0, "zzz": 0} {
		if got := len(root.Get(path).Items()); got != want {
			t.Errorf("%s has %d items, want %d", path, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"run", "report", "compare", "capacity", "first_token_timeout", "a_b_c_d"}
	tests := map[string]string{
		"rum": "run", "urn": "run", "a-b-c-d": "a_b_c_d", "rap": "", "reprot": "report", "Compare": "compare", "first-token-timeout": "first_token_timeout",
		"": "", "xyz": "", "bench": "", strings.Repeat("r", 100): "",
	}
	for word, want := range tests {
		if got := strictyaml.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) is %q, want %q", word, got, want)
		}
	}
}
