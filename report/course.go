package report

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/tsenart/vegeta/v12/lib/lttb"

	"github.com/llmload/llmload/results"
)

// coursePoints is how many points of a run's course are drawn: two a pixel, beyond which a line only grows heavier.
const coursePoints = 1200

// tokensOverTime draws the output as it came, with the stages' measured windows behind it.
func tokensOverTime(runs []Run) figure {
	p := &panel{X: axis{Label: "seconds from the run's start", FromZero: true}, Y: axis{Label: "output tokens/s", FromZero: true}}
	f := figure{Name: "tokens_over_time", Title: "Output tokens/s over time", Panels: [][]*panel{{p}}}
	for i, r := range runs {
		s := series{Style: lineStyle(i)}
		if prefix := runPrefix(runs, i); prefix != "" {
			s.Name = prefix[:len(prefix)-len(": ")]
			f.Keys = append(f.Keys, key{Name: s.Name, Style: s.Style})
		}
		for _, stage := range r.Summary.Stages {
			s.Points = append(s.Points, course(stage.Series, coursePoints/len(r.Summary.Stages), outputTokens)...)
		}
		if slices.ContainsFunc(s.Points, func(pt point) bool { return pt.Y > 0 }) { // without a token there is nothing to see
			p.Series = append(p.Series, s)
		}
	}
	if len(runs) == 1 {
		p.Spans = windows(runs[0].Summary.Stages)
		f.Note = "shaded: the measured windows"
		if !roomy(p.Spans) {
			f.Keys = numbered(p.Spans)
		}
	}
	return f
}

func outputTokens(pt results.Point) float64 { return pt.OutputTokensPerS }

// course is a stage's points, each at the middle of its interval, thinned so that peaks and dips stay, and ended by a
// gap: between stages nothing was measured.
func course(all []results.Point, limit int, value func(results.Point) float64) []point {
	var raw []lttb.Point
	for _, pt := range all {
		x, y := pt.TS+pt.DurationS/2, value(pt)
		if finite(x) && finite(y) {
			raw = append(raw, lttb.Point{X: x, Y: y})
		}
	}
	if len(raw) == 0 {
		return nil
	}
	if len(raw) > 4 {
		raw = raw[1 : len(raw)-1] // the stage covers its first and last interval in part: as rates they would be false dips
	}
	at := 0
	thin, err := lttb.Downsample(len(raw), max(limit, 3), func(n int) ([]lttb.Point, error) {
		next := raw[at:min(at+n, len(raw))]
		at += len(next)
		return next, nil
	})
	if err != nil { // its only error is a limit below three
		thin = raw
	}
	points := make([]point, 0, len(thin)+1)
	for _, pt := range thin {
		points = append(points, point{X: pt.X, Y: pt.Y})
	}
	return append(points, point{X: points[len(points)-1].X + all[0].DurationS/2, Y: math.NaN()})
}

// windows is the measured part of each stage.
func windows(stages []results.StageSummary) []span {
	var spans []span
	for _, s := range stages {
		if w := s.Window; finite(w.StartS) && finite(w.DurationS) && w.DurationS > 0 {
			spans = append(spans, span{From: w.StartS, To: w.StartS + w.DurationS, Name: clean(s.Name)})
		}
	}
	return spans
}

// roomy reports whether every name fits above its window, by a rough width of a letter as a share of the plot's.
func roomy(spans []span) bool {
	const letter = 0.01
	if len(spans) == 0 {
		return true
	}
	whole := spans[len(spans)-1].To - spans[0].From
	for _, s := range spans {
		if float64(utf8.RuneCountInString(s.Name)+1)*letter*whole > s.To-s.From {
			return false
		}
	}
	return true
}

// numbered moves the spans' names into the legend.
func numbered(spans []span) []key {
	var keys []key
	for i := range spans {
		number := fmt.Sprint(i + 1)
		keys = append(keys, key{Name: number + "  " + spans[i].Name})
		spans[i].Name = number
	}
	return keys
}
