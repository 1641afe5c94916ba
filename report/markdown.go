package report

import (
	"io"
	"strings"

	"github.com/llmload/llmload/report/compare"
	"github.com/llmload/llmload/results"
)

// WriteMarkdown writes a run's verdict, stages and thresholds as GitHub's Markdown, for a step's summary.
func WriteMarkdown(w io.Writer, s *results.Summary) error {
	p := &page{Options: Options{Unicode: true}, markdown: true}
	p.headline(s)
	p.stages(s.Stages)
	p.thresholds(s.Thresholds)
	p.instrument(s)
	p.warnings(s.Stages)
	_, err := io.WriteString(w, p.out.String())
	return err
}

// WriteComparisonMarkdown writes what WriteComparison does as GitHub's Markdown.
func WriteComparisonMarkdown(w io.Writer, r *compare.Result) error {
	p := &page{Options: Options{Unicode: true}, markdown: true}
	p.comparison(r)
	_, err := io.WriteString(w, p.out.String())
	return err
}

// inMarkdown keeps a text from meaning anything in Markdown: names and errors come from outside.
var inMarkdown = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "|", `\|`, "#", `\#`, "!", `\!`,
	"http://", "http<span></span>://", "https://", "https<span></span>://", "@", "@<span></span>", // neither links nor mentions
)

// pipes writes a table with a line of head.
func (p *page) pipes(columns []column) {
	row := func(cell func(column) string) {
		p.out.WriteString("|")
		for _, c := range columns {
			p.out.WriteString(" " + cell(c) + " |")
		}
		p.out.WriteString("\n")
	}
	row(func(c column) string { return inMarkdown.Replace(strings.TrimSpace(c.head + " " + c.unit)) })
	row(func(c column) string {
		if c.left {
			return ":--"
		}
		return "--:"
	})
	for i := range columns[0].cells {
		row(func(c column) string { return inMarkdown.Replace(c.cells[i]) })
	}
}
