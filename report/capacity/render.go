package capacity

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Report is what a reader gets: the answer, what a demand needs, and answers to other questions by the same probes.
type Report struct {
	Answer
	Fleet  *Fleet   `json:"fleet,omitempty"`
	WhatIf []WhatIf `json:"what_if,omitempty"`
}

// WhatIf is another SLO, or another shape by a fitted model, with the fleet that it needs.
type WhatIf struct {
	What     string    `json:"what"`
	State    State     `json:"state"`
	Why      string    `json:"why,omitempty"`
	Estimate *Estimate `json:"estimate,omitempty"`
	Fleet    *Fleet    `json:"fleet,omitempty"`
}

// Write prints the report as text, or as Markdown.
func (r Report) Write(w io.Writer, markdown bool) error {
	p := page{w: w, markdown: markdown}
	p.heading("Capacity")
	for _, line := range r.lines() {
		p.line(line)
	}
	p.heading("Probes")
	p.table(probesTable(r.Probes))
	if r.Fleet != nil {
		p.heading("Fleet")
		p.table(r.Fleet.table())
	}
	if len(r.WhatIf) > 0 {
		p.heading("What if")
		p.table(whatIfTable(r.WhatIf))
	}
	return p.err
}

// lines say the answer.
func (a Answer) lines() (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	say("slo:       %s, and the server keeps up", a.SLO)
	if e := a.Estimate; e != nil {
		say("answer:    %s, between %s and %s with 95%% confidence", rateText(e.Rate), rateText(e.Lo), rateText(e.Hi))
		say("binds:     %s, with probability %.2f", e.Binding, e.Sure)
		if server := a.server(e.Rate); server != "" {
			say("server:    %s", server)
		}
	} else {
		say("answer:    none, %s", a.State)
		if a.Held > 0 {
			say("held:      %s was inside the SLO", rateText(a.Held))
		}
		if a.Broken > 0 {
			say("broken:    %s was outside it", rateText(a.Broken))
		}
	}
	if a.Why != "" {
		say("because:   %s", a.Why)
	}
	if a.Estimate != nil {
		say("confirmed: %s", a.Confirm)
	}
	say("spent:     %d probes, %s of load, %s tokens", a.Spent.Stages, (time.Duration(a.Spent.Seconds) * time.Second).String(), short(a.Spent.Tokens))
	return out
}

// server is what the nearest probe below the answer showed of the server.
func (a Answer) server(rate float64) string {
	var best *Observation
	for i, o := range a.Probes {
		if o.Spoiled == "" && o.Rate <= rate && (best == nil || o.Rate > best.Rate) {
			best = &a.Probes[i]
		}
	}
	if best == nil {
		return ""
	}
	text := fmt.Sprintf("at %s %.1f requests in flight", rateText(best.Rate), best.Offered*best.MeanS)
	if best.Server != "" {
		text += ", " + best.Server
	}
	return text
}

// String says in words whether the confirmation agrees.
func (c Confirmation) String() string {
	side := func(did *bool, yes, no string) string {
		switch {
		case did == nil:
			return "was not run"
		case *did:
			return yes
		}
		return no
	}
	verdict := "no"
	if c.Confirmed() {
		verdict = "yes"
	}
	return fmt.Sprintf("%s; the longer run at 0.95 of the answer %s, that at 1.1 %s", verdict,
		side(c.Holds, "holds", "BREAKS, which it must not"), side(c.Breaks, "breaks", "HOLDS, which it must not"))
}

func probesTable(obs []Observation) [][]string {
	head := []string{"probe", "rate", "requests", "failed", "served", "in flight", "TTFT p50", "TTFT p99", "TPOT p50"}
	head = append(head, termNames(obs)...)
	out := [][]string{append(head, "")}
	for _, o := range obs {
		row := []string{
			string(o.Kind), rateText(o.Rate), fmt.Sprint(o.Issued), fmt.Sprint(o.Failed), rateText(o.Served), fmt.Sprintf("%.1f", o.Offered*o.MeanS),
			timeText(o.TTFTP50), timeText(o.TTFTP99), timeText(o.TPOTP50),
		}
		for _, s := range o.Scores {
			row = append(row, s.text())
		}
		for len(row) < len(head) {
			row = append(row, "·")
		}
		out = append(out, append(row, o.verdict()))
	}
	return out
}

// String is a line for somebody who watches.
func (o Observation) String() string {
	text := fmt.Sprintf("%s %s: %s, %d requests", o.Kind, rateText(o.Rate), o.verdict(), o.Issued)
	for _, s := range o.Scores {
		text += fmt.Sprintf(", %s: %s", s.Term, s.text())
	}
	return text
}

func (s *Score) text() string {
	switch {
	case s.Of == 0:
		return "·"
	case s.Allowed == 0:
		return timeText(s.ValueNS)
	}
	return fmt.Sprintf("%.2f%% of %.3g%% out", 100*s.Outside/s.Of, 100*s.Allowed)
}

func (o *Observation) verdict() string {
	switch {
	case o.Spoiled != "":
		return "spoiled: " + o.Spoiled
	case o.Saturated:
		return "saturated"
	case o.outside():
		return "outside"
	}
	return "inside"
}

