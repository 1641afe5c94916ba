package ci

import (
	"io"
	"strings"
	"unicode"

	"golang.org/x/perf/benchfmt"

	"github.com/llmload/llmload/results"
)

// WriteBenchfmt writes runs in the Go benchmark format (https://golang.org/design/14313-benchmark-format), a line a stage.
// Repeats of a stage, c=8#2, are lines of one name, which benchstat takes for samples of one benchmark. The iterations are
// the requests issued; what has no value is left out.
func WriteBenchfmt(out io.Writer, runs ...*results.Summary) error {
	w := benchfmt.NewWriter(out)
	said := map[string]bool{}
	for _, s := range runs {
		for i := range s.Stages {
			res := benchLine(s, &s.Stages[i])
			for _, u := range directions(&s.Stages[i]) {
				if said[u.OrigUnit] {
					continue
				}
				said[u.OrigUnit] = true
				if err := w.Write(u); err != nil {
					return err
				}
			}
			if err := w.Write(res); err != nil {
				return err
			}
		}
	}
	return nil
}

func benchLine(s *results.Summary, stage *results.StageSummary) *benchfmt.Result {
	name, _ := results.Repeat(stage.Name)
	res := &benchfmt.Result{
		Config: []benchfmt.Config{
			config("llmload", s.Run.ToolVersion), config("model", s.Target.Model), config("goos", s.Environment.OS),
			config("goarch", s.Environment.Arch), config("cpu", s.Environment.CPU),
		},
		Name: benchfmt.Name(exported(s.Run.Name) + "/" + word(name)), Iters: int(max(stage.Requests.Issued, 1)),
	}
	if !s.Valid { // another configuration, which benchstat keeps apart
		res.Config = append(res.Config, config("invalid", "true"))
	}
	for _, f := range figuresOf(stage) {
		unit, _ := f.info.Unit.Scale()
		value := f.value
		if unit == "ms" {
			unit, value = "ns", f.value*1e6 // the unit that benchstat scales
		}
		res.Values = append(res.Values, benchfmt.Value{Value: value, Unit: benchUnit(f, unit)})
	}
	return res
}

func config(key, value string) benchfmt.Config {
	return benchfmt.Config{Key: key, Value: []byte(flat(value)), File: true}
}

// benchUnit names a figure in the place of a unit, as ttft-p50-ns: benchstat keeps units apart, and knows the last part.
func benchUnit(f figure, unit string) string {
	name := strings.ReplaceAll(f.name(), " ", "-")
	if unit == "ns" {
		return name + "-ns"
	}
	return name
}

// directions tells benchstat which way is an improvement.
func directions(s *results.StageSummary) (list []*benchfmt.UnitMetadata) {
	for _, f := range figuresOf(s) {
		unit, _ := f.info.Unit.Scale()
		better := "lower"
		if f.info.HigherIsBetter {
			better = "higher"
		}
		if unit == "ms" {
			unit = "ns"
		}
		u := &benchfmt.UnitMetadata{OrigUnit: benchUnit(f, unit), Value: better}
		u.Key = "better"
		list = append(list, u)
	}
	return list
}

// word is a text without blanks, which end a name.
func word(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, flat(s))
}

// exported begins a name as the format wants it: not with a lower-case letter.
func exported(s string) string {
	if s = word(s); s == "" {
		return "Run"
	}
	r := []rune(s)
	if up := unicode.ToUpper(r[0]); up != r[0] || !unicode.IsLower(r[0]) {
		return string(up) + string(r[1:])
	}
	return "X" + s
}
