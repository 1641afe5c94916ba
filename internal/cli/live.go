package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios/runner"
)

// Progress is told this often: on a terminal in place, elsewhere as lines.
const (
	terminalEvery = 250 * time.Millisecond
	plainEvery    = 5 * time.Second
)

// watch tells a run's progress on stderr until the function that it returns is called.
func (sys IO) watch(live *runner.Live) (stop func()) {
	view, every := view(&plainView{sys.Err}), plainEvery
	if width, ok := sys.movableCursor(); ok {
		view, every = newBarView(sys.Err, width), terminalEvery
	}
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		defer view.close()
		var pace pace
		for {
			select {
			case <-quit:
				return
			case now := <-tick.C:
				if p := live.Look(); p.Stage != "" {
					view.show(p, pace.see(p, now), now)
				}
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

// waiting says every few seconds that something is waited for, and how long at most, until the function that it returns is
// called.
func (sys IO) waiting(what string, most time.Duration) (stop func()) {
	begin, quit := time.Now(), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(plainEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case now := <-tick.C:
				fmt.Fprintf(sys.Err, "waiting for %s: %s of at most %s\n", what, roundTime(now.Sub(begin)), most)
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

// movableCursor is the width of stderr where that is a terminal whose lines can be written over.
func (sys IO) movableCursor() (width int, ok bool) {
	if kind, _ := sys.LookupEnv("TERM"); kind == "dumb" {
		return 0, false
	}
	return terminalWidth(sys.Err)
}

// view is a way to show progress.
type view interface {
	show(p runner.Progress, rate float64, now time.Time)
	close()
}

// pace is how many prompts a second were answered of late.
type pace struct {
	stage string
	seen  []seen
}

type seen struct {
	at   time.Time
	done int64
}

// lately is what a rate is taken over, at least where the stage is as old.
const lately = 2 * time.Second

func (s *pace) see(p runner.Progress, now time.Time) (rate float64) {
	if stage := fmt.Sprint(p.Index, p.Stage); stage != s.stage {
		s.stage, s.seen = stage, []seen{{p.Begin, 0}}
	}
	s.seen = append(s.seen, seen{now, p.Done})
	for len(s.seen) > 2 && now.Sub(s.seen[1].at) >= lately {
		s.seen = s.seen[1:]
	}
	first := s.seen[0]
	if d := now.Sub(first.at); d > 0 {
		rate = float64(p.Done-first.done) / d.Seconds()
	}
	return rate
}

// plainView adds lines.
type plainView struct{ out io.Writer }

func (v *plainView) show(p runner.Progress, rate float64, now time.Time) {
	fmt.Fprintf(v.out, "%s: %s, %s; %s\n", stageText(p), doneText(p, now), leftText(p, now), figuresText(p, rate))
}

func (v *plainView) close() {}

// barView writes over its two lines: figures above, a bar below.
type barView struct {
	out     io.Writer
	writer  progress.Writer
	tracker *progress.Tracker
	ended   sync.WaitGroup
}

// barWidth is for a line of 80.
const barWidth = 24

func newBarView(out io.Writer, width int) *barView {
	v := &barView{out: out, writer: progress.NewWriter(), tracker: &progress.Tracker{Total: 1000, AutoStopDisabled: true}}
	style := progress.StyleBlocks // colourless
	style.Visibility = progress.StyleVisibility{Percentage: true, Pinned: true, Tracker: true}
	style.Options.Separator, style.Options.PercentFormat = " ", "%3.0f%%"
	v.writer.SetStyle(style)
	v.writer.SetOutputWriter(out)
	v.writer.SetTerminalWidth(width)
	v.writer.SetTrackerLength(barWidth)
	v.writer.SetTrackerPosition(progress.PositionLeft)
	v.writer.SetUpdateFrequency(terminalEvery)
	return v
}

// show begins to draw at the first look, so that a run that ends before draws nothing.
func (v *barView) show(p runner.Progress, rate float64, now time.Time) {
	if width, ok := terminalWidth(v.out); ok {
		v.writer.SetTerminalWidth(width)
	}
	v.writer.SetPinnedMessages(figuresText(p, rate))
	v.tracker.UpdateMessage(fmt.Sprintf("%s: %s, %s", stageText(p), doneText(p, now), leftText(p, now)))
	of, _ := share(p, now)
	v.tracker.SetValue(int64(1000 * of))
	if v.writer.Length() == 0 {
		v.writer.AppendTracker(v.tracker)
		v.ended.Go(v.writer.Render)
	}
}

// close takes the lines away: the tables say it better.
func (v *barView) close() {
	if v.writer.Length() == 0 {
		return
	}
	v.writer.Stop()
	v.ended.Wait()
	fmt.Fprint(v.out, strings.Repeat("\x1b[A\x1b[K", 2))
}

// share is how much of a stage is over, by what ends it first, and whether that is its time.
func share(p runner.Progress, now time.Time) (of float64, byTime bool) {
	if p.Total > 0 {
		of = float64(p.Measured) / float64(p.Total)
	}
	if p.Duration > 0 {
		if over := float64(now.Sub(p.Begin)) / float64(p.Duration); over > of {
			of, byTime = over, true
		}
	}
	return min(of, 1), byTime
}

func stageText(p runner.Progress) string {
	return fmt.Sprintf("[%d/%d] %s", p.Index+1, p.Stages, p.Stage)
}

// doneText counts measured prompts, against what ends the stage.
func doneText(p runner.Progress, now time.Time) string {
	_, byTime := share(p, now)
	switch {
	case p.Measured == 0 && p.Done > 0:
		return fmt.Sprintf("warm-up, %d so far", p.Done)
	case byTime:
		return fmt.Sprintf("%d in %s of %s", p.Measured, roundTime(min(now.Sub(p.Begin), p.Duration)), roundTime(p.Duration))
	case p.Total > 0:
		return fmt.Sprintf("%d of %d", p.Measured, p.Total)
	}
	return fmt.Sprintf("%d", p.Measured)
}

// leftText guesses when the stage ends, from how long its part so far has taken.
func leftText(p runner.Progress, now time.Time) string {
	elapsed := now.Sub(p.Begin)
	of, _ := share(p, now)
	switch {
	case of >= 1:
		return "finishing"
	case of <= 0:
		return "just begun"
	}
	left := roundTime(time.Duration(float64(elapsed) * (1 - of) / of))
	if left == 0 {
		return "under 1s left"
	}
	return "about " + left.String() + " left"
}

// figuresText is what a person watches for.
func figuresText(p runner.Progress, rate float64) string {
	parts := []string{fmt.Sprintf("%s/s", threeDigits(rate)), fmt.Sprintf("%d in flight", p.InFlight)}
	if p.Done > 0 {
		parts = append(parts, okText(p))
	}
	for _, name := range []metric.Name{metric.TTFT, metric.TPOT, metric.E2E} {
		if median, ok := p.Medians[name]; ok {
			parts = append(parts, fmt.Sprintf("%s p50 %s ms", strings.ToUpper(string(name)), threeDigits(float64(median)/1e6)))
		}
	}
	text := strings.Join(parts, ", ")
	if errs := failuresText(p.Outcomes); errs != "" {
		text += "; " + errs
	}
	return text
}

// okText says 100% only of all.
func okText(p runner.Progress) string {
	of := 100 * float64(p.Done-p.Failed) / float64(p.Done)
	if p.Failed > 0 && of > 99.9 {
		return ">99.9% ok"
	}
	return fmt.Sprintf("%.3g%% ok", of)
}

// failuresText lists failures by kind, the most frequent first, and no more than a line holds.
func failuresText(outcomes map[results.Outcome]int64) string {
	const most = 4
	names := slices.SortedFunc(maps.Keys(outcomes), func(a, b results.Outcome) int {
		if outcomes[a] != outcomes[b] {
			return int(outcomes[b] - outcomes[a])
		}
		return strings.Compare(string(a), string(b))
	})
	var parts []string
	for i, name := range names {
		if i == most {
			parts = append(parts, fmt.Sprintf("%d other kinds", len(names)-most))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %d", name, outcomes[name]))
	}
	return strings.Join(parts, ", ")
}

// threeDigits has three digits.
func threeDigits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
