package results_test

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

const second = 1000 * ms

var (
	closed = results.StageInfo{Name: "c=1", Load: results.Load{Mode: "closed", API: "chat", Stream: true, Concurrency: 1}}
	open   = results.StageInfo{Name: "rate=10/s", Load: results.Load{Mode: "open", API: "chat", Rate: 10}}
)

// window returns bounds that are known, in milliseconds.
func window(start, end int64) *results.Bounds {
	b := new(results.Bounds)
	b.SetStart(start * ms)
	b.SetEnd(end * ms)
	return b
}

// plain is an answer that came whole: sent at start, done at end, in milliseconds.
func plain(start, end int64, o results.Outcome) *results.Record {
	return &results.Record{
		IntendedNS: start * ms, SlotNS: start * ms, DispatchedNS: start * ms, DoneNS: end * ms, Outcome: o,
		Attempts: []results.Attempt{{StartedNS: start * ms, DoneNS: end * ms, Outcome: o}},
	}
}

// Eight arrivals at 10/s meet a server that takes 0.5 s each, through one slot. A tool that counts from dispatch sees
// 0.5 s throughout; the user of the last waits 3.3 s.
func TestCoordinatedOmission(t *testing.T) {
	c := results.NewCollector(open, window(0, 700))
	for i := range int64(8) {
		r := plain(500*i, 500*(i+1), results.OK)
		r.IntendedNS = 100 * ms * i
		c.Add(r)
	}
	m := c.Summarize().Metrics
	for _, row := range []struct {
		name      metric.Name
		mean, max float64
	}{
		{metric.ResponseE2E, 1900, 3300},
		{metric.E2E, 500, 500},
		{metric.QueueDelay, 1400, 2800},
		{metric.DispatchDelay, 0, 0},
	} {
		if got := m[row.name]; !near(*got.Mean, row.mean, 1e-9) || !near(*got.Max, row.max, 1e-9) {
			t.Errorf("%s: mean %g, max %g ms, want %g, %g", row.name, *got.Mean, *got.Max, row.mean, row.max)
		}
	}
}

func TestQuantilesRankFailuresAboveSuccesses(t *testing.T) {
	for _, row := range []struct {
		sentence            string
		ok, failed, stopped int
		stat                string
		want                float64 // ms
		state               results.State
	}{
		{"ten failures of 1,000 leave p99 to the slowest success", 990, 10, 0, "p99", 990, results.Value},
		{"eleven do not", 989, 11, 0, "p99", 0, results.Failed},
		{"and leave p50 where it was", 989, 11, 0, "p50", 500, results.Value},
		{"successes alone have their own p99", 989, 11, 0, "ok_p99", 980, results.Value},
		{"cancelled requests are outside", 990, 10, 500, "p99", 990, results.Value},
		{"p99 of 298 is not resolved", 298, 0, 0, "p99", 0, results.Unresolved},
		{"p99 of 299 is", 299, 0, 0, "p99", 297, results.Value},
		{"failures count towards the sample", 290, 9, 0, "p90", 270, results.Value},
		{"too few with failures is unresolved, not failed", 1, 3, 0, "p50", 0, results.Unresolved},
		{"ok_ counts successes only", 298, 10, 0, "ok_p99", 0, results.Unresolved},
		{"p50 needs five", 5, 0, 0, "p50", 3, results.Value},
		{"p99.9 has its own name", 3000, 0, 0, "p99.9", 2997, results.Value},
		{"all failed: every quantile is failed", 0, 400, 0, "p50", 0, results.Failed},
		{"all failed: so are the successes' figures", 0, 400, 0, "mean", 0, results.Failed},
		{"the mean is of successes", 3, 1, 0, "mean", 2, results.Value},
		{"so are the extremes", 3, 1, 0, "max", 3, results.Value},
		{"nothing issued has nothing", 0, 0, 0, "p50", 0, results.Absent},
		{"only cancelled has nothing", 0, 0, 9, "p50", 0, results.Absent},
		{"no such statistic", 9, 0, 0, "p51", 0, results.Absent},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			c := results.NewCollector(closed, window(0, 10000))
			for i := range row.ok { // latencies of 1, 2, 3 ... ms
				c.Add(plain(0, int64(i+1), results.OK))
			}
			for range row.failed {
				c.Add(plain(0, 1, "http_500")) // fast to fail
			}
			for range row.stopped {
				c.Add(plain(0, 1, results.Cancelled))
			}
			got, state := c.Summarize().Metrics[metric.E2E].Quantile(row.stat)
			if state != row.state || !near(got, row.want, 0.002) {
				t.Errorf("%s is %g, %s, want %g, %s", row.stat, got, state, row.want, row.state)
			}
		})
	}
}

