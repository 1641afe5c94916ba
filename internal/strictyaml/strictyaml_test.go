package strictyaml_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// scenario has one field of each kind that Decode reads.
type scenario struct {
	Name     string             `yaml:"name"`
	Seed     uint64             `yaml:"seed"`
	Offset   int8               `yaml:"offset"`
	Stream   bool               `yaml:"stream"`
	Weight   float64            `yaml:"weight"`
	Pause    time.Duration      `yaml:"pause"`
	Closed   *closed            `yaml:"closed"`
	Labels   map[string]string  `yaml:"labels"`
	Prices   map[string]float64 `yaml:"prices"`
	Stages   []stage            `yaml:"stages"`
	Mode     mode               `yaml:"mode"`
	Length   length             `yaml:"length"`
	Mock     strictyaml.Node    `yaml:"mock"`
	Extra    any                `yaml:"extra"`
	Hidden   string             `yaml:"-"`
	Deadline `yaml:",inline"`
}

type closed struct {
	Concurrency []int         `yaml:"concurrency"`
	ThinkTime   time.Duration `yaml:"think_time"`
}

type stage struct {
	Name string `yaml:"name"`
}

// Deadline is inlined.
type Deadline struct {
	Timeout time.Duration `yaml:"timeout"`
}

// mode reads and writes itself as text.
type mode struct{ text string }

func (m *mode) UnmarshalText(text []byte) error {
	if s := string(text); s != "exact" && s != "cap" {
		return fmt.Errorf("mode %q: want exact or cap", s)
	}
	m.text = string(text)
	return nil
}

func (m mode) MarshalText() ([]byte, error) { return []byte(m.text), nil }

// length is 512 or {mean: 512, stddev: 64}.
type length struct {
	Mean   int `yaml:"mean"`
	Stddev int `yaml:"stddev,omitempty"`
}

func (l *length) UnmarshalNode(n strictyaml.Node) error {
	if n.Kind() == strictyaml.Scalar {
		return n.Decode(&l.Mean)
	}
	type plain length
	err := n.Decode((*plain)(l))
	if l.Mean == 13 {
		err = strictyaml.Join(err, n.Errorf("mean", "13 is bad luck"))
	}
	if l.Mean == 14 {
		err = strictyaml.Join(err, errors.New("14 is no better"))
	}
	return err
}

func lookup(name string) (string, bool) {
	value, ok := map[string]string{"N": "8", "KEY": `sk-very"secret`, "EMPTY": "", "UNIT": "5s", "LONG": strings.Repeat("s3cret ", 40)}[name]
	return value, ok
}

func decode(t *testing.T, src string) (scenario, error) {
	t.Helper()
	node, err := strictyaml.Parse("s.yaml", []byte(src), lookup)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	var s scenario
	return s, node.Decode(&s)
}

