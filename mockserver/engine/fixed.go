package engine

import (
	"container/heap"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"
)

// Fixed makes the first token a fixed time after admission and every other a
// fixed time after the one before, whatever else runs: token i is due at
// admission + TTFT + i*ITL. Sequences are admitted first come, first served.
//
// The zero value admits everything at once and makes all tokens on the spot.
type Fixed struct {
	TTFT     time.Duration // admission to first token
	ITL      time.Duration // token to token; with Seq.Bursts, burst to burst
	Slots    int           // sequences that run at once; 0 is no limit
	MaxQueue int           // sequences that may wait; 0 is none
	Prefix   *Prefix       // nil: prompts are never cached; a hit does not change the times
	// Stagger delays the plan of the n-th sequence admitted by a part of it that
	// is spread evenly over the sequences, so that those admitted together do
	// not make their tokens at the same instants.
	Stagger time.Duration

	Jitter float64    // coefficient of variation of each gap, lognormal with the mean unchanged
	Dice   *rand.Rand // of Jitter; nil: none

	now     time.Duration
	running byEnd // none of those admitted without a limit of slots
	queue   []*Seq
	nth     uint32 // sequences admitted so far
}

var _ Engine = (*Fixed)(nil)

// Submit implements Engine.
func (f *Fixed) Submit(now time.Duration, seqs ...*Seq) error {
	f.Advance(now)
	if room := max(0, f.Slots-len(f.running)); f.Slots > 0 && len(f.queue)+len(seqs)-room > f.MaxQueue {
		return ErrFull
	}
	for _, s := range seqs {
		s.begin()
		if f.free() {
			f.admit(f.now, s)
			continue
		}
		f.queue = append(f.queue, s)
	}
	return nil
}

// Cancel implements Engine.
func (f *Fixed) Cancel(now time.Duration, s *Seq) {
	f.Advance(now)
	switch s.state {
	case waiting:
		i := slices.Index(f.queue, s)
		f.queue = slices.Delete(f.queue, i, i+1)
	case running:
		if s.heapPos >= 0 {
			heap.Remove(&f.running, s.heapPos)
		}
	}
	s.state = ended
	f.refill(f.now)
}

// Advance implements Engine.
func (f *Fixed) Advance(now time.Duration) {
	f.now = max(f.now, now)
	for len(f.running) > 0 && f.running[0].end() <= f.now {
		s := heap.Pop(&f.running).(*Seq)
		s.state = ended
		// The successor starts when the place became free, not when we looked.
		f.refill(s.end())
	}
	f.refill(f.now) // where Slots was raised
}

// Next implements Engine: the end of the sequence whose place the first waiter takes.
func (f *Fixed) Next() (time.Duration, bool) {
	if len(f.queue) == 0 || len(f.running) == 0 {
		return 0, false
	}
	return f.running[0].end(), true
}

// Load implements Engine. Without a limit of slots nothing that runs is counted.
func (f *Fixed) Load() Load { return Load{Waiting: len(f.queue), Running: len(f.running)} }

func (f *Fixed) free() bool { return f.Slots <= 0 || len(f.running) < f.Slots }

func (f *Fixed) refill(at time.Duration) {
	for len(f.queue) > 0 && f.free() {
		s := f.queue[0]
		f.queue = slices.Delete(f.queue, 0, 1)
		f.admit(at, s)
	}
}

func (f *Fixed) admit(at time.Duration, s *Seq) {
	s.state, s.admitted = running, at
	found, _ := f.Prefix.match(s.Blocks, s.In)
	s.cached = found * BlockTokens
	f.Prefix.store(s.Blocks)
	f.plan(s, at+f.TTFT+f.phase())
	if f.Slots > 0 {
		heap.Push(&f.running, s)
	}
	s.notify()
}

// plan decides all tokens, the first at the given time.
func (f *Fixed) plan(s *Seq, first time.Duration) {
	s.first, s.gap, s.made = first, f.ITL, s.Out
	if len(s.Bursts) == 0 && f.Jitter == 0 {
		return
	}
	s.times = make([]time.Duration, 0, s.Out)
	for due := first; len(s.times) < s.Out; due += jittered(f.ITL, f.Jitter, f.Dice) {
		for range s.Together(len(s.times)) {
			s.times = append(s.times, due)
		}
	}
}

// phase is the next sequence's part of Stagger: the van der Corput sequence,
// whose every beginning is spread evenly.
func (f *Fixed) phase() time.Duration {
	part := float64(bits.Reverse32(f.nth)) / (1 << 32)
	f.nth++
	return time.Duration(part * float64(f.Stagger))
}

// byEnd is a heap of running sequences, the first to end on top.
type byEnd []*Seq

func (h byEnd) Len() int           { return len(h) }
func (h byEnd) Less(i, j int) bool { return h[i].end() < h[j].end() }

func (h byEnd) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heapPos, h[j].heapPos = i, j
}

func (h *byEnd) Push(x any) {
	s := x.(*Seq)
	s.heapPos = len(*h)
	*h = append(*h, s)
}

func (h *byEnd) Pop() any {
	old := *h
	s := old[len(old)-1]
	s.heapPos = -1
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return s
}
