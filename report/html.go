package report

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/llmload/llmload/results"
)

//go:embed assets
var assets embed.FS

// pageTemplate escapes all that comes from a run; the page's own style and script, and the JSON that encoding/json has
// escaped, are all that it takes as they are.
var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{"clean": clean}).ParseFS(assets, "assets/page.html"))

// WriteHTML writes runs, several laid over one another, as one page that opens without a network: everything is in it,
// and its policy lets it load nothing.
func WriteHTML(w io.Writer, runs ...Run) error {
	runs = present(runs)
	if len(runs) == 0 {
		return errors.New("a page needs a run")
	}
	content, err := newContent(runs)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	if err := pageTemplate.Execute(out, content); err != nil {
		return err
	}
	return out.Flush()
}

// content is what the template fills in.
type content struct {
	Title  string
	Policy string
	Style  template.CSS
	Script template.JS
	Data   template.JS
	Runs   []htmlRun
	Charts []chartGroup
	Server bool // whether any server said something of itself
	// Together is the stages of several runs in one table.
	Together section
	Bars     htmlOutcomes
}

func newContent(runs []Run) (*content, error) {
	c := &content{Title: context(runs)}
	var charts []chart
	c.Charts, charts = chartGroups(runs)
	data, err := json.Marshal(charts) // which writes <, > and & as escapes
	if err != nil {
		return nil, err
	}
	style, err := joined("assets/uPlot.min.css", "assets/page.css")
	if err != nil {
		return nil, err
	}
	script, err := joined("assets/uPlot.iife.min.js", "assets/draw.js", "assets/charts.js", "assets/page.js")
	if err != nil {
		return nil, err
	}
	licence, err := joined("assets/uPlot.LICENSE")
	if err != nil {
		return nil, err
	}
	script = "/*\nuPlot\n\n" + licence + "*/\n" + script
	c.Data, c.Style, c.Script = template.JS(data), template.CSS(style), template.JS(script)
	c.Policy = "default-src 'none'; base-uri 'none'; form-action 'none'; script-src " + source(script) + "; style-src " + source(style)
	for i := range runs {
		run := newHTMLRun(runs, i)
		c.Runs, c.Server = append(c.Runs, run), c.Server || len(run.Server.Tables) > 0
	}
	c.Bars = outcomesOf(runs)
	if len(runs) > 1 {
		c.Together = sectionOf(func(p *page) { p.overlay(summariesOf(runs)) })
		c.Together.Tables = c.Together.Tables[:min(len(c.Together.Tables), 1)] // the second is of outcomes, which have a part of their own
	}
	return c, nil
}

func summariesOf(runs []Run) (all []*results.Summary) {
	for _, r := range runs {
		all = append(all, r.Summary)
	}
	return all
}

// joined is files one after the other, each ended by a line break.
func joined(names ...string) (string, error) {
	var all strings.Builder
	for _, name := range names {
		text, err := assets.ReadFile(name)
		if err != nil {
			return "", err
		}
		all.WriteString(strings.TrimRight(string(text), "\n") + "\n")
	}
	return all.String(), nil
}

// source allows one inline text and no other (https://www.w3.org/TR/CSP3/#framework-directive-source-list).
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// htmlRun is what a page says of one run beside the charts.
type htmlRun struct {
	Summary                       *results.Summary
	Prefix                        string // where there are several
	Color                         int
	Name, Target, When            string
	Tiles                         []tile
	Error                         string // the instrument's own, in a line
	Imported                      string // where its figures are from, if not from llmload
	Shards, Server                section
	Stages, Parts, Counts, Judged section
	Verdict                       string // on the thresholds together
	Kept                          bool
	Warnings                      section
	Instrument                    instrumentView
	Slow                          slowView
	Facts                         []fact
}

// fact is a line of a list of terms.
type fact struct{ Term, Text, Note string }

