package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/llmload/llmload/report/compare"
)

// WriteComparison writes what a comparison found: the two sides, a line for each figure, then the gates.
func WriteComparison(w io.Writer, r *compare.Result, o Options) error {
	p := &page{Options: o, lead: 1} // stage and metric name a row
	p.comparison(r)
	_, err := io.WriteString(w, p.out.String())
	return err
}

func (p *page) comparison(r *compare.Result) {
	p.line(p.paint(bold, "base") + "  " + sideName(r.Base))
	p.line(p.paint(bold, "new") + "   " + sideName(r.New))
	for _, n := range r.Notes {
		p.line(p.paint(amber, "note") + ": " + clean(n))
	}
	if r.Advisory != "" {
		p.line(p.paint(amber, "advisory") + ": " + clean(r.Advisory) + ", so nothing below decides a gate")
	}
	p.blank()
	if r.Paired && r.Observations == 0 {
		p.line("nothing to compare: no pair of valid runs was made")
	} else {
		p.changes(r.Rows)
	}
	p.gates(r)
	p.methods(r)
}

func sideName(s compare.Side) string {
	var parts []string
	for _, text := range []string{s.ID, s.Endpoint, s.Model} {
		if text != "" {
			parts = append(parts, clean(text))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "nothing was measured")
}

// changes writes the rows that have a change or might have one with more data.
func (p *page) changes(rows []compare.Row) {
	if len(rows) == 0 {
		p.line("nothing to compare: the sides have no stage in common")
		return
	}
	table := comparisonHead("stage")
	for _, r := range rows {
		p.compared(table, clean(r.Stage), r)
	}
	p.table(table)
	p.reasons(rows)
}

func comparisonHead(first string) []column {
	return []column{
		{head: first, left: true}, {head: "metric", left: true}, {head: "base"}, {head: "new"}, {head: "change"}, {head: "interval", left: true}, {head: "verdict", left: true},
	}
}

func (p *page) compared(table []column, name string, r compare.Row) {
	for i, cell := range []string{
		name, clean(r.Metric), p.sideValue(r, r.Base), p.sideValue(r, r.New), p.changeOf(r), p.intervalOf(r), p.judged(r),
	} {
		table[i].cells = append(table[i].cells, cell)
	}
}

func (p *page) sideValue(r compare.Row, n compare.Number) string {
	switch {
	case n.Failed:
		return p.mark(failed)
	case n.V == nil:
		return p.mark(unresolved)
	case r.Points:
		return share(n.V).text
	}
	return strings.TrimSpace(number(n.V).text + " " + clean(r.Unit))
}

func (p *page) changeOf(r compare.Row) string {
	switch {
	case r.New.Failed && !r.Base.Failed && r.Level > 0:
		return "to " + p.mark(failed)
	case r.Base.Failed && !r.New.Failed && r.Level > 0:
		return "from " + p.mark(failed)
	case r.Change.V == nil:
		return p.mark(absent)
	}
	return percentChange(*r.Change.V, r.Points)
}

// intervalOf shows an end that nothing bounds as three dots.
func (p *page) intervalOf(r compare.Row) string {
	if r.Level == 0 {
		return p.mark(absent)
	}
	end := func(n compare.Number) string {
		if n.V == nil {
			return "..."
		}
		return percentChange(*n.V, r.Points)
	}
	return end(r.Lo) + " to " + end(r.Hi)
}

// percentChange is a change with its sign, in per cent or percentage points.
func percentChange(v float64, points bool) string {
	unit := "%"
	if points {
		unit = " pp"
	}
	size := math.Abs(100 * v)
	digits := 1
	switch {
	case size >= 100:
		digits = 0
	case size < 1:
		digits = 2
	}
	text := strconv.FormatFloat(100*v, 'f', digits, 64)
	if strings.Trim(text, "-0.") == "" {
		return "0" + unit
	}
	if v > 0 {
		text = "+" + text
	}
	return text + unit
}

func (p *page) judged(r compare.Row) string {
	text := string(r.Verdict)
	switch r.Verdict {
	case compare.Better, compare.Inside:
		text = p.paint(green, text)
	case compare.Worse, compare.Outside:
		text = p.paint(red, text)
	case compare.Undecided:
		text = p.paint(amber, text)
	}
	if brief(r.Why) {
		text += ": " + clean(r.Why)
	}
	return text
}

// brief reports whether a reason fits into its row; a longer one follows the table.
func brief(why string) bool { return why != "" && len(why) <= 40 }

// reasons are what did not fit.
func (p *page) reasons(rows []compare.Row) {
	order, of := []string{}, map[string][]string{}
	for _, r := range rows {
		if r.Why == "" || brief(r.Why) {
			continue
		}
		if of[r.Why] == nil {
			order = append(order, r.Why)
		}
		of[r.Why] = append(of[r.Why], strings.TrimSpace(clean(r.Stage)+" "+clean(r.Metric)))
	}
	for _, why := range order {
		p.line("undecided: " + strings.Join(of[why], ", ") + ": " + clean(why))
	}
}

func (p *page) gates(r *compare.Result) {
	if len(r.Gates) == 0 {
		return
	}
	p.blank()
	table := comparisonHead("stage")
	table[1].head = "gate"
	var rows []compare.Row
	for _, g := range r.Gates {
		row := g.Row
		row.Metric = g.Gate
		rows = append(rows, row)
		p.compared(table, cmp.Or(clean(g.Stage), "*"), row)
	}
	p.table(table)
	p.reasons(rows)
}

// methods says what the intervals rest on.
func (p *page) methods(r *compare.Result) {
	margin := strings.TrimPrefix(percentChange(r.Margin, false), "+")
	p.blank()
	if r.Paired {
		p.line(fmt.Sprintf("%d pairs in the order ABBA; intervals by the signed-rank test over pairs", r.Observations))
	}
	used := func(of string) bool {
		return slices.ContainsFunc(r.Rows, func(row compare.Row) bool { return row.Of == of && row.Level > 0 })
	}
	if used("repeats") {
		p.line("repeated stages: Mann-Whitney test over repeats")
	}
	if used("requests") {
		p.line(fmt.Sprintf("stages that were not repeated: %d draws of %s (seed %d). One run a side does not show how runs differ; `repeat` or `llmload ab` does",
			r.Draws, blockLengths(r), r.Seed))
	}
	p.line(fmt.Sprintf("95%% intervals, each row by itself: one row in twenty shows a difference by chance. Same within the margin: under %s, of shares 1 pp", margin))
	if len(r.Gates) > 0 {
		p.line("gates: 95% for all together (Holm), each interval at the level at which its gate was judged")
	}
}

func blockLengths(r *compare.Result) string {
	var parts []string
	for _, b := range r.Blocks {
		parts = append(parts, fmt.Sprintf("%s: %d blocks of %d requests and %d of %d", clean(b.Stage), b.Base.Count, b.Base.Length, b.New.Count, b.New.Length))
	}
	return "blocks of successive requests, " + strings.Join(parts, "; ")
}
