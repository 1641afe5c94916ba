package runner_test

import (
	"context"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// shared is a bed that several shards load: the mock's count is of all of them.
type shared struct{ *bed }

func (shared) Seen(context.Context) (runner.Seen, error) { return runner.Seen{}, nil }

// together runs all shards of a scenario at once against one mock in virtual time, and keeps each as its own folder. delay puts
// off the moment at which shard i is ready.
func together(t *testing.T, mock, scenario string, n int, delay func(i int) time.Duration) (dirs []string) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, mock)
		defer b.close()
		start := time.Now().Add(3 * time.Second)
		var all sync.WaitGroup
		for i := range n {
			name := filepath.Join(dir, fmt.Sprintf("shard-%d", i))
			dirs = append(dirs, name)
			all.Go(func() {
				time.Sleep(delay(i)) // the bubble's clock
				keepShard(t, shared{b}, scenario, scenarios.Shard{Index: i, Count: n}, start, name)
			})
		}
		all.Wait()
	})
	return dirs
}

func keepShard(t *testing.T, target runner.Target, scenario string, sh scenarios.Shard, start time.Time, dir string) {
	whole := plan(t, scenario)
	part, err := whole.Shard(sh)
	if err != nil {
		t.Error(err)
		return
	}
	hash, err := whole.Hash()
	if err != nil {
		t.Error(err)
	}
	s := &results.Summary{Run: results.Run{
		ID: fmt.Sprint("run-", sh.Index), StartedAt: start, PlanSHA256: hash,
		Shard: &results.Shard{Index: sh.Index, Count: sh.Count, StartAt: start},
	}}
	w, err := store.Create(dir, []byte("name: t\n"), s)
	if err != nil {
		t.Error(err)
		return
	}
	res, err := runner.Run(t.Context(), part, target, runner.Config{
		RunID: s.Run.ID, Model: "demo-8b", Nonce: 1, Start: start, Dial: target.(shared).dial,
		Append: func(r *results.Record) { _ = w.Append(r) },
	})
	if err != nil {
		t.Error(err)
		return
	}
	s.Run.FinishedAt, s.Valid, s.InvalidReasons = time.Now(), len(res.Invalid) == 0, res.Invalid
	s.Stages, s.Conservation, s.Instrument, s.Budget = res.Stages, res.Conservation, res.Instrument, res.Budget
	if err := w.Finish(s, res.Histograms); err != nil {
		t.Error(err)
	}
}

func mergeDirs(t *testing.T, dirs []string) (*results.Summary, []results.StageHistograms) {
	t.Helper()
	var shards []*store.Run
	for _, dir := range dirs {
		r, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		shards = append(shards, r)
	}
	s, hs, err := store.Merge(t.Context(), filepath.Join(t.TempDir(), "merged"), shards, store.MergeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return s, hs
}

func bucketsOf(h *results.Histogram) (b [][2]int64) {
	for ns, n := range h.Buckets {
		b = append(b, [2]int64{ns, n})
	}
	return b
}

// The service time of a request depends on the length of its answer, and that on its place in the plan alone.
const byPlace = `engine: {model: fixed, ttft: 20ms, itl: 2ms}`

func TestFourShardsMeasureWhatOneMachineDoes(t *testing.T) {
	const work = "name: t\nseed: 9\ntarget: {mock: {}}\nworkload: {prompts: {synthetic: {input_tokens: 16}}, output: {tokens: {distribution: lognormal, mean: 40, stddev: 30}}}\nslo: {e2e: 100ms}\n"
	for _, row := range []struct {
		sentence, load string
		rates          bool // the window is the one machine's, too
	}{
		{"Poisson arrivals", "{open: {rate: 100/s}, requests: 240, warmup: {requests: 30}}", true},
		{"bursts in batches, for a time", "{open: {rate: 40/s, arrivals: gamma(0.4)}, duration: 3s, batch: {size: 3}, warmup: {duration: 1s}}", true},
		{"sessions", "{sessions: {rate: 20/s, turns: {mean: 4, stddev: 2}, tool_delay: {mean: 50ms, stddev: 20ms}}, requests: 160}", true},
		{"a closed loop", "{closed: {concurrency: 13}, requests: 240, warmup: {requests: 26}}", false},
		{"stages that begin together", "{open: {rate: [50/s, 100/s], arrivals: constant}, duration: 2s, pause: 2s}", true},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			one := run(t, byPlace, work+"load: "+row.load+"\n", 0)
			dirs := together(t, byPlace, work+"load: "+row.load+"\n", 4, func(i int) time.Duration { return time.Duration(i) * time.Second / 2 })
			s, hs := mergeDirs(t, dirs)
			if !s.Valid || len(s.Run.Shards) != 4 || len(hs) != len(one.Histograms) {
				t.Fatalf("valid %v, %q, %d shards, %d stages", s.Valid, s.InvalidReasons, len(s.Run.Shards), len(hs))
			}
			for i, want := range one.Histograms {
				if len(hs[i].Metrics) != len(want.Metrics) {
					t.Errorf("%d metrics, want %d", len(hs[i].Metrics), len(want.Metrics))
				}
				for name, h := range want.Metrics {
					if got := bucketsOf(hs[i].Metrics[name]); !slices.Equal(got, bucketsOf(h)) {
						t.Errorf("%s of %s differs from the one machine's:\n%v\n%v", name, want.Stage, got, bucketsOf(h))
					}
				}
				sameStage(t, &s.Stages[i], &one.Stages[i], row.rates && i == 0) // a second stage of one machine begins when the first is over
			}
		})
	}
}