func (f *Fleet) table() [][]string {
	out := [][]string{
		{"", "value", "over the interval"},
		{"one replica carries", rateText(f.Capacity.Value), rateText(f.Capacity.Lo) + " to " + rateText(f.Capacity.Hi)},
		{"demand, peak", rateText(f.Peak), ""},
		{"demand, mean", rateText(f.Mean), ""},
		{"replicas", fmt.Sprintf("%.0f", f.Replicas.Value), fmt.Sprintf("%.0f to %.0f", f.Replicas.Lo, f.Replicas.Hi)},
		rangeRow("utilisation at the peak", f.Utilisation, percent),
	}
	add := func(name string, r Range, text func(float64) string) {
		if r.Value > 0 {
			out = append(out, rangeRow(name, r, text))
		}
	}
	add("utilisation with one lost", f.Degraded, percent)
	out = append(out, []string{"a replica's rate at the peak", rateText(f.PerReplica), ""})
	add("TTFT p50 there", f.TTFTP50, timeText)
	add("TTFT p99 there", f.TTFTP99, timeText)
	add("TPOT p50 there", f.TPOTP50, timeText)
	for _, c := range []struct {
		name string
		r    *Range
	}{{"cost a month", f.Month}, {"cost a month, scaled with the demand", f.Scaled}, {"cost a million tokens", f.MTok}} {
		if c.r != nil {
			out = append(out, rangeRow(c.name, *c.r, dollars))
		}
	}
	if f.APIMonth > 0 {
		out = append(out, []string{"the API, a month", dollars(f.APIMonth), ""})
	}
	if q := f.Quota; q != nil {
		text := "does not bind"
		if q.Binds {
			text = "binds"
		}
		out = append(out, []string{"quota (" + q.By + ")", rateText(q.Rate), text})
	}
	return out
}

func rangeRow(name string, r Range, text func(float64) string) []string {
	return []string{name, text(r.Value), text(r.Lo) + " to " + text(r.Hi)}
}

func whatIfTable(list []WhatIf) [][]string {
	out := [][]string{{"what", "capacity", "over the interval", "replicas", "a month", ""}}
	for _, w := range list {
		row := []string{w.What, "·", "·", "·", "·", string(w.State)}
		if w.Why != "" {
			row[5] += ": " + w.Why
		}
		if e := w.Estimate; e != nil {
			row[1], row[2] = rateText(e.Rate), rateText(e.Lo)+" to "+rateText(e.Hi)
		}
		if f := w.Fleet; f != nil {
			row[3] = fmt.Sprintf("%.0f (%.0f to %.0f)", f.Replicas.Value, f.Replicas.Lo, f.Replicas.Hi)
			if f.Month != nil {
				row[4] = dollars(f.Month.Value)
			}
		}
		out = append(out, row)
	}
	return out
}

// table is what the fit says, as rows.
func (f Fit) table() [][]string {
	out := [][]string{{"parameter", "fitted", "standard error"}}
	for _, v := range f.parameters() {
		out = append(out, []string{v.name, timeText(v.ns), timeText(v.se)})
	}
	if f.Slots > 0 {
		out = append(out, []string{"max_num_seqs", fmt.Sprint(f.Slots), ""})
	}
	return out
}

// Write prints the fit with its residuals, as text or as Markdown.
func (f Fit) Write(w io.Writer, markdown bool) error {
	p := page{w: w, markdown: markdown}
	p.heading("Step model")
	p.table(f.table())
	rows := [][]string{{"stage", "mean of", "measured", "fitted", "off"}}
	for _, x := range f.Points {
		rows = append(rows, []string{x.Stage, x.What, timeText(x.Measured), timeText(x.Fitted), fmt.Sprintf("%+.1f%%", 100*(x.Fitted/x.Measured-1))})
	}
	p.heading("Residuals")
	p.table(rows)
	p.line(fmt.Sprintf("root mean square of the residuals: %.1f%%", 100*f.RMS))
	for _, why := range f.Warnings {
		p.line("warning: " + why)
	}
	return p.err
}

// page writes until the first error, which it keeps.
type page struct {
	w        io.Writer
	markdown bool
	err      error
	begun    bool
}

func (p *page) print(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *page) heading(title string) {
	switch {
	case p.markdown && p.begun:
		p.print("\n## %s\n\n", title)
	case p.markdown:
		p.print("## %s\n\n", title)
	case p.begun:
		p.print("\n")
	}
	p.begun = true
}

func (p *page) line(line string) {
	if p.markdown {
		line = "- " + strings.Join(strings.Fields(line), " ")
	}
	p.print("%s\n", line)
}

func (p *page) table(rows [][]string) {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true}
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	for i, row := range rows {
		cells := make(table.Row, len(row))
		for j, c := range row {
			cells[j] = c
		}
		if i == 0 {
			t.AppendHeader(cells)
		} else {
			t.AppendRow(cells)
		}
	}
	body := t.Render()
	if p.markdown {
		body = t.RenderMarkdown()
	}
	for line := range strings.Lines(body) {
		p.print("%s\n", strings.TrimRight(line, " \n"))
	}
}

func rateText(v float64) string { return fmt.Sprintf("%.4g/s", v) }
func percent(v float64) string  { return fmt.Sprintf("%.0f%%", 100*v) }

func dollars(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("$%.0f", v)
	}
	return fmt.Sprintf("$%.3g", v)
}

// timeText is a time with three digits; a zero is one that is not known.
func timeText(ns float64) string {
	for _, u := range []struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if ns >= 0.9995*u.ns {
			return fmt.Sprintf("%.3g %s", ns/u.ns, u.name)
		}
	}
	if ns <= 0 || math.IsNaN(ns) {
		return "·"
	}
	return fmt.Sprintf("%.3g ns", ns)
}

// short writes a count as 1.2M.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.3gM", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%.3gk", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}
