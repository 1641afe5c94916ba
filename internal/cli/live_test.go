package cli_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/internal/cli"
	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios/runner"
)

func TestProgressIsALine(t *testing.T) {
	begin := time.Unix(1000, 0)
	medians := map[metric.Name]time.Duration{metric.TTFT: 101 * time.Millisecond, metric.TPOT: 9800 * time.Microsecond}
	for _, c := range []struct {
		name string
		p    runner.Progress
		want string
	}{
		{
			"a stage that requests end is a quarter over after ten seconds",
			runner.Progress{Stage: "c=2", Stages: 9, Begin: begin, Total: 80, Done: 20, Measured: 20, InFlight: 2, Medians: medians},
			"[1/9] c=2: 20 of 80, about 30s left; 12.3/s, 2 in flight, 100% ok, TTFT p50 101 ms, TPOT p50 9.80 ms\n",
		},
		{
			"one that time ends, and failures by kind, the most frequent first",
			runner.Progress{
				Stage: "rate=5/s", Index: 1, Stages: 2, Begin: begin, Duration: 40 * time.Second, Done: 40, Measured: 40, Failed: 3, InFlight: 7,
				Outcomes: map[results.Outcome]int64{results.Reset: 1, "http_500": 2}, Medians: map[metric.Name]time.Duration{metric.E2E: 2 * time.Second},
			},
			"[2/2] rate=5/s: 40 in 10s of 40s, about 30s left; 12.3/s, 7 in flight, 92.5% ok, E2E p50 2000 ms; http_500 2, reset 1\n",
		},
		{
			"what ends first is what counts",
			runner.Progress{Stage: "x", Stages: 1, Begin: begin, Duration: 20 * time.Second, Total: 1000, Done: 10, Measured: 10},
			"[1/1] x: 10 in 10s of 20s, about 10s left; 12.3/s, 0 in flight, 100% ok\n",
		},
		{
			"one failure in a million is not all",
			runner.Progress{Stage: "x", Stages: 1, Begin: begin, Total: 1_000_000, Done: 1_000_000, Measured: 1_000_000, Failed: 1, Outcomes: map[results.Outcome]int64{"refused": 1}},
			"[1/1] x: 1000000 of 1000000, finishing; 12.3/s, 0 in flight, >99.9% ok; refused 1\n",
		},
		{
			"warm-up and tail are no part of the requests that end a stage",
			runner.Progress{Stage: "x", Stages: 1, Begin: begin, Total: 160, Done: 192, Measured: 80},
			"[1/1] x: 80 of 160, about 10s left; 12.3/s, 0 in flight, 100% ok\n",
		},
		{
			"where requests come before the time, they are the end",
			runner.Progress{Stage: "x", Stages: 1, Begin: begin, Total: 160, Duration: time.Minute, Done: 80, Measured: 80},
			"[1/1] x: 80 of 160, about 10s left; 12.3/s, 0 in flight, 100% ok\n",
		},
		{
			"only the warm-up has ended",
			runner.Progress{Stage: "x", Stages: 1, Begin: begin, Total: 160, Done: 16, InFlight: 4},
			"[1/1] x: warm-up, 16 so far, just begun; 12.3/s, 4 in flight, 100% ok\n",
		},
		{
			"the time is over, and answers are waited for",
			runner.Progress{Stage: "x", Stages: 1, Begin: begin, Duration: 8 * time.Second, Done: 80, Measured: 80, InFlight: 4},
			"[1/1] x: 80 in 8s of 8s, finishing; 12.3/s, 4 in flight, 100% ok\n",
		},
		{
			"nothing has ended",
			runner.Progress{Stage: "x", Stages: 1, Begin: begin, Total: 10, InFlight: 4},
			"[1/1] x: 0 of 10, just begun; 12.3/s, 4 in flight\n",
		},
		{
			"more kinds than a line holds",
			runner.Progress{
				Stage: "x", Stages: 1, Begin: begin, Total: 10, Done: 5, Measured: 5, Failed: 5,
				Outcomes: map[results.Outcome]int64{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1},
			},
			"[1/1] x: 5 of 10, about 10s left; 12.3/s, 0 in flight, 0% ok; a 1, b 1, c 1, d 1, 2 other kinds\n",
		},
	} {
		if got := cli.PlainLine(c.p, 12.34, begin.Add(10*time.Second)); got != c.want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestTheRateIsOfTheLastSeconds(t *testing.T) {
	begin := time.Unix(1000, 0)
	var looks []runner.Progress
	var at []time.Time
	for i, done := range []int64{10, 20, 30, 130, 230, 330} {
		looks = append(looks, runner.Progress{Stage: "a", Begin: begin, Done: done})
		at = append(at, begin.Add(time.Duration(i+1)*time.Second))
	}
	looks = append(looks, runner.Progress{Stage: "b", Index: 1, Begin: begin.Add(6 * time.Second), Done: 5, Measured: 5})
	at = append(at, begin.Add(7*time.Second))
	want := []float64{10, 10, 10, 55, 100, 100, 5}
	for i, got := range cli.Pace(looks, at) {
		if math.Abs(got-want[i]) > 1e-9 {
			t.Errorf("look %d: %v/s, want %v", i, got, want[i])
		}
	}
}

func TestTheBarIsDrawnInPlaceAndTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		var looks []runner.Progress
		for i := range int64(8) {
			looks = append(looks, runner.Progress{Stage: "c=2", Stages: 2, Begin: time.Now(), Total: 8, Done: i + 1, Measured: i + 1, InFlight: 2})
		}
		cli.BarView(&out, 60, looks)
		text := out.String()
		for _, want := range []string{"10.0/s, 2 in flight, 100% ok", "100% ", "[1/2] c=2: 8 of 8, finishing"} {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in %q", want, text)
			}
		}
		// What is drawn is two lines, each time over the two before, and none is left.
		if up, lines := strings.Count(text, "\x1b[1A")+strings.Count(text, "\x1b[A"), strings.Count(text, "\n"); up != lines {
			t.Errorf("%d lines up, %d down: %q", up, lines, text)
		}
		if strings.Contains(strings.NewReplacer("\x1b[1A", "", "\x1b[A", "", "\x1b[2K", "", "\x1b[K", "").Replace(text), "\x1b") {
			t.Errorf("colours, or other codes, in %q", text)
		}
		for line := range strings.Lines(text) {
			if n := len([]rune(strings.NewReplacer("\x1b[1A", "", "\x1b[2K", "", "\n", "").Replace(line))); n > 60 {
				t.Errorf("a line of %d columns: %q", n, line)
			}
		}
	})
}

func TestNothingIsToldBeforeTheFirstStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		stop := cli.Watch(cli.IO{Err: &out, LookupEnv: func(string) (string, bool) { return "", false }}, &runner.Live{})
		time.Sleep(12 * time.Second)
		stop()
		if out.String() != "" {
			t.Errorf("before the first stage: %q", out.String())
		}
	})
}

func TestAWaitIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		stop := cli.Waiting(cli.IO{Err: &out}, "the answer to the probe", 2*time.Minute)
		time.Sleep(12 * time.Second)
		stop()
		time.Sleep(time.Minute)
		const want = "waiting for the answer to the probe: 5s of at most 2m0s\nwaiting for the answer to the probe: 10s of at most 2m0s\n"
		if out.String() != want {
			t.Errorf("got %q", out.String())
		}
	})
}
