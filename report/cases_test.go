package report_test

import (
	"fmt"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
)

// pageCase is a page, and what it must say. The first of says is the first thing in the page below its bar.
type pageCase struct {
	name, what string
	runs       func() []report.Run
	says       []string
	lacks      []string
}

func one(w *world) func() []report.Run { return func() []report.Run { return []report.Run{w.Run} } }

// outbreak is a text that leaves whatever it is put into.
const outbreak = `</script><script>alert("x")</script><img src=x onerror=alert(1)>'"` + "`{{.Run}}\u2028"

var pageCases = []pageCase{
	{
		name: "sweep", what: "a sweep has every part",
		runs: func() []report.Run { return []report.Run{sweepOf("sweep", 5, 1, 2, 4, 8, 16, 32).Run} },
		says: []string{"sweep valid", "dispatch delay p99 0.412 ms", "kernel to read p50 0.060 ms", "most output", "at c=32", "Pareto curve", "Latency against load", "Over time", "the whole width is"},
	},
	{
		name: "zero_successes", what: "without a success there is no latency, and why is said first",
		runs: func() []report.Run {
			w := newWorld("down")
			w.spoil = func(_ int, r *results.Record) { refused(r) }
			w.stage("c=1", closed(1), 60, 10, 1)
			w.stage("c=8", closed(8), 60, 10, 1)
			w.Summary.Valid, w.Summary.InvalidReasons = false, []string{"no request succeeded: is the server listening on 127.0.0.1:8000?"}
			return []report.Run{w.Run}
		},
		says: []string{
			"INVALID: do not use these numbers no request succeeded: is the server listening", "0% succeeded", "no stage has one",
			"a curve needs two", "No request succeeded that has a latency", "60 of 60 not ok", "connection refused",
		},
	},
	{
		name: "one_request", what: "one request resolves no quantile",
		runs: func() []report.Run {
			w := newWorld("single")
			w.stage("c=1", closed(1), 1, 10, 1)
			return []report.Run{w.Run}
		},
		says:  []string{"single valid", "·", "too few requests to resolve this quantile", "a curve needs two", "too few for a median", "c=1 #1", "24 arrivals"},
		lacks: []string{"INVALID", "NaN"},
	},
	{
		name: "nothing", what: "a run that ended before its first stage",
		runs: one(newWorld("early")),
		says: []string{"early valid", "no stage was run", "none counted", "Nothing was measured over time.", "No request was issued.", "No request was measured."},
	},
	{
		name: "one_stage", what: "one stage has percentiles and a course, and no curve",
		runs: func() []report.Run {
			w := newWorld("alone")
			w.stage("c=4", closed(4), 400, 10, 1)
			return []report.Run{w.Run}
		},
		says: []string{"alone valid", "a curve needs two", "99.9%"},
	},
	{
		name: "thirty_stages", what: "thirty stages with long names stay legible",
		runs: func() []report.Run {
			w := newWorld("many")
			for i := range 30 {
				w.stage(fmt.Sprintf("%02d retrieval with long context and tools, tenant %c", i, 'a'+i), closed(1+i), 60, 10+float64(i), 2)
			}
			return []report.Run{w.Run}
		},
		says: []string{"many valid", "21 of 30 stages, evenly spaced", "29 retrieval with long context"},
	},
	{
		name: "names", what: "names beyond ASCII are as they were, and none gets out of its place",
		runs: func() []report.Run {
			w := newWorld("压测 ночь")
			w.Summary.Target.Model = "模型-8b " + outbreak
			w.Summary.Run.Labels = map[string]string{"größe": "übermäßig", outbreak: outbreak}
			w.Summary.Run.ID += outbreak
			w.Summary.Target.Endpoint += outbreak
			w.Summary.Valid, w.Summary.InvalidReasons = false, []string{"because " + outbreak}
			w.spoil = func(i int, r *results.Record) {
				if i%40 == 0 {
					fails(r, "http_500", "500: "+outbreak)
					r.Attempts[0].DoneNS += 300 * msNS
				}
			}
			w.stage("短提示词", closed(1), 200, 10, 1).Warnings = []string{"careful: " + outbreak}
			w.stage("длинный контекст", closed(4), 200, 12, 1)
			w.stage(outbreak, closed(8), 200, 14, 1)
			w.Summary.Thresholds = []results.ThresholdResult{{Stage: outbreak, Expr: outbreak, Verdict: outbreak, Why: outbreak}}
			return []report.Run{w.Run}
		},
		says: []string{"INVALID: do not use these numbers because </script><script>alert(", "压测 ночь", "длинный контекст", "label größe", "übermäßig", "500: </script>"},
	},
	{
		name: "interrupted", what: "an interrupted run says that what follows was measured before",
		runs: func() []report.Run {
			w := newWorld("stopped")
			w.stage("c=4", closed(4), 300, 10, 1)
			w.Summary.Run.Interrupted = true
			return []report.Run{w.Run}
		},
		says: []string{"Interrupted: what follows was measured before."},
	},
	{
		name: "invalid", what: "the reason why a run is invalid is the first thing to see, and what is not known is named",
		runs: func() []report.Run {
			w := sweepOf("late", 5, 1, 8)
			w.Summary.Valid = false
			w.Summary.InvalidReasons = []string{"client-bound: dispatch delay p99 was 38 ms: lower the load or use a machine with more cores", "the books do not balance: report this"}
			w.Summary.Instrument = results.Instrument{CPURatio: ptr(0.97)}
			w.Summary.Conservation = results.Conservation{Broken: "3 requests have no outcome"}
			return []report.Run{w.Run}
		},
		says: []string{"INVALID: do not use these numbers client-bound: dispatch delay p99 was 38 ms", "dispatch delay p99 not measured", "97.0%", "BROKEN: 3 requests have no outcome"},
	},
	{name: "faults", what: "stages with faults are marked, failures and retries have their timeline", runs: faultyRuns, says: []string{
		"outage valid", "stages with injected faults", "broken answer", "earlier (attempt 1: rate_limited)", "backoff", "failed", "stream_error",
	}},
	{
		name: "thresholds", what: "a threshold that failed or is undecided is open to see",
		runs: one(judgedWorld()),
		says: []string{"judged valid", "Thresholds 1 of 3 passed", "FAIL", "needs 2,595 more requests"},
	},
	{
		name: "server", what: "what the server says of itself is drawn and compared, whatever it is",
		runs: one(watched()),
		says: []string{"watched valid", "What the server said of itself", "KV use"},
	},
	{
		name: "capacity", what: "what a search found lies behind the rates that it tried",
		runs: func() []report.Run {
			w := newWorld("searched")
			for _, rate := range []float64{10, 20, 40, 80} {
				w.stage(fmt.Sprintf("rate=%g/s", rate), open(rate), 60, 10+rate/4, 1)
			}
			w.Knee = &report.Knee{SLO: "ttft.p90=25ms", Rate: 57.5, Lo: 51, Hi: 63.2}
			return []report.Run{w.Run}
		},
		says: []string{"searched valid", "Shaded: the highest rate inside ttft.p90=25ms, 57.5/s (51 to 63.2)."},
	},
	{
		name: "imported", what: "of a run of another tool nothing is called valid",
		runs: func() []report.Run {
			w := sweepOf("theirs", 5, 1, 4)
			w.Summary.Run.Imported = &results.Imported{Tool: "guidellm", File: "benchmarks.json"}
			w.Summary.Instrument, w.Requests = results.Instrument{}, nil
			return []report.Run{w.Run}
		},
		says:  []string{"imported from guidellm (benchmarks.json): llmload did not measure it", "guidellm does not measure its own error"},
		lacks: []string{"theirs valid", "conservation"},
	},
	{
		name: "open_loop", what: "open loop counts from the intended arrival",
		runs: func() []report.Run {
			w := newWorld("open")
			for i, rate := range []float64{20, 40, 80} {
				w.spoil = func(k int, r *results.Record) {
					if i == 2 { // it cannot keep up: each waits longer for a slot
						delay(r, int64(k)*4*msNS)
					}
				}
				w.stage(fmt.Sprintf("rate=%g/s", rate), open(rate), 400, 20, 1)
			}
			return []report.Run{w.Run}
		},
		says: []string{"open valid", "TTFT and E2E count from the intended arrival", "from the intended arrival", "queued"},
	},
	{
		name: "thinned", what: "where not every request is drawn, the page says so",
		runs: func() []report.Run {
			w := sweepOf("long", 5, 4)
			bulk(w.Requests, 100_000)
			return []report.Run{w.Run}
		},
		says: []string{"long valid", "of 100,320, the least and the greatest of every"},
	},
	{name: "twenty_thousand", what: "a run of 20,000 intervals draws each of them", runs: manyIntervals(33, 600), says: []string{"many intervals"}, lacks: []string{"LTTB"}},
	{name: "sixty_thousand", what: "beyond them it draws those that keep the peaks", runs: manyIntervals(100, 600), says: []string{"many intervals valid", "60,000 intervals were measured; of each line 20,000 points that keep its peaks and dips are drawn (LTTB)"}},
	{
		name: "overlay", what: "several runs lie over one another, each with a name and a verdict",
		runs: func() []report.Run {
			a, b, c := sweepOf("base", 5, 1, 4, 16), sweepOf("faster kernels", 4, 1, 4, 16), sweepOf("broken", 7, 1, 4, 16)
			c.Summary.Valid, c.Summary.InvalidReasons = false, []string{"the run measured the cache"}
			return []report.Run{a.Run, b.Run, c.Run}
		},
		says: []string{"base valid", "faster kernels: concurrency sweep", "the run measured the cache", "Stages, run by run", "About these runs"},
	},
	{
		name: "no_records", what: "without its records a page shows no single request, and says so",
		runs: func() []report.Run {
			w := sweepOf("bare", 5, 1, 4)
			w.Requests = nil
			return []report.Run{w.Run}
		},
		says:  []string{"bare valid", "The records of single requests were not read."},
		lacks: []string{"of each request"},
	},
}

