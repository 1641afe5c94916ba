package report

import (
	"io"

	"github.com/llmload/llmload/results"
)

// WriteMarkdown writes a run's verdict, stages and thresholds as GitHub's Markdown, for a step's summary.
func WriteMarkdown(w io.Writer, s *results.Summary) error {
	p := &page{Options: Options{Unicode: true, Markdown: true}}
	p.headline(s)
	p.stages(s.Stages)
	p.thresholds(s.Thresholds)
	p.instrument(s)
	p.warnings(s.Stages)
	_, err := io.WriteString(w, p.out.String())
	return err
}
