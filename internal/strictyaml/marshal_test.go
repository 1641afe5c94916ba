package strictyaml_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

func TestYAMLWritesTheSubtreeWithoutSecrets(t *testing.T) {
	root := parseTree(t)
	tests := map[string]struct{ path, want string }{
		"a variable stays a variable":      {"name", "${KEY}\n"},
		"merges are written out":           {"again", "open: {rate: 5/s}\nclosed:\n  concurrency: [1, 2, 4]\n  think_time: 0s\n"},
		"a flow mapping stays one":         {"set", "{engine.c0: 12ms}\n"},
		"what is absent is nothing at all": {"zzz", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := root.Get(test.path).YAML()
			if err != nil || string(got) != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
	whole, err := root.YAML()
	if err != nil || strings.Contains(string(whole), "secret") {
		t.Errorf("the document is written as %s, %v", whole, err)
	}
}

func TestMarshalWritesWhatPeopleWouldWrite(t *testing.T) {
	node := parseTree(t).Get("again")
	value := struct {
		Name    string             `yaml:"name"`
		Quoted  string             `yaml:"quoted"`
		Lines   string             `yaml:"lines"`
		Pause   time.Duration      `yaml:"pause"`
		Rates   []float64          `yaml:"rates"`
		Mode    mode               `yaml:"mode"`
		Labels  map[string]string  `yaml:"labels"`
		Missing *int               `yaml:"missing,omitempty"`
		Gone    length             `yaml:"gone,omitempty"`
		Never   time.Duration      `yaml:"never,omitempty"`
		Zero    *time.Duration     `yaml:"zero"`
		None    map[string]float64 `yaml:"none,omitempty"`
		Node    strictyaml.Node    `yaml:"node"`
		NoNode  strictyaml.Node    `yaml:"no_node,omitempty"`
		Inline  Deadline           `yaml:",inline"`
		hidden  int
	}{
		Name: "chat", Quoted: "8", Lines: "a\nb\n", Pause: 500 * time.Millisecond, Rates: []float64{5, .5, 1e21},
		Mode: mode{"cap"}, Labels: map[string]string{"b": "true", "a": "~"}, Node: node, hidden: 1,
	}
	want := `name: chat
quoted: '8'
lines: "a\nb\n"
pause: 500ms
rates: [5, 0.5, 1e+21]
mode: cap
labels:
  a: '~'
  b: 'true'
zero: null
node:
  open: {rate: 5/s}
  closed:
    concurrency: [1, 2, 4]
    think_time: 0s
timeout: 0s
`
	got, err := strictyaml.Marshal(value)
	if err != nil || string(got) != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

func TestMarshalRefusesWhatYAMLCannotHold(t *testing.T) {
	for name, v := range map[string]any{
		"not a number": math.NaN(), "infinity": []float64{math.Inf(1)}, "bytes that are no text": "\xff", "a channel": make(chan int),
	} {
		if text, err := strictyaml.Marshal(v); err == nil {
			t.Errorf("%s is written as %q", name, text)
		}
	}
}

func TestMarshalParseDecodeRoundTrip(t *testing.T) {
	want := scenario{
		Name: "a: b # c", Seed: math.MaxUint64, Offset: -128, Stream: true, Weight: 0.1, Pause: 90 * time.Second,
		Closed: &closed{Concurrency: []int{1, 2}, ThinkTime: time.Microsecond},
		Labels: map[string]string{"": "", "<<": "x", "null": "no", "é": " lead", "tab": "a\tb\r\n"},
		Prices: map[string]float64{"in": 1e-9}, Stages: []stage{{"c=*"}, {"- x"}}, Mode: mode{"exact"}, Length: length{512, 64},
		Extra: map[string]any{"i": 1, "s": "1", "f": 1.5, "b": true, "l": []any{"x", nil}, "d": "2020-01-01"}, Deadline: Deadline{time.Hour},
	}
	text, err := strictyaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(t, string(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v\nfrom\n%s", got, want, text)
	}
	again, err := strictyaml.Marshal(got)
	if err != nil || string(again) != string(text) {
		t.Errorf("written again it differs: %v\n%s", err, again)
	}
}
