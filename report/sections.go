package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llmload/llmload/results"
)

// headline says what ran against what, and whether its numbers may be used.
func (p *page) headline(s *results.Summary) {
	p.line(p.paint(bold, cmp.Or(clean(s.Run.Name), "unnamed run")) + "  " + clean(s.Run.ID))
	target := cmp.Or(clean(s.Target.Endpoint), "unknown")
	if s.Target.Mock {
		target += " (mock)"
	}
	p.line("target " + target + ", model " + cmp.Or(clean(s.Target.Model), "unknown"))
	p.shards(&s.Run, s.Environment.Host)
	if s.Run.Interrupted {
		p.line(p.paint(amber, "interrupted") + ": what follows was measured before")
	}
	if from := s.Run.Imported; s.Valid && from != nil {
		p.line(clean(from.String()))
		return
	}
	if s.Valid {
		p.line(p.paint(green, "valid"))
		return
	}
	p.line(p.paint(red, "INVALID") + ": do not use these numbers")
	for _, reason := range s.InvalidReasons {
		p.line("- " + clean(reason))
	}
}

// outcomes writes how the requests of each stage ended, one column for each outcome that occurred in the run.
func (p *page) outcomes(stages []results.StageSummary) {
	if len(stages) == 0 {
		return
	}
	p.blank()
	p.table(outcomeTable(stages))
}

func outcomeTable(stages []results.StageSummary) []column {
	table := []column{{head: "stage", left: true}, {head: "issued"}}
	occurred := outcomeNames(stages)
	for _, name := range occurred {
		table = append(table, column{head: clean(string(name))})
	}
	table = append(table, column{head: "attempts"}, column{head: "retries"})
	for i := range stages {
		s := &stages[i]
		row := []string{clean(s.Name), count(s.Requests.Issued)}
		for _, name := range occurred {
			row = append(row, count(s.Outcomes[name]))
		}
		row = append(row, count(s.Attempts), count(s.Retries))
		for c := range table {
			table[c].cells = append(table[c].cells, row[c])
		}
	}
	return table
}

