package ci

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Escapes of workflow commands (actions/toolkit, packages/core/src/command.ts).
var (
	inMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	inProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// WriteAnnotations writes a GitHub workflow command for each case that did not pass: an error where it failed, a warning
// where it is undecided.
func WriteAnnotations(w io.Writer, cases []Case) error {
	for _, c := range cases {
		level, verdict := "warning", "undecided"
		switch c.Verdict {
		case results.Pass:
			continue
		case results.Fail:
			level, verdict = "error", "failed"
		}
		_, err := fmt.Fprintf(w, "::%s title=%s::%s\n", level, inProperty.Replace("llmload: "+c.title()), inMessage.Replace(fmt.Sprintf("%s: %s", verdict, c.Text)))
		if err != nil {
			return err
		}
	}
	return nil
}

// entry is one line of github-action-benchmark's customSmallerIsBetter and customBiggerIsBetter.
type entry struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	Range string  `json:"range,omitempty"`
	Extra string  `json:"extra,omitempty"`
}

// WriteActionBenchmark writes the figures of one direction as github-action-benchmark reads them: a tool
// customBiggerIsBetter or customSmallerIsBetter each. What has no value is left out, for a chart has no place for it, and so is
// an invalid run.
func WriteActionBenchmark(w io.Writer, biggerIsBetter bool, runs ...*results.Summary) error {
	list := []entry{}
	for _, s := range runs {
		for i := range s.Stages {
			if s.Valid {
				list = append(list, entriesOf(s, &s.Stages[i], biggerIsBetter)...)
			}
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}

func entriesOf(s *results.Summary, stage *results.StageSummary, biggerIsBetter bool) (list []entry) {
	for _, f := range figuresOf(stage) {
		if f.info.HigherIsBetter != biggerIsBetter {
			continue
		}
		unit, _ := f.info.Unit.Scale()
		e := entry{Name: flat(fmt.Sprintf("%s: %s", stage.Name, f.name())), Unit: unit, Value: f.value, Extra: flat(s.Run.ID)}
		if ci, ok := f.interval(stage); ok {
			e.Range = fmt.Sprintf("%.4g to %.4g", ci[0], ci[1])
		}
		list = append(list, e)
	}
	return list
}

// figure is one value of a stage.
type figure struct {
	info  metric.Info
	stat  string
	value float64
}

func (f figure) name() string {
	if f.stat == "" {
		return string(f.info.Name)
	}
	return string(f.info.Name) + " " + f.stat
}

func (f figure) interval(s *results.StageSummary) ([2]float64, bool) {
	m := s.Metrics[f.info.Name]
	if m == nil || f.stat == "" {
		return [2]float64{}, false
	}
	ci, ok := m.CI[f.stat]
	return ci, ok
}

// figuresOf are the values that a stage has, of all that is kept: quantiles that the sample resolves, and rates. The waits
// before the wire are the tool's own and tell nothing of the server.
func figuresOf(s *results.StageSummary) (list []figure) {
	for _, info := range metric.All() {
		stats := []string{""}
		switch {
		case info.Name == metric.DispatchDelay || info.Name == metric.QueueDelay:
			continue
		case info.Distribution:
			stats = []string{"p50", "p90", "p99"}
		}
		for _, stat := range stats {
			if v, state, _ := s.Figure(info.Name, stat, nil); state == results.Value {
				list = append(list, figure{info, stat, v})
			}
		}
	}
	return list
}
