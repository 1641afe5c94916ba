package mockserver

import (
	"net/http"
	"strconv"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

var analyticParams = []string{"in", "out", "rate", "cached"}

// What a virtual run may cost: it keeps every token's time.
const (
	longestRun  = 10 * time.Minute // virtual
	runRequests = 20_000
	runTokens   = 5_000_000
)

// adminAnalytic says what the engine, as it is configured now, can serve of a
// stream of like requests.
func (s *Server) adminAnalytic(w http.ResponseWriter, r *http.Request) {
	q := readQuery(r)
	load := engine.Workload{In: int(q.number("in", 0, 1, 10_000_000)), Out: int(q.number("out", 0, 1, 1_000_000))}
	load.Cached = int(q.number("cached", 0, 0, 10_000_000))
	load.Rate = q.rate("rate")
	for _, name := range []string{"in", "out"} {
		if !q.values.Has(name) {
			q.fail(name, "write the tokens of a request, for example in=512&out=128&rate=10")
		}
	}
	if load.Cached > load.In {
		q.fail("cached", "more than in: they are the part of the prompt that is in the prefix cache")
	}
	if q.refuse(w) {
		return
	}
	cfg := s.cfg.Load()
	answer := map[string]any{"model": cfg.Engine.Model, "version": cfg.version, "workload": load}
	switch e := newEngine(cfg).(type) {
	case *engine.Step:
		answer["analytic"] = e.Analytic(load)
		if load.Rate > 0 {
			over := runFor(load)
			load.Bursts = cfg.Engine.bursts
			answer["measured"], answer["measured_over_ns"] = e.Measure(load, over, cfg.Seed), over
		}
	case *engine.Fixed:
		if cfg.Engine.Model == engineNone {
			writeError(w, *invalid("", "model none takes no time: there is nothing to work out"))
			return
		}
		answer["analytic"] = fixedAnalytic(e, load)
	}
	writeJSON(w, answer)
}

// runFor is how long a virtual run is: as long as it may be.
func runFor(w engine.Workload) time.Duration {
	requests := min(runRequests, runTokens/(float64(w.Out)+float64(w.In)/16))
	return time.Duration(min(longestRun.Seconds(), requests/w.Rate) * float64(time.Second))
}

// fixedAnalytic is exact: a sequence holds its slot for TTFT + (Out-1)*ITL,
// whatever else runs, and half of the stagger on average.
func fixedAnalytic(e *engine.Fixed, w engine.Workload) map[string]any {
	held := e.TTFT + time.Duration(w.Out-1)*e.ITL + e.Stagger/2
	answer := map[string]any{"max_seqs": e.Slots, "held_ns": held, "mean_gap_ns": e.ITL}
	if held > 0 {
		most := float64(e.Slots) / held.Seconds()
		answer["saturation_rate"], answer["running"] = most, min(w.Rate, most)*held.Seconds()
	}
	return answer
}

// rate reads requests a second; 0 where it is missing.
func (q *query) rate(name string) float64 {
	if !q.values.Has(name) {
		return 0
	}
	f, err := strconv.ParseFloat(q.values.Get(name), 64)
	if err != nil || !(f > 0 && f <= 1e6) {
		q.fail(name, "want requests a second, above 0 to 1000000")
	}
	return f
}