func TestQuantileOfNoMetricIsAbsent(t *testing.T) {
	var m *results.Metric
	if _, state := m.Quantile("p50"); state != results.Absent {
		t.Error(state)
	}
}

func TestFailuresOfEachMetric(t *testing.T) {
	c := results.NewCollector(closed, window(0, 10000))
	ok := streamed()
	c.Add(&ok)
	failed := streamed()
	failed.Outcome = results.StreamError // after tokens came
	c.Add(&failed)
	c.Add(&results.Record{IntendedNS: 1, DoneNS: 2, Outcome: results.TimeoutQueue}) // never got a slot
	m := c.Summarize().Metrics
	for name, want := range map[metric.Name][2]int64{
		metric.QueueDelay:    {2, 1}, // the failed one waited too; the one without a slot waited longest
		metric.DispatchDelay: {2, 0}, // the tool's own lateness knows no failure of the server
		metric.TTFT:          {1, 2},
		metric.E2E:           {1, 2},
		metric.TPOT:          {1, 2},
		metric.MaxGap:        {1, 2},
		metric.ICL:           {3, 0}, // samples of successes
		metric.ITL:           {6, 0},
	} {
		if got := m[name]; got == nil || got.Count != want[0] || got.Failed != want[1] {
			t.Errorf("%s: %+v, want count and failed %v", name, got, want)
		}
	}
}

func TestPlainStagesHaveNoStreamMetrics(t *testing.T) {
	c := results.NewCollector(open, window(0, 100))
	c.Add(plain(0, 50, results.OK))
	c.Add(plain(0, 50, "http_500"))
	got := []metric.Name{}
	for name := range c.Summarize().Metrics {
		got = append(got, name)
	}
	slices.Sort(got)
	want := []metric.Name{metric.DispatchDelay, metric.E2E, metric.LogicalE2E, metric.QueueDelay, metric.ResponseE2E}
	if !slices.Equal(got, want) {
		t.Errorf("metrics %v, want %v", got, want)
	}
}

func TestRankIntervals(t *testing.T) {
	c := results.NewCollector(closed, window(0, 10000))
	for i := range int64(1000) {
		c.Add(plain(0, i+1, results.OK))
	}
	ci := c.Summarize().Metrics[metric.E2E].CI
	lo, hi := metric.RankInterval(0.99, 1000)
	if got := ci["p99"]; !near(got[0], float64(lo), 0.001) || !near(got[1], float64(hi), 0.001) {
		t.Errorf("p99 of 1000 lies in %v, want ranks %d to %d", got, lo, hi)
	}
	if _, ok := ci["p99.9"]; ok {
		t.Error("p99.9 of 1000 has an interval")
	}
	for range 5 { // p99 is still a success, its interval ends on a failure
		c.Add(plain(0, 1, "http_500"))
	}
	m := c.Summarize().Metrics[metric.E2E]
	if _, ok := m.CI["p99"]; ok || m.P99 == nil {
		t.Errorf("p99 with failures: %v, %v", m.P99, m.CI)
	}
	if _, ok := m.CI["p50"]; !ok {
		t.Error("p50 lost its interval")
	}
}

