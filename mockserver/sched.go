package mockserver

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

// A scheduler drives the engine in real time: it gives it the clock and a lock,
// and wakes whoever waits for a token when that is due. One alarm serves all: a
// timer for each of thousands of streams would be late by their number.
type scheduler struct {
	clock clock

	mu      sync.Mutex
	eng     engine.Engine
	waiting wakes
	alarm   alarm
	armed   time.Duration // what the alarm is set to
}

func newScheduler(c clock, cfg *Config) *scheduler {
	s := &scheduler{clock: c, eng: newEngine(cfg), armed: forever}
	s.alarm = newAlarm(c, cfg.KernelTimers, s.ring)
	return s
}

// maxBlocks bounds a prefix cache where the engine has no KV memory of its own:
// 524,288 tokens, about that of one large GPU.
const maxBlocks = 32_768

// newEngine makes the engine that a config declares.
func newEngine(cfg *Config) engine.Engine {
	e := &cfg.Engine
	var prefix *engine.Prefix
	if cfg.PrefixCache {
		prefix = engine.NewPrefix(maxBlocks)
	}
	dice := rand.New(rand.NewPCG(cfg.Seed, hashString("engine")))
	switch e.Model {
	case engineStep:
		return &engine.Step{
			C0: e.C0, Prefill: e.PrefillPerToken, Decode: e.DecodePerSeq, KV: e.KVPerToken,
			Slots: e.MaxNumSeqs, Budget: e.MaxBatchedTokens, KVTokens: e.KVTokens, MaxQueue: max(e.MaxQueue, 0),
			Prefix: prefix, Jitter: e.Jitter.CV, Dice: dice,
		}
	case engineFixed:
		return &engine.Fixed{
			TTFT: e.TTFT, ITL: e.ITL, Stagger: e.Stagger, Slots: e.MaxNumSeqs, MaxQueue: max(e.MaxQueue, 0),
			Prefix: prefix, Jitter: e.Jitter.CV, Dice: dice,
		}
	}
	return &engine.Fixed{Prefix: prefix}
}

func (s *scheduler) submit(seqs []*engine.Seq) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.arm()
	return s.eng.Submit(s.clock.now(), seqs...)
}

// release gives back the places of sequences that ended or are not wanted any more.
func (s *scheduler) release(seqs []*engine.Seq) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.now()
	for _, q := range seqs {
		s.eng.Cancel(now, q)
	}
	s.arm()
}

// locked calls f while the engine decides nothing.
func (s *scheduler) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// watch has a waiter woken when what it waits for is due, as far as that is
// decided now and whenever the engine decides more. It reports whether it is due already.
func (s *scheduler) watch(w *waiter, n next) (due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := n(); w.gone || ok && at <= s.clock.now() {
		return true
	}
	w.next = n
	s.rewatch(w)
	s.arm()
	return false
}

// interrupt ends a waiter's wait, and all that it begins later.
func (s *scheduler) interrupt(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.gone = true
	if w.next != nil {
		s.waiting.put(w, 0)
		s.waiting.release(0)
	}
}

// rewatch is called with the lock held, by the engine too: see engine.Seq.Notify.
func (s *scheduler) rewatch(w *waiter) {
	if w.next == nil {
		return
	}
	if at, ok := w.next(); ok {
		s.waiting.put(w, at)
	}
}

func (s *scheduler) admitted(q *engine.Seq) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return q.Admitted()
}

// cached is the number of prompt tokens that were found in the prefix cache, as
// far as the choices are admitted.
func (s *scheduler) cached(choices []*choice) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range choices {
		n += c.seq.Cached()
	}
	return n
}

func (s *scheduler) load() engine.Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.eng.Load()
}

// arm sets the alarm for whatever comes first, if it is not set to that. The
// engine's decisions have a part in it, so that no waiter depends on the stream
// before it: that one may be blocked by a client that does not read.
func (s *scheduler) arm() {
	at, ok := s.eng.Next()
	if len(s.waiting) > 0 && (!ok || s.waiting[0].due < at) {
		at, ok = s.waiting[0].due, true
	}
	if ok && at < s.armed {
		s.armed = at
		s.alarm.set(at)
	}
}

// ring is the alarm's call.
func (s *scheduler) ring() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.now()
	s.eng.Advance(now)
	s.waiting.release(now)
	s.armed = forever
	s.arm()
}

func (s *scheduler) close() { s.alarm.close() }
