// Package ci writes verdicts and figures in the formats that continuous integration reads: JUnit XML, GitHub annotations, Go
// benchmark lines for benchstat, and JSON for github-action-benchmark.
//
// Goals: what fails for a person fails for the machine, undecided included; names and errors from outside cannot break out
// of a format. Non-goals: deciding anything; tables, which package report writes.
package ci

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"github.com/llmload/llmload/report/compare"
	"github.com/llmload/llmload/results"
)

// Case is one thing that was judged.
type Case struct {
	Suite   string // the run's name, or what was compared
	Stage   string // empty: the whole run
	Name    string // the threshold or gate as written, or "valid"
	Verdict string // results.Pass, Fail or Undecided
	Text    string // the value, or why it is not known
}

// Cases are a run's validity and its thresholds.
func Cases(s *results.Summary) []Case {
	suite := cmp.Or(s.Run.Name, "run")
	valid := Case{Suite: suite, Name: "valid", Verdict: results.Pass}
	if from := s.Run.Imported; from != nil {
		valid.Verdict, valid.Text = results.Undecided, "imported from "+from.Tool+": llmload did not measure it"
	}
	if s.Run.Interrupted {
		valid.Verdict, valid.Text = results.Undecided, "interrupted"
	}
	if !s.Valid {
		valid.Verdict, valid.Text = results.Undecided, strings.Join(s.InvalidReasons, "; ")
	}
	list := []Case{valid}
	for _, t := range s.Thresholds {
		text := t.Why
		if t.Value != nil {
			text = fmt.Sprintf("measured %.5g %s", *t.Value, t.Unit)
		}
		list = append(list, Case{suite, t.Stage, t.Expr, t.Verdict, text})
	}
	return list
}

// GateCases are a comparison's gates.
func GateCases(r *compare.Result) []Case {
	suite := fmt.Sprintf("%s against %s", cmp.Or(r.New.ID, r.New.Endpoint, "nothing"), cmp.Or(r.Base.ID, r.Base.Endpoint, "nothing"))
	verdicts := map[compare.Verdict]string{compare.Inside: results.Pass, compare.Outside: results.Fail}
	var list []Case
	for _, g := range r.Gates {
		text := g.Why
		if g.Change.V != nil {
			unit := "%"
			if g.Points {
				unit = " pp"
			}
			text = strings.Trim(fmt.Sprintf("changed by %+.2f%s; %s", 100**g.Change.V, unit, text), "; ")
		}
		list = append(list, Case{suite, g.Stage, g.Gate, cmp.Or(verdicts[g.Verdict], results.Undecided), text})
	}
	return list
}

// title names a case in one line.
func (c Case) title() string {
	if c.Stage == "" {
		return c.Name
	}
	return c.Stage + ": " + c.Name
}

// flat is a text on one line, without what a terminal or an XML reader would stumble over.
func flat(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsGraphic(r):
			return r
		}
		return '\uFFFD'
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