// faultyRuns has a calm stage and one with failures of each kind.
func faultyRuns() []report.Run {
	w := newWorld("outage")
	w.stage("calm", closed(8), 320, 12, 1)
	w.spoil = func(i int, r *results.Record) {
		switch i % 40 {
		case 7:
			retried(r)
		case 13:
			fails(r, "http_500", "500: the server had an error")
		case 22:
			fails(r, results.StreamError, "an error event inside a 200")
		case 31:
			fails(r, results.TimeoutIdle, "nothing came for 120 s")
			r.Attempts[0].DoneNS += 60 * msNS
			r.DoneNS += 60 * msNS
		}
	}
	faulty := closed(8)
	faulty.Faults = 4
	w.stage("failures", faulty, 320, 12, 1)
	return []report.Run{w.Run}
}

// retried puts a refused attempt and a back-off before the request's own.
func retried(r *results.Record) {
	first := results.Attempt{StartedNS: r.DispatchedNS, SentNS: r.DispatchedNS + msNS/5, DoneNS: r.DispatchedNS + 3*msNS, Outcome: results.RateLimited, Status: 429}
	last := r.Attempts[0]
	const wait = 40 * msNS
	last.StartedNS += wait
	last.SentNS += wait
	last.HeadersNS += wait
	last.FirstChunkNS += wait
	last.FirstTokenNS += wait
	last.FirstOutNS += wait
	last.DoneNS += wait
	r.Attempts, r.DoneNS = []results.Attempt{first, last}, last.DoneNS
}

