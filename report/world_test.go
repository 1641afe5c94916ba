package report_test

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
)

// world makes the records of a run, and of them, by the way that a run takes, its summary.
type world struct {
	report.Run
	now    int64 // ns from the run's start
	seq    int64
	random *rand.Rand
	spoil  func(i int, r *results.Record) // what else happens to the i-th request of a stage
}

const msNS = int64(1e6)

func newWorld(name string) *world {
	w := &world{random: rand.New(rand.NewPCG(3, 4))}
	w.Run = newSample(name).Run
	w.Summary.Run.FinishedAt = w.Summary.Run.StartedAt
	w.Summary.Run.PlanSHA256 = "0f3c1d"
	w.Summary.Run.ToolVersion = "devel"
	w.Summary.Environment = results.Environment{OS: "linux", Arch: "amd64", CPU: "Some CPU", Cores: 2, Go: "go1.26", Host: "node-7"}
	w.Requests = new(report.Digest)
	return w
}

// stage has the load's workers send n requests; ttft and tpot are medians in milliseconds.
func (w *world) stage(name string, load results.Load, n int, ttft, tpot float64) *results.StageSummary {
	bounds := new(results.Bounds)
	bounds.SetStart(w.now)
	collector := results.NewCollector(results.StageInfo{Name: name, Load: load}, bounds)
	var all []*results.Record
	workers := make([]int64, max(load.Concurrency, 1))
	for i := range workers {
		workers[i] = w.now + int64(i)*msNS/4
	}
	for i := range n {
		at := slices.Index(workers, slices.Min(workers))
		start := workers[at]
		if load.Mode == "open" {
			start = w.now + int64(float64(i)/load.Rate*1e9)
		}
		r := w.request(name, start, ttft, tpot)
		if w.spoil != nil {
			w.spoil(i, r)
		}
		all, workers[at] = append(all, r), r.DoneNS
	}
	end := w.now
	for _, r := range all {
		end = max(end, r.DoneNS)
	}
	bounds.SetEnd(end)
	slices.SortStableFunc(all, func(a, b *results.Record) int { return cmp.Compare(a.DoneNS, b.DoneNS) })
	for _, r := range all {
		collector.Add(r)
		w.Requests.Add(r)
	}
	s := collector.Summarize()
	s.Instrument.DispatchDelayP99MS, s.Instrument.CPURatio = ptr(0.4), ptr(0.3)
	w.Summary.Stages = append(w.Summary.Stages, s)
	w.Histograms = append(w.Histograms, collector.Histograms())
	w.now = end + 300*msNS
	w.Summary.Run.FinishedAt = w.Summary.Run.StartedAt.Add(time.Duration(end))
	return &w.Summary.Stages[len(w.Summary.Stages)-1]
}

func (w *world) spread(median, by float64) int64 {
	return int64(median * 1e6 * math.Exp(by*w.random.NormFloat64()))
}

func (w *world) request(stage string, start int64, ttft, tpot float64) *results.Record {
	w.seq++
	r := &results.Record{
		ID: fmt.Sprintf("018f0000-0000-8000-8000-%012d", w.seq), Seq: w.seq, Stage: stage, Prompts: 1, Outcome: results.OK, Status: 200,
		IntendedNS: start, SlotNS: start, DispatchedNS: start + w.spread(0.1, 0.5),
		Tokens: results.Tokens{Input: 512, Output: 24, Source: results.FromUsage},
	}
	a := results.Attempt{StartedNS: r.DispatchedNS, Outcome: results.OK, Status: 200, Reads: 24}
	a.SentNS = a.StartedNS + w.spread(0.2, 0.2)
	at := a.StartedNS
	for i := range 24 {
		dt := w.spread(tpot, 0.15)
		if i == 0 {
			dt = w.spread(ttft, 0.25)
			a.FirstTokenNS = at + dt
		}
		at += dt
		a.Arrivals.DtNS, a.Arrivals.K, a.Arrivals.Events = append(a.Arrivals.DtNS, dt), append(a.Arrivals.K, 1), append(a.Arrivals.Events, 1)
	}
	a.FirstOutNS, a.HeadersNS, a.FirstChunkNS = a.FirstTokenNS, a.FirstTokenNS-msNS, a.FirstTokenNS
	a.DoneNS = at + w.spread(0.2, 0.2)
	r.Attempts, r.DoneNS = []results.Attempt{a}, a.DoneNS
	return r
}

// fails makes a request end with an outcome after some of its tokens.
func fails(r *results.Record, o results.Outcome, err string) {
	a := &r.Attempts[0]
	a.Arrivals.DtNS, a.Arrivals.K, a.Arrivals.Events = a.Arrivals.DtNS[:5], a.Arrivals.K[:5], a.Arrivals.Events[:5]
	a.DoneNS = a.StartedNS
	for _, dt := range a.Arrivals.DtNS {
		a.DoneNS += dt
	}
	r.Outcome, a.Outcome, r.Error, r.DoneNS = o, o, err, a.DoneNS
	r.Tokens.Output = 5
}

// refused makes it one that never had a connection.
func refused(r *results.Record) {
	at := r.DispatchedNS
	r.Attempts = []results.Attempt{{StartedNS: at, DoneNS: at + 2*msNS, Outcome: results.Refused}}
	r.Outcome, r.DoneNS, r.Status = results.Refused, at+2*msNS, 0
	r.Tokens, r.Error = results.Tokens{}, "dial tcp 127.0.0.1:8000: connect: connection refused"
}

// sweepOf is a run over concurrencies; tpot grows with load as a batching server's does.
func sweepOf(name string, base float64, concurrencies ...int) *world {
	w := newWorld(name)
	for _, c := range concurrencies {
		w.stage(fmt.Sprintf("c=%d", c), closed(c), 320, base*(4+0.2*float64(c)), base*(1+0.04*float64(c)))
	}
	return w
}
