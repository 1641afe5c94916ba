// Package engine decides when a simulated inference server admits a sequence
// and when it makes each of its tokens.
//
// Goals: the same code in real and in virtual time. Every method takes the
// present as an argument, so that the truth about a run is a pure function of
// what was submitted when.
//
// Non-goals: clocks, goroutines, timers, locks, HTTP. One caller at a time.
package engine

import (
	"errors"
	"time"
)

// ErrFull is returned by Submit when the waiting queue has no room left.
var ErrFull = errors.New("engine: the queue is full")

// An Engine runs sequences. Times are durations since one origin that the
// caller chooses and never moves; a time before the latest one seen counts as
// that latest one.
type Engine interface {
	// Submit adds sequences at now, all of them or, with ErrFull, none. A
	// sequence that finds a free place is admitted at once.
	Submit(now time.Duration, seqs ...*Seq) error
	// Cancel takes a sequence out, waiting or running, and gives its place to
	// the next. It does nothing to a sequence that has ended.
	Cancel(now time.Duration, s *Seq)
	// Advance decides everything that happens up to and including now. What
	// it decides is stamped with the time at which it is due, not with now, so
	// a caller that comes late delays nobody's plan.
	Advance(now time.Duration)
	// Next is the earliest time at which Advance has something to decide that
	// somebody waits for.
	Next() (at time.Duration, ok bool)
	// Waiting is the number of sequences in the queue, Running of those admitted.
	Waiting() int
	Running() int
}

// A Seq is one sequence: a prompt and the tokens to be made for it. Fill the
// exported fields before Submit and leave them alone after it.
type Seq struct {
	In     int    // tokens of the prompt
	Out    int    // tokens to make, at least 1
	Notify func() // optional: called when more became known; must not call the engine

	state    state
	admitted time.Duration
	first    time.Duration // when token 0 is due
	gap      time.Duration // between tokens
	heapPos  int
}

type state uint8

const (
	idle state = iota
	waiting
	running
	ended
)

// Admitted is the time at which the sequence left the queue; ok is false while
// it still waits.
func (s *Seq) Admitted() (at time.Duration, ok bool) {
	return s.admitted, s.state >= running && s.admitted >= 0
}

// Due is the time at which token i (from 0) is made; ok is false while that is
// not decided yet.
func (s *Seq) Due(i int) (at time.Duration, ok bool) {
	if _, ok := s.Admitted(); !ok || i < 0 || i >= s.Out {
		return 0, false
	}
	// One multiplication from the admission: a sum of gaps would round and drift.
	return s.first + time.Duration(i)*s.gap, true
}

func (s *Seq) end() time.Duration { return s.first + time.Duration(s.Out-1)*s.gap }

func (s *Seq) notify() {
	if s.Notify != nil {
		s.Notify()
	}
}
