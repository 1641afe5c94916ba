package report_test

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
)

func figure(t *testing.T, name string, runs ...report.Run) report.Figure {
	t.Helper()
	for _, f := range report.Figures(runs) {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no figure %s", name)
	return report.Figure{}
}

func names(runs ...report.Run) string {
	var all []string
	for _, f := range report.Figures(runs) {
		all = append(all, f.Name)
	}
	return strings.Join(all, " ")
}

func keys(f report.Figure) string {
	var all []string
	for _, k := range f.Keys {
		all = append(all, k.Name)
	}
	return strings.Join(all, " | ")
}

func TestOnlyPlotsWithDataAreDrawn(t *testing.T) {
	single := few(400)
	for _, c := range []struct {
		what, want string
		run        report.Run
	}{
		{"a sweep has all", "pareto latency_percentiles latency_vs_load tokens_over_time outcomes", sweep().Run},
		{"one stage is no curve", "latency_percentiles tokens_over_time outcomes", single.Run},
		{"where all failed, only how", "outcomes", allFailed().Run},
		{"stages at one load are not set against load", "pareto latency_percentiles tokens_over_time outcomes", crowd().Run},
		{"nothing issued, nothing drawn", "", few(0).Run},
		{"no stage", "", newSample("early").Run},
		{"no summary", "", report.Run{}},
	} {
		if got := names(c.run); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestParetoJoinsOnlyStagesOfOneKind(t *testing.T) {
	f := figure(t, "pareto", sweep().Run)
	all := f.Panels[0][0].Series
	if got := keys(f); got != "concurrency sweep | c=4,batch=4 | c=4,batch=8 | outage" {
		t.Errorf("legend: %s", got)
	}
	for i, s := range all {
		if s.Style.Line != (i == 0) {
			t.Errorf("%s: joined is %v", s.Name, s.Style.Line)
		}
	}
	var labels []string
	for _, pt := range all[0].Points {
		labels = append(labels, pt.Label)
	}
	if got := strings.Join(labels, " "); got != "c=1 c=2 c=4 c=8 c=16 c=32" {
		t.Errorf("the sweep's points: %s", got)
	}
	stage := sweep().Summary.Stages[3]
	want := report.Point{X: 1000 / *stage.Metrics[metric.TPOT].P50, Y: *stage.Throughput.OutputTokensPerS, Label: "c=8"}
	if got := all[0].Points[3]; got != want {
		t.Errorf("c=8 stands at %v, want %v", got, want)
	}
}

func TestStagesWithFaultsAreNeverJoined(t *testing.T) {
	s := newSample("faults")
	for _, c := range []int{1, 2} {
		load := closed(c)
		load.Faults = 1
		s.add(offer{name: fmt.Sprint("fault ", c), load: load, n: 50, ttft: 40, tpot: 8, slow: 0.1, seconds: 5, tokensPerS: 100})
	}
	if got := keys(figure(t, "pareto", s.Run)); got != "fault 1 | fault 2" {
		t.Errorf("legend: %s", got)
	}
}

func TestSweepIsDrawnInOrderOfLoad(t *testing.T) {
	s := sweep()
	slices.Reverse(s.Summary.Stages)
	pts := figure(t, "pareto", s.Run).Panels[0][0].Series[0].Points
	if pts[0].Label != "c=1" || pts[5].Label != "c=32" {
		t.Errorf("from %s to %s", pts[0].Label, pts[5].Label)
	}
}

func TestStageWithoutPaceIsNamedAndLeavesAGap(t *testing.T) {
	s := sweep()
	s.Summary.Stages[2].Metrics[metric.TPOT].P50 = nil
	s.Summary.Stages[2].Metrics[metric.TPOT].Count = 0
	s.Summary.Stages[2].Metrics[metric.TPOT].Failed = 400
	f := figure(t, "pareto", s.Run)
	if pt := f.Panels[0][0].Series[0].Points[2]; !math.IsNaN(pt.Y) {
		t.Errorf("drawn at %v", pt)
	}
	if !strings.Contains(f.Note, "c=4") {
		t.Errorf("the note does not name it: %s", f.Note)
	}
}

func TestLatencyAgainstLoad(t *testing.T) {
	f := figure(t, "latency_vs_load", sweep().Run)
	if len(f.Panels) != 1 || len(f.Panels[0]) != 2 {
		t.Fatalf("%d rows, want one of two panels", len(f.Panels))
	}
	ttft := f.Panels[0][0]
	p50, p99 := ttft.Series[0], ttft.Series[1]
	if p50.Points[3].X != 8 || p50.Points[3].Y != *sweep().Summary.Stages[3].Metrics[metric.TTFT].P50 {
		t.Errorf("p50 at c=8: %v", p50.Points[3])
	}
	if p99.Points[3].Y <= p50.Points[3].Y || p99.Style.Dash == p50.Style.Dash {
		t.Errorf("p99 is neither above nor unlike p50: %v %v", p99.Points[3], p99.Style)
	}
	outage := ttft.Series[7].Points[0]
	if !outage.Failed || !math.IsNaN(outage.Y) {
		t.Errorf("a p99 on failures is drawn as %v", outage)
	}
	if !strings.HasSuffix(keys(f), "outage | lands on failures") {
		t.Errorf("legend: %s", keys(f))
	}
}

func TestOpenAndClosedShareNoAxis(t *testing.T) {
	mixed := sweep()
	mixed.Summary.Stages = append(mixed.Summary.Stages, openLoop().Summary.Stages...)
	f := figure(t, "latency_vs_load", mixed.Run)
	if len(f.Panels) != 2 || f.Panels[0][0].X.Label != "concurrency" || f.Panels[1][0].X.Label != "arrivals/s" {
		t.Fatalf("%d rows", len(f.Panels))
	}
	if got, want := f.Panels[1][0].Series[0].Points[0].Y, *openLoop().Summary.Stages[0].Metrics[metric.ResponseTTFT].P50; got != want {
		t.Errorf("open-loop TTFT is %v, want that from the intended arrival, %v", got, want)
	}
}

func TestPlainCallsShowEndToEndAgainstLoad(t *testing.T) {
	s := newSample("plain")
	for _, c := range []int{1, 2} {
		load := closed(c)
		load.Stream = false
		s.add(offer{name: fmt.Sprint("c=", c), load: load, n: 50, ttft: 100, tpot: 5, seconds: 5})
	}
	if got := figure(t, "latency_vs_load", s.Run).Panels[0][0].Title; got != "End to end" {
		t.Errorf("drawn: %s", got)
	}
}

func TestPercentilesEndWhereTheSampleDoes(t *testing.T) {
	f := figure(t, "latency_percentiles", sweep().Run)
	pts := f.Panels[0][0].Series[0].Points
	last := pts[len(pts)-1]
	// 400 requests resolve q while 0.05 >= q^400: up to 99.254%.
	if q := 1 - 1/last.X; math.Abs(q-math.Pow(0.05, 1.0/400)) > 1e-9 {
		t.Errorf("the line ends at %.4f%%", 100*q)
	}
	if !slices.IsSortedFunc(pts, func(a, b report.Point) int { return cmp.Compare(a.X, b.X) }) {
		t.Error("the line goes back")
	}
	h := sweep().Histograms[0].Metrics[metric.TTFT]
	for _, pt := range pts {
		k := int64(math.Ceil((1-1/pt.X)*400 - 1e-6))
		if want := float64(h.Rank(max(k, 1))) / 1e6; pt.Y != want {
			t.Fatalf("at %v: %v, want the value of rank %d, %v", pt.X, pt.Y, k, want)
		}
	}
}

func TestPercentilesStopAtFailures(t *testing.T) {
	pts := figure(t, "latency_percentiles", sweep().Run).Panels[0][0].Series[8].Points
	last := pts[len(pts)-1]
	if q := 1 - 1/last.X; !last.Failed || q < 0.925 || q > 0.935 {
		t.Errorf("30 of 400 failed, the line ends at %v (failed: %v)", q, last.Failed)
	}
}

func TestAStageOfFailuresAloneIsNamedAsOne(t *testing.T) {
	s := few(400)
	s.add(offer{name: "outage", load: closed(4), outcomes: map[results.Outcome]int64{"http_500": 400}, seconds: 1})
	if got := keys(figure(t, "latency_percentiles", s.Run)); !strings.Contains(got, "outage: no request succeeded | lands on failures") {
		t.Errorf("legend: %s", got)
	}
}

func TestACourseWithoutATokenIsNotDrawn(t *testing.T) {
	s := allFailed()
	for i := range 20 {
		s.Summary.Stages[0].Series = append(s.Summary.Stages[0].Series, results.Point{TS: float64(i), DurationS: 1, InFlight: 1})
	}
	if got := names(s.Run); got != "outcomes" {
		t.Errorf("drawn: %s", got)
	}
}

func TestPercentilesWithoutHistogramsUseTheSummary(t *testing.T) {
	run := report.Run{Summary: sweep().Summary}
	pts := figure(t, "latency_percentiles", run).Panels[0][0].Series[0].Points
	if m := run.Summary.Stages[0].Metrics[metric.TTFT]; len(pts) != 4 || pts[3].Y != *m.P99 || math.Abs(pts[3].X-100) > 1e-9 {
		t.Errorf("points %v", pts)
	}
}

func TestManyStagesAreThinnedAndSaidSo(t *testing.T) {
	s := newSample("many")
	for i := range 100 {
		s.add(offer{name: fmt.Sprint("s", i), load: closed(i + 1), n: 60, ttft: 40, tpot: 8, slow: 0.1, seconds: 1, tokensPerS: 50})
	}
	f := figure(t, "latency_percentiles", s.Run)
	if got := f.Panels[0][0].Series; len(got) != 21 || got[0].Name != "s0" || got[20].Name != "s99" || !strings.Contains(f.Note, "21 of 100 stages") {
		t.Errorf("%d lines, note %q", len(got), f.Note)
	}
	if f := figure(t, "outcomes", s.Run); !strings.Contains(f.Note, "60 of 100 stages") || len(f.Panels[0][0].Bars) != 60 {
		t.Errorf("outcomes: %q", f.Note)
	}
	if got := figure(t, "tokens_over_time", s.Run).Keys; len(got) != 45 || got[44].Name != "and 56 more" {
		t.Errorf("%d keys, the last %v", len(got), got[len(got)-1])
	}
}

func TestTokensOverTimeBreaksBetweenStages(t *testing.T) {
	f := figure(t, "tokens_over_time", sweep().Run)
	p := f.Panels[0][0]
	gaps := 0
	for _, pt := range p.Series[0].Points {
		if math.IsNaN(pt.Y) {
			gaps++
		}
	}
	if gaps != 9 || len(p.Spans) != 9 {
		t.Errorf("%d gaps and %d spans for 9 stages", gaps, len(p.Spans))
	}
	if got := p.Series[0].Points[0]; math.Abs(got.X-0.15) > 1e-9 {
		t.Errorf("the first point stands at %v, want the middle of the second interval: the first is cut by the stage's start", got.X)
	}
	if got := keys(f); !strings.HasPrefix(got, "1  c=1 | 2  c=2") {
		t.Errorf("names that do not fit go to the legend: %s", got)
	}
}

func TestLongCoursesAreThinnedWithTheirPeaks(t *testing.T) {
	s := few(400)
	series := make([]results.Point, 20_000)
	for i := range series {
		series[i] = results.Point{TS: float64(i), DurationS: 1, OutputTokensPerS: 100}
	}
	series[7777].OutputTokensPerS = 9999
	s.Summary.Stages[0].Series = series
	pts := figure(t, "tokens_over_time", s.Run).Panels[0][0].Series[0].Points
	peak := slices.ContainsFunc(pts, func(p report.Point) bool { return p.X == 7777.5 && p.Y == 9999 })
	if len(pts) > 1300 || !peak {
		t.Errorf("%d points, peak kept: %v", len(pts), peak)
	}
}

func TestOutcomesAreSharesOfAllIssued(t *testing.T) {
	f := figure(t, "outcomes", sweep().Run)
	bar := f.Panels[0][0].Bars[8]
	var sum float64
	for _, p := range bar.Parts {
		sum += p.Share
	}
	if bar.Name != "outage" || bar.Note != "30 of 400 not ok" || len(bar.Parts) != 4 || bar.Parts[0].Share != 0.925 || math.Abs(sum-1) > 1e-12 {
		t.Errorf("bar %+v", bar)
	}
	if got := keys(f); got != "ok | HTTP 5xx | timed out | connection" {
		t.Errorf("legend: %s", got)
	}
}

func TestSeveralRunsAreToldApart(t *testing.T) {
	a, b := sweep(), sweep()
	b.Summary.Run.ID = "other"
	if got := keys(figure(t, "tokens_over_time", a.Run, b.Run)); got != a.Summary.Run.ID+" | other" {
		t.Errorf("runs of one name go by id: %s", got)
	}
	b.Summary.Run.Name = "candidate"
	if got := keys(figure(t, "pareto", a.Run, b.Run)); !strings.HasPrefix(got, "quickstart: concurrency sweep | candidate: concurrency sweep") {
		t.Errorf("legend: %s", got)
	}
}

func TestInvalidRunSaysSoOnEveryPlot(t *testing.T) {
	for _, f := range report.Figures([]report.Run{broken().Run}) {
		if !strings.Contains(f.Note, "INVALID") {
			t.Errorf("%s: %q", f.Name, f.Note)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		what string
		got  []string
		want string
	}{
		{"round steps", report.NiceTicks(0, 0.6), "0.0 0.1 0.2 0.3 0.4 0.5 0.6"},
		{"no minus before zero", report.NiceTicks(-0.3, 5), "0 1 2 3 4 5"},
		{"thousands", report.NiceTicks(0, 3000), "0 500 1,000 1,500 2,000 2,500 3,000"},
		{"every nine", report.TailTicks(1, 10_000), "0% 50% 90% 99% 99.9% 99.99%"},
		{"1, 2, 5 on a short logarithmic axis", report.LogTicks(40, 3000), "50 100 200 500 1,000 2,000"},
		{"decades on a long one", report.LogTicks(0.5, 1e6), "1 10 100 1,000 10,000 100,000 1,000,000"},
	} {
		if got := strings.Join(c.got, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestFilesParse(t *testing.T) {
	s := sweep()
	paths, err := report.WritePlots(filepath.Join(t.TempDir(), "plots"), s.Run)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 10 {
		t.Errorf("%d files of five figures: %v", len(paths), paths)
	}
	for _, path := range paths {
		parse(t, path, read(t, path))
	}
}

func TestVectorsOfAnyRunParse(t *testing.T) {
	for _, s := range []*sample{crowd(), openLoop(), foreignNames()} {
		for _, f := range report.Figures([]report.Run{s.Run}) {
			parse(t, f.Name+".svg", render(t, report.SVG, f))
		}
	}
}

func TestNamesBeyondTheFontLeaveATrace(t *testing.T) {
	s := foreignNames()
	for i := range s.Summary.Stages {
		s.Summary.Stages[i].Name = "短提示词"
	}
	f := figure(t, "outcomes", s.Run)
	if !bytes.Contains(render(t, report.SVG, f), []byte("短提示词")) {
		t.Error("the SVG does not hold the name")
	}
	img, err := png.Decode(bytes.NewReader(render(t, report.PNG, f)))
	if err != nil {
		t.Fatal(err)
	}
	ink := 0
	for x := range 40 { // left of the bars, where their names stand
		for y := 62; y < 480; y++ {
			if r, _, _, _ := img.At(x, y).RGBA(); r < 0x4000 {
				ink++
			}
		}
	}
	if ink == 0 {
		t.Error("the PNG shows nothing where the names should be")
	}
}

func TestFigureIsTheSameTwice(t *testing.T) {
	again := report.Figures([]report.Run{sweep().Run})
	for i, f := range report.Figures([]report.Run{sweep().Run}) {
		if !bytes.Equal(render(t, report.SVG, f), render(t, report.SVG, again[i])) {
			t.Errorf("%s.svg differs from one drawing to the next", f.Name)
		}
	}
	f := figure(t, "outcomes", sweep().Run)
	if !bytes.Equal(render(t, report.PNG, f), render(t, report.PNG, f)) {
		t.Errorf("%s.png differs from one drawing to the next", f.Name)
	}
}

func render(t *testing.T, as func(report.Figure) ([]byte, error), f report.Figure) []byte {
	t.Helper()
	file, err := as(f)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t *testing.T, path string, file []byte) {
	t.Helper()
	if strings.HasSuffix(path, ".png") {
		img, err := png.Decode(bytes.NewReader(file))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if size := img.Bounds().Size(); size.X != 900 || size.Y < 540 {
			t.Errorf("%s is %v", path, size)
		}
		return
	}
	if len(file) > 300_000 {
		t.Errorf("%s has %d bytes", path, len(file))
	}
	if !bytes.Contains(file, []byte("Liberation Sans,Arial")) {
		t.Errorf("%s names no font to fall back on", path)
	}
	d := xml.NewDecoder(bytes.NewReader(file))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
}

// place is a label in an SVG.
type place struct {
	text string
	x, y float64
}

func labelsOf(t *testing.T, svg []byte, prefix string) []place {
	t.Helper()
	var file struct {
		Groups []struct {
			Texts []struct {
				X    string `xml:"x,attr"`
				Y    string `xml:"y,attr"`
				Text string `xml:",chardata"`
			} `xml:"text"`
		} `xml:"g"`
	}
	if err := xml.Unmarshal(svg, &file); err != nil {
		t.Fatal(err)
	}
	var all []place
	for _, g := range file.Groups {
		for _, e := range g.Texts {
			x, errX := strconv.ParseFloat(e.X, 64)
			y, errY := strconv.ParseFloat(e.Y, 64)
			if errX == nil && errY == nil && strings.HasPrefix(e.Text, prefix) {
				all = append(all, place{e.Text, x, y})
			}
		}
	}
	return all
}

func TestLabelsDoNotOverlap(t *testing.T) {
	a, b := sweep(), sweep()
	a.Summary.Stages, b.Summary.Stages = a.Summary.Stages[:6], b.Summary.Stages[:6]
	b.Summary.Run.Name = "candidate"
	all := labelsOf(t, render(t, report.SVG, figure(t, "pareto", a.Run, b.Run)), "c=")
	if len(all) < 10 {
		t.Fatalf("%d labels for twelve points in six places", len(all))
	}
	for i, p := range all {
		for _, q := range all[:i] {
			// A letter of 9 points is about 5 wide and 9 high.
			if math.Abs(p.x-q.x) < 4.5*float64(min(len(p.text), len(q.text))) && math.Abs(p.y-q.y) < 8.9 {
				t.Errorf("%v lies over %v", p, q)
			}
		}
	}
}

func TestPlotsSayWhereTheyCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := report.WritePlots(filepath.Join(file, "plots"), sweep().Run); err == nil || !strings.Contains(err.Error(), "taken") {
		t.Errorf("error %v names no place", err)
	}
}
