package report

import (
	"fmt"
	"image/color"
	"strings"

	"github.com/llmload/llmload/results"
)

// kind is outcomes that share a colour, the same in every plot.
type kind struct {
	name  string
	color color.Color
	holds func(results.Outcome) bool
}

// kinds from left to right in a bar. The last takes what a newer version may name.
var kinds = [...]kind{
	{"ok", green3, among(results.OK)},
	{"rate limited", yellow, among(results.RateLimited)},
	{"HTTP 4xx", orange, func(o results.Outcome) bool { return strings.HasPrefix(string(o), "http_4") }},
	{"HTTP 5xx", vermillion, func(o results.Outcome) bool { return strings.HasPrefix(string(o), "http_5") }},
	{"timed out", blue, func(o results.Outcome) bool { return strings.HasPrefix(string(o), "timeout") }},
	{"connection", purple, among(results.Refused, results.Reset, results.TLS, results.DNS)},
	{"broken answer", black, among(results.Truncated, results.Malformed, results.StreamError, results.ContentType, results.TooLarge)},
	{"dropped", sky, among(results.Dropped)},
	{"cancelled", grey, among(results.Cancelled)},
	{"other", color.NRGBA{0x80, 0x60, 0x40, 0xFF}, func(results.Outcome) bool { return true }},
}

func among(names ...results.Outcome) func(results.Outcome) bool {
	return func(o results.Outcome) bool {
		for _, name := range names {
			if o == name {
				return true
			}
		}
		return false
	}
}

func kindOf(o results.Outcome) int {
	for i, k := range kinds {
		if k.holds(o) {
			return i
		}
	}
	return len(kinds) - 1
}

// maxBars is how many stages one plot of outcomes holds.
const maxBars = 60

// outcomeBars draws how the requests of each stage ended, as shares of those issued.
func outcomeBars(runs []Run) figure {
	p := &panel{X: axis{Label: "% of issued requests", At: []float64{0, 20, 40, 60, 80, 100}}}
	f := figure{Name: "outcomes", Title: "Outcomes by stage", Panels: [][]*panel{{p}}}
	var seen [len(kinds)]bool
	stages := 0
	for i, r := range runs {
		for s := range r.Summary.Stages {
			b, counts := outcomeBar(&r.Summary.Stages[s])
			if b.Parts == nil {
				continue
			}
			if stages++; stages > maxBars {
				continue
			}
			b.Name = runPrefix(runs, i) + b.Name
			p.Bars = append(p.Bars, b)
			p.Y.Names = append(p.Y.Names, b.Name)
			for k := range counts {
				seen[k] = seen[k] || counts[k] > 0
			}
		}
	}
	if stages > maxBars {
		f.Note = fmt.Sprintf("the first %d of %d stages", maxBars, stages)
	}
	for k := range seen {
		if seen[k] {
			f.Keys = append(f.Keys, key{Name: kinds[k].name, Style: style{Color: kinds[k].color, Box: true}})
		}
	}
	return f
}

// outcomeBar is one stage's bar, empty when it issued nothing.
func outcomeBar(s *results.StageSummary) (bar, [len(kinds)]int64) {
	var counts [len(kinds)]int64
	var total int64
	for name, n := range s.Outcomes {
		if n > 0 {
			counts[kindOf(name)] += n
			total += n
		}
	}
	b := bar{Name: clean(s.Name), Note: count(total)}
	if bad := total - counts[0]; bad > 0 {
		b.Note = count(bad) + " of " + b.Note + " not ok"
	}
	for k, n := range counts {
		if n > 0 {
			b.Parts = append(b.Parts, part{Share: float64(n) / float64(total), Color: kinds[k].color})
		}
	}
	return b, counts
}
