package report

import (
	"fmt"

	"github.com/llmload/llmload/results"
)

// slowRequest is one request's way through time, in nanoseconds from its intended start. Its size is bounded, however
// long its stream was.
type slowRequest struct {
	seq      int64
	id       string
	stage    string
	outcome  results.Outcome
	status   int
	err      string
	tokens   results.Tokens
	startNS  int64 // intended, from the run's start
	tookNS   int64
	phases   []phase
	arrivals []int64 // when content came, at most maxTicks of them
	came     int     // how many arrivals there were
}

// phase is a stretch of a request's time.
type phase struct {
	kind     phaseKind
	from, to int64
	note     string
}

type phaseKind string

// The phases in their order. An attempt that was followed by another is one phase, whatever happened in it.
const (
	phaseQueued  phaseKind = "queued"  // the in-flight cap's wait, and the tool's own delay
	phaseEarlier phaseKind = "earlier" // an attempt that was retried
	phaseBackoff phaseKind = "backoff" // the wait before the next attempt, or for the client's own rate limit
	phaseSending phaseKind = "sending" // until the request was written
	phaseWaiting phaseKind = "waiting" // until the first token
	phaseTokens  phaseKind = "tokens"  // until the last token
	phaseEnding  phaseKind = "ending"  // until the end of the answer
)

// maxTicks is how many arrivals are drawn on one request's bar.
const maxTicks = 160

// maxErrorText is how much of an error a page shows.
const maxErrorText = 300

func newSlowRequest(r *results.Record, took int64) slowRequest {
	s := slowRequest{
		seq: r.Seq, id: r.ID, stage: r.Stage, outcome: r.Outcome, status: r.Status, tokens: r.Tokens,
		startNS: r.IntendedNS, tookNS: took, err: shortened(r.Error, maxErrorText),
	}
	t := tracer{zero: r.IntendedNS, at: r.IntendedNS, phases: &s.phases}
	first := r.Last()
	if first != nil {
		first = &r.Attempts[0]
	}
	switch {
	case r.DispatchedNS > 0:
		t.until(phaseQueued, r.DispatchedNS, "")
	case first != nil:
		t.until(phaseQueued, first.StartedNS, "")
	default:
		t.until(phaseQueued, ended(r), "never sent")
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		t.until(phaseBackoff, a.StartedNS, "")
		if i < len(r.Attempts)-1 {
			t.until(phaseEarlier, a.DoneNS, fmt.Sprintf("attempt %d: %s", i+1, a.Outcome))
		}
	}
	if a := r.Last(); a != nil {
		s.arrivals, s.came = ticks(a, r.IntendedNS)
		t.last(a)
	}
	return s
}

// tracer lays phases end to end. A stamp that never happened, or lies before the last, ends no phase.
type tracer struct {
	zero, at int64
	phases   *[]phase
}

func (t *tracer) until(kind phaseKind, ns int64, note string) {
	if ns <= t.at {
		return
	}
	*t.phases = append(*t.phases, phase{kind: kind, from: t.at - t.zero, to: ns - t.zero, note: note})
	t.at = ns
}

// last is the phases of the attempt that decided.
func (t *tracer) last(a *results.Attempt) {
	t.until(phaseSending, a.SentNS, "")
	if a.SentNS == 0 { // it failed on the way out
		t.until(phaseSending, a.DoneNS, "")
	}
	t.until(phaseWaiting, a.FirstTokenNS, "")
	if a.FirstTokenNS == 0 { // a plain answer, or none
		t.until(phaseWaiting, a.DoneNS, "")
	}
	end := a.StartedNS
	for _, dt := range a.Arrivals.DtNS {
		end += dt
	}
	t.until(phaseTokens, end, "")
	t.until(phaseEnding, a.DoneNS, "")
}

// ticks is when content came, from zero; of many arrivals evenly spaced ones, the first and the last among them.
func ticks(a *results.Attempt, zero int64) (at []int64, came int) {
	came = len(a.Arrivals.DtNS)
	ns, kept := a.StartedNS-zero, 0
	for i, dt := range a.Arrivals.DtNS {
		ns += dt
		if came <= maxTicks || i == kept*(came-1)/(maxTicks-1) {
			at = append(at, ns)
			kept++
		}
	}
	return at, came
}

func shortened(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n]) + "…"
}
