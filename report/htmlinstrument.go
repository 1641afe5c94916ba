package report

import (
	"strings"

	"github.com/llmload/llmload/results"
)

// instrumentView is the tool's own error: over the run, with what each figure means, and stage by stage.
type instrumentView struct {
	Facts  []fact
	Stages htmlTable
	Lines  []string // the selftest and the books
}

// errorFigure is one way in which the instrument can be wrong.
type errorFigure struct {
	name, meaning string
	of            func(results.Instrument) value
	unit          string
}

var errorFigures = []errorFigure{
	{"dispatch delay p99", "how late llmload itself sent requests that were due", func(in results.Instrument) value { return number(in.DispatchDelayP99MS) }, "ms"},
	{"kernel to read p50", "how long what arrived lay in this machine's kernel before llmload stamped it", func(in results.Instrument) value { return number(in.KernelToReadP50MS) }, "ms"},
	{"kernel to read p99", "the same, of the slowest hundredth", func(in results.Instrument) value { return number(in.KernelToReadP99MS) }, "ms"},
	{"without a kernel stamp", "share of arrivals for which the two lines above are not known", func(in results.Instrument) value { return share(in.UnstampedReads) }, ""},
	{"merged reads", "share of reads that brought several events, whose gaps are therefore not known", func(in results.Instrument) value { return share(in.MultiEventReads) }, ""},
	{"lag p99", "how late the process was woken", func(in results.Instrument) value { return number(in.LagP99MS) }, "ms"},
	{"CPU", "of what this process may use; near 100% the figures are the client's, not the server's", func(in results.Instrument) value { return share(in.CPURatio) }, ""},
	{"GC pause p99", "how long garbage collection stopped it", func(in results.Instrument) value { return number(in.GCPauseP99MS) }, "ms"},
	{"mock behind its plan p99", "how late the bundled mock server wrote its tokens; no other server says", func(in results.Instrument) value { return number(in.ServerLateP99MS) }, "ms"},
}

const notMeasured = "not measured"

func (f errorFigure) text(in results.Instrument) string {
	v := f.of(in)
	if v.mark != plain {
		return notMeasured
	}
	return strings.TrimSpace(v.text + " " + f.unit)
}

func instrumentOf(s *results.Summary) instrumentView {
	var view instrumentView
	names := column{head: "stage", left: true}
	for i := range s.Stages {
		names.cells = append(names.cells, clean(s.Stages[i].Name))
	}
	columns := []column{names}
	for _, f := range errorFigures {
		view.Facts = append(view.Facts, fact{Term: f.name, Text: f.text(s.Instrument), Note: f.meaning})
		c := column{head: f.name, unit: f.unit}
		for i := range s.Stages {
			cell := notMeasured
			if v := f.of(s.Stages[i].Instrument); v.mark == plain {
				cell = v.text
			}
			c.cells = append(c.cells, cell)
		}
		if c.informs(notMeasured) {
			columns = append(columns, c)
		}
	}
	if len(columns) > 1 {
		view.Stages = tableOf(columns)
	}
	// The terminal's lines, but for the first of a run of our own, which has the figures that stand above.
	view.Lines = sectionOf(func(p *page) { p.instrument(s) }).Lines
	if s.Run.Imported == nil {
		view.Lines = view.Lines[1:]
	}
	return view
}

// headline is the figures that a reader should hold the results against.
func (v instrumentView) headline() string {
	var parts []string
	for _, f := range v.Facts[:3] {
		parts = append(parts, f.Term+" "+f.Text)
	}
	return strings.Join(parts, " · ")
}
