package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Run is one run to draw. Without Histograms the percentile plot joins the few quantiles that the summary keeps; without
// Requests, which no plot needs, a page shows no single request.
type Run struct {
	Summary    *results.Summary
	Histograms []results.StageHistograms
	Requests   *Digest
	Knee       *Knee // of a search for capacity that found one
}

// WritePlots draws runs, several laid over one another, into dir as NAME.svg and NAME.png and returns the files'
// paths. A plot for which the runs hold no data is not written. The names: pareto, latency_percentiles,
// latency_vs_load, tokens_over_time, outcomes.
func WritePlots(dir string, runs ...Run) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("no folder for the plots: %w", err)
	}
	var paths []string
	for _, f := range figures(runs) {
		written, err := f.write(dir)
		paths = append(paths, written...)
		if err != nil {
			return paths, fmt.Errorf("plot %s: %w", f.Name, err)
		}
	}
	return paths, nil
}

// figures says what is to be drawn. It is pure: drawing adds no data to it and leaves none out.
func figures(runs []Run) []figure {
	runs = present(runs)
	var drawn []figure
	for _, f := range []figure{
		pareto(runs), percentiles(runs, metric.TTFT, metric.E2E), versusLoad(runs, metric.TTFT, metric.TPOT), tokensOverTime(runs), outcomeBars(runs),
	} {
		if f.drawable() {
			f.Note = join(context(runs), f.Note)
			f.Keys = atMost(f.Keys, maxKeys)
			drawn = append(drawn, f)
		}
	}
	return drawn
}

// maxKeys is how many lines of legend make a plot no higher than a screen.
const maxKeys = 45

// atMost keeps the first keys and counts the others.
func atMost(keys []key, n int) []key {
	if len(keys) <= n {
		return keys
	}
	return append(keys[:n-1:n-1], key{Name: fmt.Sprintf("and %d more", len(keys)-n+1)})
}

// context names what was measured, so that a plot that is passed on alone still says what it shows, and when not to
// believe it.
func context(runs []Run) string {
	if len(runs) != 1 {
		return fmt.Sprintf("%d runs", len(runs))
	}
	s := runs[0].Summary
	text := clean(s.Run.Name)
	if s.Target.Model != "" {
		text += ", " + clean(s.Target.Model)
	}
	if !s.Valid {
		text += ", INVALID"
	}
	return text
}

func present(runs []Run) []Run {
	var have []Run
	for _, r := range runs {
		if r.Summary != nil {
			have = append(have, r)
		}
	}
	return have
}

// write puts both files of a figure into dir. One function draws both, so they cannot differ.
func (f figure) write(dir string) ([]string, error) {
	var written []string
	for _, format := range []struct {
		extension string
		render    func() ([]byte, error)
	}{{".svg", f.svg}, {".png", f.png}} {
		file, err := format.render()
		if err != nil {
			return written, err
		}
		path := filepath.Join(dir, f.Name+format.extension)
		if err := os.WriteFile(path, file, 0o644); err != nil {
			return written, err
		}
		written = append(written, path)
	}
	return written, nil
}

func (f figure) svg() ([]byte, error) {
	canvas := vgsvg.New(width, f.height())
	f.draw(draw.New(canvas))
	var file bytes.Buffer
	_, err := canvas.WriteTo(&file)
	return anyFont(file.Bytes()), err
}

func (f figure) png() ([]byte, error) {
	if f.undrawable() {
		f.Note = join(f.Note, "characters that the font lacks are ?, "+f.Name+".svg has them")
	}
	canvas := vgimg.PngCanvas{Canvas: vgimg.New(width, f.height())}
	f.draw(draw.New(lettered{canvas}))
	var file bytes.Buffer
	_, err := canvas.WriteTo(&file)
	return file.Bytes(), err
}

// anyFont lets a reader of an SVG without the Liberation fonts fall back on those that have the same widths.
func anyFont(file []byte) []byte {
	return bytes.ReplaceAll(file, []byte(`style="font-family:Liberation Sans;`),
		[]byte(`style="font-family:Liberation Sans,Arial,Helvetica,sans-serif;`))
}