// delay makes a request wait for a slot.
func delay(r *results.Record, ns int64) {
	a := &r.Attempts[0]
	for _, stamp := range []*int64{
		&r.SlotNS, &r.DispatchedNS, &r.DoneNS,
		&a.StartedNS, &a.SentNS, &a.HeadersNS, &a.FirstChunkNS, &a.FirstTokenNS, &a.FirstOutNS, &a.DoneNS,
	} {
		*stamp += ns
	}
}

// bulk adds n records without keeping them, a thousand a second.
func bulk(d *report.Digest, n int) {
	w := newWorld("bulk")
	r := w.request("c=4", 0, 20, 5)
	base := *r
	attempt := r.Attempts[0]
	for i := range n {
		at := int64(i) * msNS
		slow := int64(i*7919%1000) * msNS / 50
		*r = base
		r.Seq, r.IntendedNS, r.SlotNS, r.DispatchedNS, r.DoneNS = int64(i), at, at, base.DispatchedNS+at, base.DoneNS+at+slow
		r.Attempts[0] = attempt
		a := &r.Attempts[0]
		a.StartedNS += at
		a.SentNS += at
		a.FirstTokenNS += at + slow
		a.DoneNS += at + slow
		d.Add(r)
	}
}

// manyIntervals is a run of so many stages whose courses are full.
func manyIntervals(stages, each int) func() []report.Run {
	return func() []report.Run {
		w := newWorld("many intervals")
		for i := range stages {
			s := results.StageSummary{Name: fmt.Sprintf("c=%d", 1+i), Load: closed(1 + i)}
			for k := range each {
				x := float64(k*7919%100) / 100
				s.Series = append(s.Series, results.Point{
					TS: float64(i*each+k) / 10, DurationS: 0.1, OutputTokensPerS: 1000 * (1 + x), RequestsPerS: 50 * (1 + x), InFlight: float64(i) + x,
				})
			}
			s.Window = results.Window{StartS: float64(i*each) / 10, DurationS: float64(each)/10 - 0.5}
			w.Summary.Stages = append(w.Summary.Stages, s)
		}
		return []report.Run{w.Run}
	}
}

func judgedWorld() *world {
	w := newWorld("judged")
	w.stage("c=4", closed(4), 400, 10, 1)
	w.Summary.Thresholds = []results.ThresholdResult{
		{Stage: "c=4", Expr: "ttft.p95 < 500ms", Value: ptr(14.2), Unit: "ms", Verdict: results.Pass},
		{Stage: "c=4", Expr: "tpot.p50 < 1ms", Value: ptr(1.25), Unit: "ms", Verdict: results.Fail},
		{Stage: "c=4", Expr: "e2e.p99.9 < 2s", Unit: "ms", Verdict: results.Undecided, Why: "needs 2,595 more requests"},
	}
	return w
}

// watched is a run beside which the server's own metrics were read.
func watched() *world {
	w := sweepOf("watched", 5, 4, 16)
	for i := range w.Summary.Stages {
		s := &w.Summary.Stages[i]
		s.Server = &results.Server{Readings: 10, Samples: 10, Running: &results.Gauge{Mean: 3.5, Max: 4}, CacheUse: &results.Gauge{Mean: 0.2, Max: 0.31}}
		for k := range s.Series {
			if k%5 == 0 {
				s.Series[k].ServerRunning, s.Series[k].ServerCacheUse = ptr(float64(s.Load.Concurrency)), ptr(0.01*float64(k%30))
			}
		}
	}
	return w
}