func TestWindow(t *testing.T) {
	type figures struct{ output, input, requests float64 }
	for _, row := range []struct {
		sentence   string
		start, end int64 // ms; streamed sends 3, 2, 2, 2 tokens at 300, 340, 420, 460 and has 20 tokens of input
		change     func(*results.Record)
		want       figures
	}{
		{"all inside", 0, 1000, nil, figures{9, 20, 1}},
		{"arrivals before the start are outside, the request counts by its part", 310, 1000, nil, figures{6, 0, 150.0 / 354}},
		{"arrivals after the end are outside", 0, 350, nil, figures{5, 20, 244.0 / 354}},
		{"the start is outside, the end inside", 300, 420, nil, figures{4, 0, 120.0 / 354}},
		{"the last token and the end of the window at once", 0, 460, nil, figures{9, 20, 1}},
		{"warm-up tokens that arrive inside count", 0, 1000, func(r *results.Record) { r.Warmup = true }, figures{9, 20, 1}},
		{"so do the tail's", 0, 420, func(r *results.Record) { r.Tail = true }, figures{7, 20, 314.0 / 354}},
		{"a failed request's tokens arrived, the request did not", 0, 1000, func(r *results.Record) { r.Outcome = results.Truncated }, figures{9, 20, 0}},
		{"tokens spread over events where arrivals have no count", 310, 430, func(r *results.Record) {
			r.Attempts[1].Arrivals.K, r.Attempts[1].Arrivals.Events = nil, []int{1, 1, 1, 1} // 2, 2, 2, 3
		}, figures{4, 0, 120.0 / 354}},
		{"a plain answer counts by the part of its time inside", 0, 283, func(r *results.Record) {
			r.Attempts[1].Arrivals, r.Attempts[1].FirstTokenNS = results.Arrivals{}, 0
		}, figures{4.5, 10, 0.5}},
		{"wherever that part lies", 283, 470, func(r *results.Record) {
			r.Attempts[1].Arrivals, r.Attempts[1].FirstTokenNS = results.Arrivals{}, 0
		}, figures{4.5, 10, 0.5}},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			c := results.NewCollector(closed, window(row.start, row.end))
			r := streamed()
			if row.change != nil {
				row.change(&r)
			}
			c.Add(&r)
			s, seconds := c.Summarize(), float64(row.end-row.start)/1000
			got := s.Throughput
			for _, f := range []struct {
				name string
				got  *float64
				want float64
			}{
				{"output", got.OutputTokensPerS, row.want.output},
				{"input", got.InputTokensPerS, row.want.input},
				{"total", got.TotalTokensPerS, row.want.output + row.want.input},
				{"requests", got.RequestsPerS, row.want.requests},
			} {
				if !near(*f.got*seconds, f.want, 1e-6) {
					t.Errorf("%s: %g inside, want %g", f.name, *f.got*seconds, f.want)
				}
			}
			if want := float64(max(460-row.end, 0)) / 1000; !near(s.Window.DrainS, want, 1e-9) {
				t.Errorf("drain %g, want %g", s.Window.DrainS, want)
			}
		})
	}
}

// A closed loop of 32 workers in step: warm-up ends at 100 ms, and the window holds one wave. Counted by their ends, the
// warm-up's stragglers would make it two.
func TestAClosedLoopInStepShowsItsRate(t *testing.T) {
	c := results.NewCollector(closed, window(100, 200))
	for i := range int64(32) {
		warm := plain(0, 100, results.OK)
		warm.Warmup = true
		warm.DoneNS += i * 1000 // the first opens the window, the others end right after
		warm.Attempts[0].DoneNS = warm.DoneNS
		c.Add(warm)
		c.Add(plain(100, 200, results.OK))
	}
	if got := *c.Summarize().Throughput.RequestsPerS; !near(got, 320, 0.2) {
		t.Errorf("%g requests/s, want the 320 of 32 workers at 100 ms each", got)
	}
}

func TestWindowOfUnknownEdges(t *testing.T) {
	r := streamed()
	c := results.NewCollector(closed, new(results.Bounds))
	c.Add(&r)
	if s := c.Summarize(); s.Throughput != (results.Throughput{}) || s.Window != (results.Window{}) {
		t.Errorf("without a start: %+v, %+v", s.Throughput, s.Window)
	}
	b := new(results.Bounds)
	b.SetStart(200 * ms)
	b.SetStart(300 * ms) // does not move it
	c = results.NewCollector(closed, b)
	c.Add(&r)
	if w := c.Summarize().Window; w.StartS != 0.2 || !near(w.DurationS, 0.26, 1e-9) {
		t.Errorf("without an end: %+v, want it at the last request's", w)
	}
}

