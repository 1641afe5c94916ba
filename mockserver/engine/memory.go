package engine

import (
	"math"
	"slices"
	"time"
)

// overfull says whether more sequences would have to wait than may: those that
// cannot even join the next step, because the ones before them fill it.
func (e *Step) overfull(seqs []*Seq) bool {
	if len(e.queue)+len(seqs) <= e.MaxQueue {
		return false
	}
	queue := slices.Concat(e.queue, seqs)
	n, kv, left := len(e.batch), e.kv, e.spare()
	for len(queue) > e.MaxQueue {
		s := queue[0]
		if left <= 0 || !e.fits(s, n, kv) {
			return true
		}
		found, _ := e.Prefix.match(s.Blocks, s.In)
		left -= max(0, s.In-found*BlockTokens)
		n, kv, queue = n+1, kv+e.need(s), queue[1:]
	}
	return false
}

// spare is what the batch leaves of the next step's budget.
func (e *Step) spare() int {
	if e.Budget <= 0 {
		return math.MaxInt
	}
	left := e.Budget
	for _, s := range e.batch {
		left -= max(1, s.In-s.computed)
	}
	return left
}

// fits says whether a sequence can be admitted beside n others that hold kv
// tokens of memory.
func (e *Step) fits(s *Seq, n, kv int) bool {
	return n == 0 || (e.Slots <= 0 || n < e.Slots) && (e.KVTokens <= 0 || kv+e.need(s) <= e.KVTokens)
}

// need is the memory that a sequence takes beside what is held already.
func (e *Step) need(s *Seq) int {
	_, held := e.Prefix.match(s.Blocks, s.In)
	return s.In + s.Out - held*BlockTokens
}

func (e *Step) admit(at time.Duration, s *Seq) {
	s.state, s.admitted, s.prefix = running, at, e.Prefix
	s.times = make([]time.Duration, 0, s.Out)
	found, _ := e.Prefix.match(s.Blocks, s.In)
	s.cached = found * BlockTokens
	s.computed = s.cached
	s.own = s.In + s.Out - s.cached
	e.kv += s.own
	if found > 0 {
		s.shared = slices.Clone(s.Blocks[:found])
		e.kv += BlockTokens * e.Prefix.hold(s.shared)
	}
	e.batch = append(e.batch, s)
	e.room(e.kv)
	s.notify()
}

// free gives back what a sequence holds. Its prompt's blocks are kept as long as
// the memory is not needed.
func (e *Step) free(s *Seq) {
	e.kv -= s.own
	// Room comes first: blocks that go idle must not push out one another, or
	// older ones, that have room when the sequence is gone.
	e.room(e.kv - BlockTokens*len(s.shared))
	if s.prefix != nil {
		e.kv -= BlockTokens * s.prefix.release(s.shared)
	}
	s.own, s.shared, s.prefix = 0, nil, nil
	e.room(e.kv)
}

// room leaves to blocks that nobody holds the memory beside so many held tokens.
func (e *Step) room(held int) {
	if e.KVTokens > 0 {
		e.Prefix.fit((e.KVTokens - held) / BlockTokens)
	}
}
