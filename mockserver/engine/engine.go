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
	"slices"
	"time"
)

// Errors of Submit.
var (
	// ErrFull: the waiting queue has no room left.
	ErrFull = errors.New("engine: the queue is full")
	// ErrTooLong: a sequence needs more KV memory than there is, and would wait for ever.
	ErrTooLong = errors.New("engine: the sequence does not fit in the KV memory")
)

// An Engine runs sequences. Times are durations since one origin that the
// caller chooses and never moves; a time before the latest one seen counts as
// that latest one. The exported fields of an engine may be changed between
// calls, after an Advance to the time of the change: what was decided stays.
type Engine interface {
	// Submit adds sequences at now, all of them or, with an error, none. They
	// are admitted first come, first served.
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
	// Load is what the engine is doing, as of the latest time seen.
	Load() Load
}

// A Load is what an engine is doing at one moment.
type Load struct {
	Waiting  int // sequences in the queue
	Running  int // sequences admitted and not ended
	KVUsed   int // tokens of KV memory that running sequences hold, shared ones counted once; 0 where it is not modelled
	KVTokens int // tokens of KV memory in all; 0 where it has no limit or is not modelled
	Steps    int // steps begun so far; 0 where there are none
}

// A Seq is one sequence: a prompt and the tokens to be made for it. Fill the
// exported fields before Submit and leave them alone after it.
type Seq struct {
	In     int      // tokens of the prompt, not negative
	Out    int      // tokens to make, at least 1
	Blocks []uint64 // hashes of the prompt's full blocks, see Prefix; nil is never cached
	// Bursts is how many tokens each step after the first makes, as speculative
	// decoding does; the list repeats. nil is one each.
	Bursts []int
	Notify func() // optional: called when more became known; must not call the engine

	state    state
	admitted time.Duration
	cached   int
	made     int             // tokens decided
	first    time.Duration   // when token 0 is due; of a plan that is a formula
	gap      time.Duration   // between tokens; of a plan that is a formula
	times    []time.Duration // when each token is due; nil where the plan is a formula
	ends     []int           // tokens made after the first, at the end of each of Bursts
	step     int             // steps that made tokens
	computed int             // prompt tokens in KV memory
	prefix   *Prefix         // whose blocks are shared
	shared   []uint64        // blocks held in prefix, from the head on
	own      int             // tokens of KV memory beside those
	heapPos  int             // in byEnd; -1: not there
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

// Cached is the number of prompt tokens that were found in the prefix cache. It
// is known from the admission on.
func (s *Seq) Cached() int { return s.cached }

// Due is the time at which token i (from 0) is made; ok is false while that is
// not decided yet.
func (s *Seq) Due(i int) (at time.Duration, ok bool) {
	if i < 0 || i >= s.made {
		return 0, false
	}
	if s.times != nil {
		return s.times[i], true
	}
	// One multiplication from the admission: a sum of gaps would round and drift.
	return s.first + time.Duration(i)*s.gap, true
}

// Together is the number of tokens from i on that one step makes, known from
// Submit on; 0 past the last.
func (s *Seq) Together(i int) int {
	left := max(0, s.Out-i)
	if len(s.ends) == 0 || i == 0 {
		return min(1, left)
	}
	in := (i - 1) % s.ends[len(s.ends)-1] // the list repeats
	at, _ := slices.BinarySearch(s.ends, in+1)
	return min(s.ends[at]-in, left)
}

// burst is how many tokens step n after the first makes.
func (s *Seq) burst(n int) int {
	if len(s.Bursts) == 0 {
		return 1
	}
	return max(1, s.Bursts[n%len(s.Bursts)])
}

func (s *Seq) end() time.Duration {
	at, _ := s.Due(s.Out - 1)
	return at
}

func (s *Seq) notify() {
	if s.Notify != nil {
		s.Notify()
	}
}

// begin makes a sequence wait, whatever it did before.
func (s *Seq) begin() {
	s.state, s.admitted, s.cached, s.made, s.step, s.computed, s.times = waiting, -1, 0, 0, 0, 0, nil
	s.ends, s.heapPos = nil, -1
	for n := range s.Bursts {
		before := 0
		if n > 0 {
			before = s.ends[n-1]
		}
		s.ends = append(s.ends, before+s.burst(n))
	}
}