func TestWarmupAndTailAreOutsideTheFigures(t *testing.T) {
	c := results.NewCollector(closed, window(0, 1000))
	for _, r := range []results.Record{{Warmup: true}, {Tail: true}} {
		whole := streamed()
		whole.Warmup, whole.Tail = r.Warmup, r.Tail
		c.Add(&whole)
		whole.Outcome = results.Reset
		c.Add(&whole)
	}
	s := c.Summarize()
	if want := (results.Requests{Warmup: 2, Tail: 2}); s.Requests != want {
		t.Errorf("requests %+v, want %+v", s.Requests, want)
	}
	if s.Success != nil || s.Tokens.Output != 0 || s.Attempts != 0 || len(s.Outcomes) != 0 || s.Metrics[metric.E2E].Count != 0 {
		t.Errorf("counted: %+v", s)
	}
	if len(s.Series) == 0 {
		t.Error("the course leaves them out")
	}
}

func TestCountsOfOutcomes(t *testing.T) {
	c := results.NewCollector(closed, window(0, 1000))
	for _, o := range []results.Outcome{
		results.OK, results.OK, "http_500", results.RateLimited, results.Malformed, results.TimeoutIdle,
		results.TimeoutQueue, results.Cancelled, results.Dropped,
	} {
		c.Add(plain(0, 10, o))
	}
	r := streamed()
	c.Add(&r)
	s := c.Summarize()
	want := results.Requests{Issued: 10, Succeeded: 3, Failed: 3, TimedOut: 2, Cancelled: 1, Dropped: 1}
	if s.Requests != want {
		t.Errorf("requests %+v, want %+v", s.Requests, want)
	}
	if s.Outcomes["http_500"] != 1 || s.Outcomes[results.OK] != 3 || s.Attempts != 11 || s.Retries != 1 {
		t.Errorf("outcomes %v, attempts %d, retries %d", s.Outcomes, s.Attempts, s.Retries)
	}
	if !near(*s.Success, 3.0/9, 1e-12) {
		t.Errorf("success rate %g, want 3 of 9: the cancelled one is outside", *s.Success)
	}
}

func TestGoodput(t *testing.T) {
	for _, row := range []struct {
		sentence   string
		info       results.StageInfo
		slo        []results.Limit
		attainment float64
	}{
		// Requests of 10, 20, 30 and 40 ms, each intended 15 ms before it went out, and one failure.
		{"on the limit is inside", closed, []results.Limit{{Metric: metric.E2E, MaxNS: 20 * ms}}, 0.4},
		{"every limit counts", closed, []results.Limit{{Metric: metric.E2E, MaxNS: 90 * ms}, {Metric: metric.ResponseE2E, MaxNS: 30 * ms}}, 0.2},
		{"open loop judges e2e from the intended time", open, []results.Limit{{Metric: metric.E2E, MaxNS: 30 * ms}}, 0.2},
		{"a metric that the request lacks is a miss", closed, []results.Limit{{Metric: metric.TTFT, MaxNS: 900 * ms}}, 0},
		{"but not the pace of a stream that came at once", closed, []results.Limit{{Metric: metric.TPOT, MaxNS: 1}, {Metric: metric.MaxGap, MaxNS: 1}}, 0.8},
		{"a plain answer has no pace", open, []results.Limit{{Metric: metric.TPOT, MaxNS: 900 * ms}}, 0},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			info := row.info
			info.SLO = row.slo
			c := results.NewCollector(info, window(0, 500))
			for i := range int64(4) {
				r := plain(100, 110+10*i, results.OK)
				r.IntendedNS = 85 * ms
				c.Add(r)
			}
			c.Add(plain(100, 101, results.Reset))
			s := c.Summarize()
			if !near(*s.Goodput.Attainment, row.attainment, 1e-12) || !near(*s.Goodput.RequestsPerS, row.attainment*5/0.5, 1e-12) {
				t.Errorf("attainment %g, goodput %g, want %g", *s.Goodput.Attainment, *s.Goodput.RequestsPerS, row.attainment)
			}
			if !slices.Equal(s.SLO, row.slo) {
				t.Errorf("slo %v", s.SLO)
			}
		})
	}
	if s := results.NewCollector(closed, window(0, 1)).Summarize(); s.Goodput != (results.Goodput{}) {
		t.Errorf("goodput without an SLO: %+v", s.Goodput)
	}
}