// sameStage compares what a merge computes anew.
func sameStage(t *testing.T, got, want *results.StageSummary, rates bool) {
	t.Helper()
	q := got.Requests
	q.Tail = want.Requests.Tail // the tail of each is as long as its own requests take
	if q != want.Requests || !reflect.DeepEqual(got.Metrics, want.Metrics) || !reflect.DeepEqual(got.Outcomes, want.Outcomes) || got.Tokens != want.Tokens {
		t.Errorf("%s: requests %+v, want %+v", got.Name, got.Requests, want.Requests)
	}
	if !reflect.DeepEqual(got.Goodput.Attainment, want.Goodput.Attainment) || got.StopReason != want.StopReason {
		t.Errorf("%s: goodput %+v, want %+v; ended by %q, want %q", got.Name, got.Goodput, want.Goodput, got.StopReason, want.StopReason)
	}
	if !rates {
		return
	}
	if got.Window.StartS != want.Window.StartS || got.Window.DurationS != want.Window.DurationS || !reflect.DeepEqual(got.Throughput, want.Throughput) {
		t.Errorf("%s: window %+v, throughput %+v; want %+v, %+v", got.Name, got.Window, got.Throughput, want.Window, want.Throughput)
	}
}

// A stage that ran over on one shard lets it begin the next one late.
func TestAShardThatBeginsAStageLateSaysSo(t *testing.T) {
	dirs := together(t, `engine: {model: fixed, ttft: 5s, itl: 2ms}`, `
workload: {output: {tokens: 4}}
load: {open: {rate: [20/s, 40/s], arrivals: constant}, duration: 3s, pause: 1s}
`, 2, func(int) time.Duration { return 0 })
	s, _ := mergeDirs(t, dirs)
	if got := strings.Join(s.InvalidReasons, "\n"); s.Valid || !strings.Contains(got, "shard 1: rate=40/s: this shard began") {
		t.Errorf("valid %v: %s", s.Valid, got)
	}
}

// A budget ends each shard by its part; what one ends early and others do not is no run of the plan.
func TestShardsThatEndDifferentlyAreNoRun(t *testing.T) {
	dirs := together(t, byPlace, `
budget: {total_tokens: 300}
workload: {prompts: {synthetic: {input_tokens: 10}}, output: {tokens: 10}}
load: {closed: {concurrency: 3}, requests: 15}
`, 2, func(int) time.Duration { return 0 })
	s, _ := mergeDirs(t, dirs)
	if s.Budget == nil || s.Budget.TotalTokens != 300 || s.Budget.UsedInput+s.Budget.UsedOutput > 300 || !s.Budget.Exhausted {
		t.Errorf("budget %+v", s.Budget)
	}
	if got := strings.Join(s.InvalidReasons, "\n"); s.Valid || !strings.Contains(got, "c=3: the shards ended differently: shard 0: budget: ") {
		t.Errorf("valid %v: %s", s.Valid, got)
	}
}
