package engine

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Step is continuous batching: a step serves every running sequence, makes one
// token for each that decodes, and computes prompts in chunks with what is left
// of its budget, first come first served. A step takes
//
//	T = C0 + Prefill*P + Decode*D + KV*C
//
// for P prompt tokens computed, D sequences that decode, and C tokens of their
// context. A sequence is admitted at the start of a step, when a slot is free
// and In+Out tokens of KV memory can be set aside for it; it keeps them to its
// end, so that none is ever preempted. Blocks of its prompt that running
// sequences hold already take no memory again.
//
// Fields may be changed between calls; call Advance first, else the change acts
// on the past too. A sequence that fits no more into a lowered KVTokens runs
// when it is alone.
type Step struct {
	C0      time.Duration // of a step
	Prefill time.Duration // of each prompt token computed
	Decode  time.Duration // of each sequence that decodes
	KV      time.Duration // of each token of context that a decoding sequence reads

	Slots    int     // sequences that run at once; 0 is no limit
	Budget   int     // tokens that a step may serve, prompt and decode together; 0 is no limit
	KVTokens int     // tokens of KV memory; 0 is no limit
	MaxQueue int     // sequences that may wait for more than the next step; 0 is none
	Prefix   *Prefix // nil: prompts are never cached

	Jitter float64    // coefficient of variation of a step's time, lognormal with the mean unchanged
	Dice   *rand.Rand // of Jitter; nil: none

	now   time.Duration
	until time.Duration // end of the step under way
	busy  bool
	batch []*Seq // running, in order of admission
	queue []*Seq
	kv    int // tokens that the batch holds, shared ones counted once
	steps int
}

var _ Engine = (*Step)(nil)

// Submit implements Engine. An idle engine begins a step at once.
func (e *Step) Submit(now time.Duration, seqs ...*Seq) error {
	e.Advance(now)
	for _, s := range seqs {
		if e.KVTokens > 0 && s.In+s.Out > e.KVTokens {
			return ErrTooLong
		}
	}
	if e.overfull(seqs) {
		return ErrFull
	}
	for _, s := range seqs {
		s.begin()
		e.queue = append(e.queue, s)
	}
	if !e.busy {
		e.begin(e.now)
	}
	return nil
}

// overfull says whether more sequences would have to wait than may: those that
// cannot even join the next step, because the ones before them fill it.
func (e *Step) overfull(seqs []*Seq) bool {
	if len(e.queue)+len(seqs) <= e.MaxQueue {
		return false
	}
	queue := slices.Concat(e.queue, seqs)
	n, kv := len(e.batch), e.kv
	for len(queue) > e.MaxQueue {
		s := queue[0]
		if !e.fits(s, n, kv) {
			return true
		}
		n, kv, queue = n+1, kv+e.need(s), queue[1:]
	}
	return false
}

// Cancel implements Engine. The step under way takes its time all the same.
func (e *Step) Cancel(now time.Duration, s *Seq) {
	e.Advance(now)
	switch s.state {
	case waiting:
		i := slices.Index(e.queue, s)
		e.queue = slices.Delete(e.queue, i, i+1)
	case running:
		i := slices.Index(e.batch, s)
		e.batch = slices.Delete(e.batch, i, i+1)
		e.free(s)
	default:
		return
	}
	s.state = ended
}

// Advance implements Engine.
func (e *Step) Advance(now time.Duration) {
	e.now = max(e.now, now)
	for e.busy && e.until <= e.now {
		e.finish()
		e.begin(e.until)
	}
}

// Next implements Engine: the end of the step under way.
func (e *Step) Next() (time.Duration, bool) { return e.until, e.busy }

// Load implements Engine.
func (e *Step) Load() Load {
	return Load{Waiting: len(e.queue), Running: len(e.batch), KVUsed: e.kv, KVTokens: e.KVTokens, Steps: e.steps}
}

// begin composes the step that starts at the given time, if there is work, and
// decides when its tokens are due: at its end.
func (e *Step) begin(at time.Duration) {
	left := e.Budget
	if left <= 0 {
		left = math.MaxInt
	}
	var decoding, context, prompt int
	for _, s := range e.batch {
		if s.computed == s.In {
			decoding++
			context += s.In + s.made
		}
	}
	left -= decoding
	for _, s := range e.batch {
		prompt += s.prefill(&left)
	}
	for len(e.queue) > 0 && left > 0 && e.fits(e.queue[0], len(e.batch), e.kv) {
		s := e.queue[0]
		e.queue = slices.Delete(e.queue, 0, 1)
		e.admit(at, s)
		prompt += s.prefill(&left)
	}
	e.busy = len(e.batch) > 0
	if !e.busy {
		return
	}
	e.steps++
	e.until = at + e.length(prompt, decoding, context)
	for _, s := range e.batch {
		s.make(e.until)
	}
}

// prefill gives a sequence its part of the budget and returns it.
func (s *Seq) prefill(left *int) int {
	n := max(0, min(s.In-s.computed, *left))
	s.computed += n
	*left -= n
	return n
}

// make decides the tokens of a sequence that a step makes: none while its
// prompt is not computed, then the first, then a burst each.
func (s *Seq) make(due time.Duration) {
	if s.computed < s.In {
		return
	}
	n := 1
	if s.step > 0 {
		n = s.burst(s.step - 1)
	}
	s.step++
	for range min(n, s.Out-s.made) {
		s.times = append(s.times, due)
	}
	s.made = len(s.times)
	s.notify()
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
	e.squeeze()
	s.notify()
}

// finish ends the sequences whose last token the step made.
func (e *Step) finish() {
	e.batch = slices.DeleteFunc(e.batch, func(s *Seq) bool {
		if s.step == 1 && s.prefix != nil { // its prompt was computed in this step
			fresh := s.prefix.adopt(s.Blocks[len(s.shared):])
			s.own -= len(fresh) * BlockTokens
			s.shared = append(s.shared, fresh...)
		}
		if s.made < s.Out {
			return false
		}
		s.state = ended
		e.free(s)
		return true
	})
}

// free gives back what a sequence holds. Its prompt's blocks are kept as long as
// the memory is not needed.
func (e *Step) free(s *Seq) {
	e.kv -= s.own
	if s.prefix != nil {
		e.kv -= BlockTokens * s.prefix.release(s.shared)
	}
	s.own, s.shared, s.prefix = 0, nil, nil
	e.squeeze()
}

// squeeze leaves to blocks that nobody holds the memory that nobody holds.
func (e *Step) squeeze() {
	if e.KVTokens > 0 {
		e.Prefix.fit((e.KVTokens - e.kv) / BlockTokens)
	}
}

// length is how long a step takes.
func (e *Step) length(prompt, decoding, context int) time.Duration {
	t := e.C0 + time.Duration(prompt)*e.Prefill + time.Duration(decoding)*e.Decode + time.Duration(context)*e.KV
	return jittered(t, e.Jitter, e.Dice)
}

// jittered draws from the lognormal distribution of mean t and the given
// coefficient of variation.
func jittered(t time.Duration, cv float64, dice *rand.Rand) time.Duration {
	if cv <= 0 || dice == nil {
		return t
	}
	v := math.Log(1 + cv*cv)
	return time.Duration(float64(t) * math.Exp(dice.NormFloat64()*math.Sqrt(v)-v/2))
}