func TestWarnings(t *testing.T) {
	for _, row := range []struct {
		sentence string
		change   func(*results.Record)
		want     string // a part; empty: no warning
	}{
		{"usage and lengths as asked", func(*results.Record) {}, ""},
		{"no usage", func(r *results.Record) { r.Tokens.Source = results.FromEvents }, "1 of 1 answers carried no usage"},
		{"shorter than asked", func(r *results.Record) { r.Tokens.RequestedOutput = 10 }, "9 output tokens where 10 were asked for (-10.0%)"},
		{"stamps out of order", func(r *results.Record) { r.SlotNS = 1 }, "queue_delay below 0, counted as 0 because stamps are out of order: 1"},
		{"longer than an hour", func(r *results.Record) { r.Attempts[1].DoneNS = 2 * 3600e9 }, "e2e above one hour, ranked as one hour: 1"},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			r := streamed()
			row.change(&r)
			c := results.NewCollector(closed, window(0, 1000))
			c.Add(&r)
			got := strings.Join(c.Summarize().Warnings, "\n")
			if (row.want == "") != (got == "") || !strings.Contains(got, row.want) {
				t.Errorf("warnings %q, want %q", got, row.want)
			}
		})
	}
}

func TestTokensAndReads(t *testing.T) {
	c := results.NewCollector(closed, window(0, 1000))
	a, b := streamed(), streamed()
	a.Tokens.Cached, a.Attempts[1].Reads, a.Attempts[1].MultiReads = 5, 9, 1
	b.Tokens.Source, b.Attempts[1].Reads = results.FromEvents, 1
	failed := streamed()
	failed.Outcome = results.Reset
	for _, r := range []*results.Record{&a, &b, &failed} {
		c.Add(r)
	}
	s := c.Summarize()
	want := results.TokenTotals{Input: 40, Cached: 5, Output: 18, RequestedInput: 40, RequestedOutput: 18, Source: "mixed"}
	if s.Tokens != want {
		t.Errorf("tokens %+v, want %+v", s.Tokens, want)
	}
	if got := s.Instrument.MultiEventReads; !near(*got, 0.1, 1e-12) {
		t.Errorf("reads with several events %g, want 1 of 10", *got)
	}
}

func TestTheKernelsStampsOfMeasuredArrivals(t *testing.T) {
	lags := func(n int, each int64) []int64 { return slices.Repeat([]int64{each}, n) }
	for _, row := range []struct {
		sentence  string
		lags      []int64
		warmup    bool
		p50, p99  float64 // ms; 0: not known
		unstamped float64 // -1: not known
	}{
		{"enough for both quantiles", append(lags(297, 60_000), lags(3, 400_000)...), false, 0.06, 0.06, 0},
		{"the slowest hundredth", append(lags(295, 60_000), lags(5, 400_000)...), false, 0.06, 0.4, 0},
		{"too few for a p99", lags(298, 60_000), false, 0.06, 0, 0},
		{"too few for any", lags(4, 60_000), false, 0, 0, 0},
		{"those without a stamp are counted, not ranked", append(lags(100, -1), lags(300, 60_000)...), false, 0.06, 0.06, 0.25},
		{"none had a stamp", lags(400, -1), false, 0, 0, 1},
		{"the kernel was not asked", nil, false, 0, 0, -1},
		{"warm-up is outside", lags(400, 60_000), true, 0, 0, -1},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			r := streamed()
			r.Warmup, r.Attempts[1].KernelLagNS = row.warmup, row.lags
			c := results.NewCollector(closed, window(0, 1000))
			c.Add(&r)
			in := c.Summarize().Instrument
			for _, v := range []struct {
				what string
				got  *float64
				want float64
				none bool
			}{
				{"p50", in.KernelToReadP50MS, row.p50, row.p50 == 0},
				{"p99", in.KernelToReadP99MS, row.p99, row.p99 == 0},
				{"unstamped", in.UnstampedReads, row.unstamped, row.unstamped < 0},
			} {
				if (v.got == nil) != v.none || !v.none && !near(*v.got, v.want, 1e-3) {
					t.Errorf("%s: %v, want %g", v.what, v.got, v.want)
				}
			}
		})
	}
}

