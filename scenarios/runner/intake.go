package runner

import (
	"time"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// An Intake takes a stage's arrivals from its schedule and finds the measured window: in a closed loop it ends when the
// first worker finds no work, in an open loop with the last measured arrival, after which load goes on (tail) until those
// have ended. It knows no clock, so that a simulation has the very windows of a run. It is not safe for concurrent use.
type Intake struct {
	Bounds *results.Bounds
	Issued int64 // requests so far, from the run's start: the next one's sequence number

	stage    *scenarios.Stage
	schedule *scenarios.Schedule
	zero     int64         // the stage's start, in nanoseconds from the run's
	last     time.Duration // the last measured arrival
	measured int           // measured requests not yet ended
	spare    int           // how many requests of tail may still be sent: as many as were measured
	allSent  bool          // no more measured arrivals will come
	rules    rules
	stopped  string // why the stage ends before its requests or its time do
	spending *Spending
}

// NewIntake begins a stage, zero nanoseconds after the run's start, with the run's requests and its spending so far.
func NewIntake(s *scenarios.Stage, zero, issued int64, spending *Spending) *Intake {
	return &Intake{Bounds: &results.Bounds{}, Issued: issued, stage: s, schedule: s.Schedule(), zero: zero, rules: newRules(s), spending: spending}
}

// Next takes the next arrival, in a closed loop for a worker that is free elapsed after the stage's start, and counts its
// requests; the first has the given sequence number. ok is false when there is no more work.
func (in *Intake) Next(elapsed time.Duration) (a scenarios.Arrival, firstSeq int64, ok bool) {
	a, ok = in.schedule.Next(elapsed)
	if !ok || !in.spending.hold(in.stage, a) {
		if in.stage.Open() {
			elapsed = in.last
		}
		in.allSent = true
		in.Bounds.SetEnd(in.since(elapsed))
		return a, 0, false
	}
	n := Requests(in.stage, a)
	switch {
	case a.Tail:
		in.spare -= n
		if !in.allSent {
			in.allSent = true
			in.Bounds.SetEnd(in.since(in.last))
		}
	case !a.Warmup:
		in.Bounds.SetStart(in.since(a.At))
		in.last = a.At
		in.measured += n
		in.spare += n
	}
	firstSeq = in.Issued
	in.Issued += int64(n)
	return a, firstSeq, true
}

// since is nanoseconds from the run's start; zero would be a stamp that never happened.
func (in *Intake) since(elapsed time.Duration) int64 { return max(1, in.zero+elapsed.Nanoseconds()) }

// Unsend takes back an arrival that was drawn but not yet due when the stage ended.
func (in *Intake) Unsend(a scenarios.Arrival) {
	n := Requests(in.stage, a)
	in.spending.release(in.stage, a)
	in.Issued -= int64(n)
	if !a.Tail && !a.Warmup {
		in.measured -= n
	}
}

// Due notes that an arrival's time has come.
func (in *Intake) Due(a scenarios.Arrival) { in.stop(in.rules.due(Requests(in.stage, a))) }

// Ended notes that a request of an arrival has ended.
func (in *Intake) Ended(a scenarios.Arrival) {
	if !a.Tail && !a.Warmup {
		in.measured--
	}
	in.rules.ended++
}

// Recorded notes how a request ended, which may be known a moment later.
func (in *Intake) Recorded(r *results.Record) {
	in.spending.settle(r.Tokens)
	in.stop(in.rules.outcome(r.Outcome))
}

func (in *Intake) stop(why string) {
	if in.stopped == "" {
		in.stopped = why
	}
}

// Stopped is why the stage is to end now; empty while nothing stops it.
func (in *Intake) Stopped() string { return in.stopped }

// StopReason is what ended the stage.
func (in *Intake) StopReason() string {
	if in.stopped != "" {
		return in.stopped
	}
	if in.Spent() {
		return in.spending.why
	}
	return in.schedule.EndedBy()
}

// Spent reports whether the budget allows no further request, which ends the run.
func (in *Intake) Spent() bool { return in.spending != nil && in.spending.why != "" }

// Over reports whether all measured requests of an open loop have ended.
func (in *Intake) Over() bool { return in.allSent && in.measured == 0 }

// Exhausted reports whether the tail has been as long as it may be: a request that never ends must not load the server
// for ever.
func (in *Intake) Exhausted() bool { return in.spare < 0 }

// Requests is how many requests an arrival is sent as.
func Requests(s *scenarios.Stage, a scenarios.Arrival) int {
	if s.BatchMode == scenarios.OneRequest {
		return 1
	}
	return a.Size
}