func TestDecodeFillsEveryKindOfField(t *testing.T) {
	tests := map[string]struct {
		src  string
		want scenario
	}{
		"an empty document changes nothing":          {"# nothing\n", scenario{}},
		"a null document changes nothing":            {"---\n", scenario{}},
		"a null value changes nothing":               {"name: ~\nseed:\nclosed:\nmock: null\n", scenario{}},
		"text is text":                               {"name: chat sweep", scenario{Name: "chat sweep"}},
		"a number in a text field is its text":       {"name: 0x10", scenario{Name: "0x10"}},
		"true in a text field is its text":           {"name: true", scenario{Name: "true"}},
		"quotes may stand around a number":           {`seed: "42"`, scenario{Seed: 42}},
		"underscores and hexadecimal":                {"seed: 0xff_ff\noffset: -1", scenario{Seed: 65535, Offset: -1}},
		"a duration has a unit":                      {"pause: 1m30s", scenario{Pause: 90 * time.Second}},
		"a zero duration needs none":                 {"pause: 0", scenario{}},
		"a number in a float field":                  {"weight: 1e-3", scenario{Weight: 0.001}},
		"a scalar is a list of one":                  {"closed: {concurrency: 4}", scenario{Closed: &closed{Concurrency: []int{4}}}},
		"a list in block style":                      {"closed:\n  concurrency:\n  - 1\n  - 2\n", scenario{Closed: &closed{Concurrency: []int{1, 2}}}},
		"maps":                                       {"labels: {a: 1, b: x y}\nprices: {in: .5}", scenario{Labels: map[string]string{"a": "1", "b": "x y"}, Prices: map[string]float64{"in": .5}}},
		"a list of mappings":                         {"stages: [{name: a}, {name: b}]", scenario{Stages: []stage{{"a"}, {"b"}}}},
		"an inlined field":                           {"timeout: 5s", scenario{Deadline: Deadline{5 * time.Second}}},
		"a type that reads text":                     {"mode: exact", scenario{Mode: mode{"exact"}}},
		"a type that reads a number":                 {"length: 512", scenario{Length: length{Mean: 512}}},
		"a type that reads a mapping":                {"length: {mean: 512, stddev: 64}", scenario{Length: length{512, 64}}},
		"an alias stands for what it names":          {"labels: &l {a: x}\nextra: *l", scenario{Labels: map[string]string{"a": "x"}, Extra: map[string]any{"a": "x"}}},
		"own keys win over merged ones":              {"extra: [&x {a: 1, b: 2}, {<<: *x, a: 3}]", scenario{Extra: []any{map[string]any{"a": 1, "b": 2}, map[string]any{"a": 3, "b": 2}}}},
		"of several merged mappings the first wins":  {"extra: {<<: [{a: 1}, {a: 2, b: 2}]}", scenario{Extra: map[string]any{"a": 1, "b": 2}}},
		"any takes what the YAML says":               {"extra: [1, 1.5, true, x, '1', null, 2020-01-01, 18446744073709551615]", scenario{Extra: []any{1, 1.5, true, "x", "1", nil, "2020-01-01", uint64(18446744073709551615)}}},
		"variables are replaced in text":             {`name: "Bearer ${KEY}!"`, scenario{Name: `Bearer sk-very"secret!`}},
		"a variable may hold a number or a duration": {"seed: ${N}\npause: ${UNIT}", scenario{Seed: 8, Pause: 5 * time.Second}},
		"a variable may be empty":                    {"name: a${EMPTY}b", scenario{Name: "ab"}},
		"two dollars are a literal":                  {"name: $${N} $N ${N}", scenario{Name: "${N} $N 8"}},
		"Windows line ends and a byte order mark":    {"\ufeffname: a\r\nseed: 1\r\n", scenario{Name: "a", Seed: 1}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := decode(t, test.src)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestDecodeReportsEveryMistakeAtItsPlace(t *testing.T) {
	for name, test := range mistakes {
		t.Run(name, func(t *testing.T) {
			_, err := decode(t, test.src)
			if got := fmt.Sprint(err); got != strings.Trim(test.want, "\n") {
				t.Errorf("got:\n%s\nwant:\n%s", got, strings.Trim(test.want, "\n"))
			}
		})
	}
}

func TestDecodeFillsWhatCouldBeRead(t *testing.T) {
	got, err := decode(t, "name: kept\nseed: -1\npause: 5s\nclosed: {concurrency: [1, x, 3]}\n")
	if err == nil {
		t.Fatal("no error for seed: -1")
	}
	if got.Name != "kept" || got.Pause != 5*time.Second || !reflect.DeepEqual(got.Closed.Concurrency, []int{1, 0, 3}) {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeNeedsAPointer(t *testing.T) {
	if err := (strictyaml.Node{}).Decode(scenario{}); err == nil {
		t.Error("no error for a value that cannot be filled")
	}
}

func TestAbsentNodeDecodesToNothing(t *testing.T) {
	s := scenario{Name: "before"}
	if err := (strictyaml.Node{}).Decode(&s); err != nil || s.Name != "before" {
		t.Errorf("got %v, %+v", err, s)
	}
}

func TestInlineMapTakesTheOtherKeys(t *testing.T) {
	node, err := strictyaml.Parse("s.yaml", []byte("name: x\nother: 1\nmore: 2\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Name string         `yaml:"name"`
		Rest map[string]int `yaml:",inline"`
	}
	if err := node.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "x" || !reflect.DeepEqual(got.Rest, map[string]int{"other": 1, "more": 2}) {
		t.Errorf("got %+v", got)
	}
	text, err := strictyaml.Marshal(got)
	if want := "name: x\nmore: 2\nother: 1\n"; err != nil || string(text) != want {
		t.Errorf("Marshal gives %q, %v, want %q", text, err, want)
	}
}

// TestManyMistakesInOneLongLine takes minutes if the cost of a mistake grows with the length of its line.
func TestManyMistakesInOneLongLine(t *testing.T) {
	const count = 40_000
	src := "{" + strings.Repeat("nam: 1,nmae: 2,", count/2) + "}"
	_, err := decode(t, src)
	found, _ := errors.AsType[strictyaml.Errors](err)
	if len(found) < count {
		t.Errorf("%d mistakes found in %d keys", len(found), count)
	}
	if text := found.Error(); !strings.HasSuffix(text, fmt.Sprintf("and %d more mistakes", len(found)-100)) {
		t.Errorf("the text ends in %q", text[len(text)-100:])
	}
}