// However records are split over collectors and in whatever order they come, the merge is one collector's answer.
func TestMergeEqualsOneCollector(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		info := closed
		info.SLO = []results.Limit{{Metric: metric.E2E, MaxNS: 300 * ms}}
		bounds := window(100, 2000)
		whole := results.NewCollector(info, bounds)
		parts := make([]*results.Collector, rapid.IntRange(1, 4).Draw(t, "collectors"))
		for i := range parts {
			parts[i] = results.NewCollector(info, bounds)
		}
		for range rapid.IntRange(0, 60).Draw(t, "records") {
			r := someRecord(t)
			whole.Add(r)
			parts[rapid.IntRange(0, len(parts)-1).Draw(t, "to")].Add(r)
		}
		for _, p := range parts[1:] {
			if err := parts[0].Merge(p); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := parts[0].Summarize(), whole.Summarize(); !reflect.DeepEqual(got, want) {
			t.Fatalf("\nmerged %s\nwhole  %s", text(got), text(want))
		}
		got, want := parts[0].Histograms(), whole.Histograms()
		for name := range want.Metrics {
			if !slices.Equal(digest(got.Metrics[name]), digest(want.Metrics[name])) {
				t.Fatalf("%s differs", name)
			}
		}
	})
}

func TestMergeRefusesAnotherStage(t *testing.T) {
	if err := results.NewCollector(closed, window(0, 1)).Merge(results.NewCollector(open, window(0, 1))); err == nil {
		t.Error("merged")
	}
}

// someRecord draws a request such as runs have, up to minutes long.
func someRecord(t *rapid.T) *results.Record {
	r := streamed()
	shift := rapid.OneOf(rapid.Int64Range(0, 3*second), rapid.Int64Range(0, 400*second)).Draw(t, "shift")
	r.IntendedNS += shift
	r.SlotNS += shift
	r.DispatchedNS += shift + rapid.Int64Range(0, ms).Draw(t, "late")
	r.DoneNS += shift
	for i := range r.Attempts {
		a := &r.Attempts[i]
		a.StartedNS, a.DoneNS = a.StartedNS+shift, a.DoneNS+shift
		if a.FirstTokenNS > 0 {
			a.FirstTokenNS, a.FirstOutNS = a.FirstTokenNS+shift, a.FirstOutNS+shift
		}
	}
	r.Outcome = rapid.SampledFrom([]results.Outcome{results.OK, results.OK, results.OK, "http_500", results.Cancelled, results.TimeoutIdle}).Draw(t, "outcome")
	r.Workload = rapid.SampledFrom([]string{"", "chat", "code"}).Draw(t, "workload")
	r.Endpoint = rapid.SampledFrom([]string{"", "http://a", "http://b"}).Draw(t, "endpoint")
	r.Labels = map[string]string{"x-replica": rapid.SampledFrom([]string{"1", "2"}).Draw(t, "replica")}
	r.Turn = rapid.IntRange(0, 3).Draw(t, "turn")
	r.Warmup = rapid.IntRange(0, 9).Draw(t, "warmup") == 0
	r.Tokens.Source = rapid.SampledFrom([]results.TokenSource{results.FromUsage, results.FromEvents}).Draw(t, "source")
	r.Attempts[1].KernelLagNS = rapid.SliceOfN(rapid.Int64Range(-1, 10*ms), 0, 5).Draw(t, "kernel lags")
	if rapid.Bool().Draw(t, "counted") {
		r.Attempts[1].Arrivals.K = nil
	}
	return &r
}