func newHTMLRun(runs []Run, at int) htmlRun {
	s := runs[at].Summary
	h := htmlRun{Summary: s, Prefix: runPrefix(runs, at), Color: at % len(lineColors)}
	h.Name = cmp.Or(clean(s.Run.Name), "unnamed run")
	h.Target = cmp.Or(clean(s.Target.Endpoint), "unknown")
	if s.Target.Mock {
		h.Target += " (mock)"
	}
	h.When = lasted(s.Run)
	if from := s.Run.Imported; from != nil {
		h.Imported = clean(from.String())
	}
	h.Shards = sectionOf(func(p *page) { p.shards(&s.Run, s.Environment.Host) })
	h.Server = sectionOf(func(p *page) { p.server(s.Stages) })
	h.Tiles = tilesOf(s)
	if len(runs) == 1 {
		h.Stages = sectionOf(func(p *page) { p.stages(s.Stages) })
	}
	h.Parts = sectionOf(func(p *page) { p.groups(s.Stages) })
	h.Counts = sectionOf(func(p *page) { p.outcomes(s.Stages) })
	h.Judged = sectionOf(func(p *page) { p.thresholds(s.Thresholds) })
	h.Verdict, h.Kept = verdictOf(s.Thresholds)
	h.Warnings = sectionOf(func(p *page) { p.warnings(s.Stages) })
	h.Instrument = instrumentOf(s)
	h.Error = h.Instrument.headline()
	h.Slow = slowOf(runs[at].Requests)
	h.Facts = factsOf(s)
	return h
}

// verdictOf counts the thresholds that passed, and says whether all did.
func verdictOf(all []results.ThresholdResult) (text string, kept bool) {
	passed := 0
	for _, t := range all {
		if t.Verdict == results.Pass {
			passed++
		}
	}
	return fmt.Sprintf("%d of %d passed", passed, len(all)), passed == len(all)
}

// section is a part of the terminal's report: its tables and the lines around them.
type section struct {
	Tables []htmlTable
	Lines  []string
}

type htmlTable struct {
	Head []htmlCell
	Rows [][]htmlCell
}

type htmlCell struct {
	Text, Unit string
	Class      string
}

// sectionOf takes from the terminal's report what it would print, so that both say the same.
func sectionOf(write func(*page)) section {
	var s section
	p := &page{Options: Options{Unicode: true}, sink: func(columns []column) { s.Tables = append(s.Tables, tableOf(columns)) }}
	write(p)
	for line := range strings.SplitSeq(p.out.String(), "\n") {
		if line != "" {
			s.Lines = append(s.Lines, line)
		}
	}
	return s
}

func tableOf(columns []column) htmlTable {
	var t htmlTable
	for _, c := range columns {
		class := "number"
		if c.left {
			class = "text"
		}
		t.Head = append(t.Head, htmlCell{Text: c.head, Unit: c.unit, Class: class})
		for r, text := range c.cells {
			if r == len(t.Rows) {
				t.Rows = append(t.Rows, nil)
			}
			t.Rows[r] = append(t.Rows[r], htmlCell{Text: text, Class: class + markClass(text)})
		}
	}
	return t
}

// markClass lets cells that hold a verdict or no number look like it.
func markClass(text string) string {
	switch text {
	case "failed", "FAIL":
		return " bad"
	case results.Pass:
		return " good"
	case results.Undecided:
		return " doubtful"
	case "·", "-", "0":
		return " faint"
	}
	return ""
}

// lasted says when a run was and how long.
func lasted(r results.Run) string {
	if r.StartedAt.IsZero() {
		return ""
	}
	text := r.StartedAt.UTC().Format("2 Jan 2006, 15:04:05 UTC")
	if took := r.FinishedAt.Sub(r.StartedAt); !r.FinishedAt.IsZero() && took > 0 {
		text += ", " + took.Round(time.Second/10).String()
	}
	return text
}

// factsOf is what identifies the run.
func factsOf(s *results.Summary) []fact {
	e := s.Environment
	facts := []fact{
		{Term: "run", Text: s.Run.ID},
		{Term: "plan", Text: s.Run.PlanSHA256, Note: "SHA-256 of what was sent: seed, client, stages with workload, load and faults"},
		{Term: "seed", Text: strconv.FormatUint(s.Run.Seed, 10)},
		{Term: "llmload", Text: s.Run.ToolVersion},
		{Term: "measured on", Text: listed(e.Host, e.CPU, cores(e), strings.TrimSpace(e.OS+" "+e.Arch), e.Go)},
		{Term: "endpoints", Text: listed(append([]string{s.Target.Endpoint}, s.Target.More...)...)},
	}
	for _, key := range slices.Sorted(maps.Keys(s.Run.Labels)) {
		facts = append(facts, fact{Term: "label " + key, Text: s.Run.Labels[key]})
	}
	for i := range facts {
		facts[i].Term, facts[i].Text = clean(facts[i].Term), clean(facts[i].Text)
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Text == "" })
}

func cores(e results.Environment) string {
	if e.Cores == 0 {
		return ""
	}
	return fmt.Sprintf("%d cores", e.Cores)
}

// listed joins what there is.
func listed(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
}