// outcomeNames lists the outcomes that occurred, ok first, then by name.
func outcomeNames(stages []results.StageSummary) []results.Outcome {
	occurred := make(map[results.Outcome]bool)
	for i := range stages {
		for name, n := range stages[i].Outcomes {
			if n > 0 {
				occurred[name] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(occurred), func(a, b results.Outcome) int {
		if (a == results.OK) != (b == results.OK) {
			if a == results.OK {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
}

// thresholds writes the verdicts as a table and, below it, why the ones that did not pass did not.
func (p *page) thresholds(ts []results.ThresholdResult) {
	if len(ts) == 0 {
		return
	}
	table := []column{{head: "stage", left: true}, {head: "threshold", left: true}, {head: "value"}, {head: "verdict", left: true}}
	var why []string
	for _, t := range ts {
		stage := cmp.Or(clean(t.Stage), "*")
		row := []string{stage, clean(t.Expr), p.show(measured(t)), p.verdict(t.Verdict)}
		for c := range table {
			table[c].cells = append(table[c].cells, row[c])
		}
		if t.Why != "" {
			why = append(why, fmt.Sprintf("%s: %s: %s", stage, clean(t.Expr), clean(t.Why)))
		}
	}
	p.blank()
	p.table(table)
	for _, line := range slices.Compact(why) {
		p.line(line)
	}
}

// measured is a threshold's value with its unit, in five digits: 98.996% misses 99% and must not print as 99.0%.
func measured(t results.ThresholdResult) value {
	v := number(t.Value)
	switch {
	case v.mark == absent && t.Verdict == results.Fail:
		return value{mark: failed}
	case v.mark == absent:
		return v
	case t.Unit == "ratio":
		return words(strconv.FormatFloat(100*v.n, 'g', 5, 64) + "%")
	case math.Abs(v.n) < 1000:
		v.text = strconv.FormatFloat(v.n, 'g', 5, 64)
	}
	return words(strings.TrimSpace(v.text + " " + clean(t.Unit)))
}

func (p *page) verdict(v string) string {
	switch v {
	case results.Pass:
		return p.paint(green, v)
	case results.Fail:
		return p.paint(red, "FAIL")
	default:
		return p.paint(amber, clean(v))
	}
}

// instrument writes the tool's own error and its book-keeping, a line each.
func (p *page) instrument(s *results.Summary) {
	in := s.Instrument
	p.blank()
	if s.Run.Imported != nil {
		p.line("instrument: not known: " + clean(s.Run.Imported.Tool) + " does not measure its own error")
		return
	}
	parts := []string{
		"dispatch delay p99 " + known(number(in.DispatchDelayP99MS), " ms"),
		"lag p99 " + known(number(in.LagP99MS), " ms"),
		"CPU " + known(share(in.CPURatio), ""),
		"GC pause p99 " + known(number(in.GCPauseP99MS), " ms"),
		clientAdded(in),
	}
	if in.ServerLateP99MS != nil {
		parts = append(parts, "mock behind its plan p99 "+number(in.ServerLateP99MS).text+" ms")
	}
	p.line("instrument: " + strings.Join(parts, p.pick(" · ", " | ")))
	p.selftest(s)
	p.line("conservation: " + p.conservation(s.Conservation))
}

// selftest quotes what the machine's last selftest found.
func (p *page) selftest(s *results.Summary) {
	host, last := clean(s.Environment.Host), s.Environment.SelfTest
	switch {
	case host == "": // not said where it ran
	case last == nil:
		p.line("selftest: none on " + host + " yet; `llmload selftest` finds up to which load its times can be trusted, in under a minute")
	default:
		line := "selftest of " + last.Date.Format(time.DateOnly) + " on " + host + ": trusted " + last.Loads()
		if beyond := last.Beyond(s.Stages); beyond != "" {
			line += "; " + clean(beyond) + " is beyond that"
		}
		p.line(line)
	}
}

// clientAdded is what lay between the kernel's receipt of an arrival and the stamp here, and how many reads brought several.
func clientAdded(in results.Instrument) string {
	text := "client added not measured"
	if p50, p99 := number(in.KernelToReadP50MS), number(in.KernelToReadP99MS); p50.mark == plain {
		text = "client added p50 " + p50.text + ", p99 " + known(p99, " ms") + ", measured at the kernel"
	}
	if merged := share(in.MultiEventReads); merged.mark == plain {
		text += "; " + merged.text + " merged reads"
	} else {
		text += "; merged reads not measured"
	}
	if n := in.UnstampedReads; n != nil && *n > 0 {
		text += "; " + share(n).text + " without a kernel stamp"
	}
	return text
}

func known(v value, unit string) string {
	if v.mark != plain {
		return "not measured"
	}
	return v.text + unit
}

func (p *page) conservation(c results.Conservation) string {
	if !c.Holds {
		return p.paint(red, "BROKEN") + ": " + cmp.Or(clean(c.Broken), "the counts disagree") + "; " + books(c)
	}
	if c.Rebuilt {
		return books(c) + "; what was under way when the run was killed is not in it"
	}
	return books(c)
}

// books is the whole book-keeping, so that a reader can check the sums.
func books(c results.Conservation) string {
	text := fmt.Sprintf("%s issued, %s outcomes; %s attempts, %s dispatched + %s retries; ",
		count(c.Issued), count(c.Outcomes), count(c.Attempts), count(c.Dispatched), count(c.Retries))
	if c.Holds {
		text = strings.NewReplacer(" issued, ", " issued = ", " attempts, ", " attempts = ").Replace(text)
	}
	if c.ServerAttempts == nil {
		return text + "the server does not say what it saw"
	}
	return text + fmt.Sprintf("%s written, server saw %s", count(c.Written), count(*c.ServerAttempts))
}

// warnings writes each warning once, with the stages that it concerns.
func (p *page) warnings(stages []results.StageSummary) {
	var order []string
	concerned := make(map[string][]string)
	for i := range stages {
		for _, w := range stages[i].Warnings {
			if concerned[w] == nil {
				order = append(order, w)
			}
			concerned[w] = append(concerned[w], clean(stages[i].Name))
		}
	}
	for _, w := range order {
		where := strings.Join(concerned[w], ", ")
		if len(concerned[w]) == len(stages) && len(stages) > 1 {
			where = "all stages"
		}
		p.line(p.paint(amber, "warning") + ": " + clean(w) + " (" + where + ")")
	}
}