func text(s results.StageSummary) string {
	b, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Whatever the records hold, the summary is JSON: encoding/json refuses NaN and Inf.
func TestSummariesAreAlwaysJSON(t *testing.T) {
	zero, far := window(5, 5), window(0, math.MaxInt64/ms)
	for _, row := range []struct {
		sentence string
		bounds   *results.Bounds
		records  []*results.Record
		contains string
	}{
		{"nothing", window(0, 100), nil, `"success_rate":null`},
		{"no window", new(results.Bounds), nil, `"requests_per_s":null`},
		{"a window of no length", zero, []*results.Record{plain(5, 5, results.OK)}, `"requests_per_s":null`},
		{"all failed", window(0, 100), slices.Repeat([]*results.Record{plain(0, 1, results.Reset)}, 30), `"p50":null,"p90":null,"p95":null,"p99":null,"p99_9":null,"max":null,"censored":true`},
		{"all failed has a success rate of 0", window(0, 100), []*results.Record{plain(0, 1, results.Reset)}, `"success_rate":0`},
		{"one request", window(0, 100), []*results.Record{plain(0, 1, results.OK)}, `"stddev":0`},
		{"only cancelled", window(0, 100), []*results.Record{plain(0, 1, results.Cancelled)}, `"success_rate":null`},
		{"an empty record", window(0, 100), []*results.Record{{}}, `"issued":1`},
		{"stamps at the ends of time", far, []*results.Record{
			plain(0, math.MaxInt64/ms, results.OK), plain(math.MinInt64/ms, math.MaxInt64/ms, results.OK),
			plain(-5, -7, results.OK), plain(math.MaxInt64/ms, 0, results.OK),
		}, `"issued":4`},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			info := closed
			info.SLO = []results.Limit{{Metric: metric.TTFT, MaxNS: 1}}
			c := results.NewCollector(info, row.bounds)
			for _, r := range row.records {
				c.Add(r)
			}
			s := c.Summarize()
			b, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(b), row.contains) {
				t.Errorf("no %s in %s", row.contains, b)
			}
			for _, list := range []string{"slo", "series", "warnings", "ci", "outcomes", "metrics"} {
				if strings.Contains(string(b), `"`+list+`":null`) {
					t.Errorf("%s is null", list)
				}
			}
			for _, m := range metric.All() {
				if v, state := s.Scalar(m.Name); math.IsNaN(v) || state == "" {
					t.Errorf("%s is %g, %s", m.Name, v, state)
				}
			}
		})
	}
}

func FuzzCollector(f *testing.F) {
	r := streamed()
	f.Add(r.AppendJSON(nil))
	f.Add([]byte(`{"outcome":"ok","attempts":[{"arrivals":{"dt_ns":[1,-9223372036854775808,3],"k":[1,-2,3],"events":[0,-1,1]}}]}`))
	f.Add([]byte(`{"outcome":"ok","tokens":{"output":5},"attempts":[{"arrivals":{"dt_ns":[9223372036854775807,9223372036854775807],"events":[1,-1]}}]}`))
	f.Add([]byte(`{"outcome":"ok","attempts":[{"arrivals":{"dt_ns":[1,2,3],"k":[1,9223372036854775807,9223372036854775807]}}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var r results.Record
		if json.Unmarshal(line, &r) != nil {
			return
		}
		c := results.NewCollector(closed, window(0, 1000))
		c.Add(&r)
		if _, err := json.Marshal(c.Summarize()); err != nil {
			t.Fatalf("%v of %s", err, line)
		}
	})
}

func BenchmarkCollectorAdd(b *testing.B) {
	c := results.NewCollector(closed, window(0, 1000))
	r := stream128()
	b.ReportAllocs()
	for b.Loop() {
		c.Add(r)
	}
}

// TestGoodputIsMonotone holds that a wider SLO has no less goodput, and none more than what succeeded.
func TestGoodputIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		info := rapid.SampledFrom([]results.StageInfo{closed, open}).Draw(t, "load")
		name := rapid.SampledFrom([]metric.Name{metric.TTFT, metric.E2E, metric.TPOT, metric.MaxGap, metric.ResponseE2E}).Draw(t, "metric")
		limit := rapid.Int64Range(1, 1000*ms).Draw(t, "limit")
		bounds := window(100, 2000)
		var all []*results.Collector
		for _, wider := range []int64{limit, limit + rapid.Int64Range(0, 500*ms).Draw(t, "wider"), math.MaxInt64} {
			of := info
			of.SLO = []results.Limit{{Metric: name, MaxNS: wider}}
			all = append(all, results.NewCollector(of, bounds))
		}
		for range rapid.IntRange(1, 60).Draw(t, "records") {
			r := someRecord(t)
			for _, c := range all {
				c.Add(r)
			}
		}
		var before results.Goodput
		for _, c := range all {
			s := c.Summarize()
			if g := s.Goodput.RequestsPerS; g == nil || *g > *s.Throughput.RequestsPerS || before.RequestsPerS != nil && *g < *before.RequestsPerS {
				t.Fatalf("goodput %v after %v, throughput %v", show(g), show(before.RequestsPerS), show(s.Throughput.RequestsPerS))
			}
			if a := s.Goodput.Attainment; a != nil && (*a > *s.Success || before.Attainment != nil && *a < *before.Attainment) {
				t.Fatalf("attainment %v after %v, success %v", *a, show(before.Attainment), *s.Success)
			}
			before = s.Goodput
		}
	})
}

func show(v *float64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}
