package capacity_test

import (
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
	"github.com/llmload/llmload/report/capacity"
)

// The capacities that are looked for: of each shape by saturation, by a p99 of the TTFT and by a p90 of the TPOT that break
// between half of saturation and saturation.
var pool = []struct {
	shape
	tpot string
}{
	{shape{512, 128}, "tpot.p90=12ms"},
	{shape{1024, 256}, "tpot.p90=13ms"},
	{shape{256, 256}, "tpot.p90=9ms"},
	{shape{4096, 64}, "tpot.p90=50ms"},
}

const (
	seedsOfPool = 10
	saturated   = "success_rate=0.99" // nothing fails, so saturation alone binds
	mostOff     = 0.07                // of an answer by latency, in rate
	mostOffFull = 0.05                // of saturation
)

// TestAnswersHoldTheTruth lets 120 searches run, each in another virtual server's life. An answer is graded in rate. The
// truth of saturation is the closed form, that of a latency a run of an hour or more of the same engine at each rate that a
// bisection asks for.
func TestAnswersHoldTheTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("a minute of simulation")
	}
	var held, cases atomic.Int64
	t.Run("pool", func(t *testing.T) {
		for _, c := range pool {
			for _, expr := range []string{saturated, "ttft.p99=500ms", c.tpot} {
				t.Run(fmt.Sprintf("%d-%d %s", c.in, c.out, expr), func(t *testing.T) {
					t.Parallel()
					want, off := truth(t, c.shape, expr)
					for seed := range uint64(seedsOfPool) {
						cases.Add(1)
						if graded(t, c.shape, expr, seed+1, want, off) {
							held.Add(1)
						}
					}
				})
			}
		}
	})
	t.Logf("%d of %d intervals hold the truth", held.Load(), cases.Load())
	if held.Load()*10 < cases.Load()*9 {
		t.Errorf("only %d of %d intervals hold the truth, want 9 of 10", held.Load(), cases.Load())
	}
}

// TestAnswersToMeans: the mean of a latency is no share of requests, and close to saturation it rises by decades.
func TestAnswersToMeans(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute of simulation")
	}
	var held atomic.Int64
	const seeds, least = 4, 10 // of 12
	t.Run("pool", func(t *testing.T) {
		for expr, sh := range map[string]shape{
			"ttft.mean=100ms": {512, 128}, "ttft.mean=30ms": {256, 256}, "tpot.mean=50ms": {4096, 64},
		} {
			t.Run(expr, func(t *testing.T) {
				t.Parallel()
				want, off := truth(t, sh, expr)
				for seed := range uint64(seeds) {
					if graded(t, sh, expr, seed+1, want, off) {
						held.Add(1)
					}
				}
			})
		}
	})
	if held.Load() < least {
		t.Errorf("only %d of 12 intervals hold the truth", held.Load())
	}
}

// graded runs one search and reports whether its interval holds the truth.
func graded(t *testing.T, sh shape, expr string, seed uint64, want, most float64) bool {
	v := &server{shape: sh, engine: h100, seed: seed}
	a := v.search(&capacity.Search{SLO: slo(t, expr)})
	if a.State != capacity.Found {
		t.Errorf("seed %d: %s, %s", seed, a.State, a.Why)
		return false
	}
	e := a.Estimate
	t.Logf("seed %d: %.3f (%.3f to %.3f) of %.3f, %+.1f%%, %s, %d stages, confirmed %v",
		seed, e.Rate, e.Lo, e.Hi, want, 100*(e.Rate/want-1), e.Binding, len(a.Probes), a.Confirm.Confirmed())
	if math.Abs(e.Rate/want-1) > most {
		t.Errorf("seed %d: %.3f/s is %+.1f%% off the truth %.3f/s", seed, e.Rate, 100*(e.Rate/want-1), want)
	}
	if len(a.Probes) > 15 {
		t.Errorf("seed %d: %d stages", seed, len(a.Probes))
	}
	if binds := slo(t, expr).Terms[0].String(); expr == saturated && e.Binding != capacity.Saturation || expr != saturated && e.Binding != binds {
		t.Errorf("seed %d: %s is said to bind", seed, e.Binding)
	}
	return e.Lo <= want && want <= e.Hi
}

// truth is the highest rate inside the SLO, and how far off an answer may be.
func truth(t *testing.T, sh shape, expr string) (rate, off float64) {
	star := h100().Analytic(engine.Workload{In: sh.in, Out: sh.out}).SaturationRate
	if expr == saturated {
		return star, mostOffFull
	}
	s := slo(t, expr)
	lo, hi := 0.3*star, 0.99*star
	for range 8 {
		middle := math.Sqrt(lo * hi)
		v := &server{shape: sh, engine: h100, seed: 99}
		o := v.probe(s, capacity.Probe{Rate: middle, Requests: 60_000, Warmup: time.Minute})
		if s := o.Scores[0]; o.Saturated || s.Outside > s.Allowed*s.Of || s.ValueNS > s.LimitNS && s.Allowed == 0 {
			hi = middle
		} else {
			lo = middle
		}
	}
	return math.Sqrt(lo * hi), mostOff
}
