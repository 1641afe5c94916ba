package mockserver

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/llmload/llmload/internal/alarm"
	"github.com/llmload/llmload/mockserver/engine"
)

const (
	// grain is the least time between two calls of a kernel's alarm. One costs some
	// 5 us of kernel; with tens of thousands of tokens a second, several share one.
	grain = 250 * time.Microsecond
	// forever is later than anything that is waited for.
	forever = 1 << 62
)

// A scheduler drives the engine in real time: it gives it the clock and a lock,
// and wakes whoever waits for a token when that is due. One alarm serves all: a
// timer for each of thousands of streams would be late by their number.
type scheduler struct {
	clock clock

	mu      sync.Mutex
	eng     engine.Engine
	waiting wakes
	alarm   alarm.Alarm
	armed   time.Duration // what the alarm is set to
}

func newScheduler(c clock, cfg *Config) *scheduler {
	s := &scheduler{clock: c, eng: newEngine(cfg), armed: forever}
	s.alarm = alarm.New(cfg.KernelTimers, grain, s.ring)
	return s
}

// maxBlocks bounds a prefix cache where the engine has no KV memory of its own:
// 524,288 tokens, about that of one large GPU.
const maxBlocks = 32_768

// newEngine makes the engine that a config declares.
func newEngine(cfg *Config) engine.Engine {
	dice := rand.New(rand.NewPCG(cfg.Seed, hashString("engine")))
	var e engine.Engine = &engine.Fixed{Dice: dice}
	if cfg.Engine.Model == engineStep {
		e = &engine.Step{Dice: dice}
	}
	tune(e, cfg)
	return e
}

// tune gives an engine the values of a config of its model.
func tune(e engine.Engine, cfg *Config) {
	p := &cfg.Engine
	switch e := e.(type) {
	case *engine.Step:
		e.C0, e.Prefill, e.Decode, e.KV = p.C0, p.PrefillPerToken, p.DecodePerSeq, p.KVPerToken
		e.Slots, e.Budget, e.KVTokens, e.MaxQueue = p.MaxNumSeqs, p.MaxBatchedTokens, p.KVTokens, max(p.MaxQueue, 0)
		e.Prefix, e.Jitter = prefixFor(cfg, e.Prefix), p.Jitter.CV
	case *engine.Fixed:
		e.Prefix = prefixFor(cfg, e.Prefix)
		if p.Model == engineNone {
			return
		}
		e.TTFT, e.ITL, e.Stagger = p.TTFT, p.ITL, p.Stagger
		e.Slots, e.MaxQueue, e.Jitter = p.MaxNumSeqs, max(p.MaxQueue, 0), p.Jitter.CV
	}
}

// prefixFor keeps a prefix cache that is there; one that was off is empty.
func prefixFor(cfg *Config, now *engine.Prefix) *engine.Prefix {
	switch {
	case !cfg.PrefixCache:
		return nil
	case now == nil:
		return engine.NewPrefix(maxBlocks)
	}
	return now
}

// configure gives the engine new values. What was decided before now stays.
func (s *scheduler) configure(cfg *Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.now()
	s.eng.Advance(now) // by the old values
	tune(s.eng, cfg)
	s.eng.Advance(now) // more places may be free
	s.arm()
}

// restart replaces the engine by a new one; nothing may be in flight.
func (s *scheduler) restart(cfg *Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eng = newEngine(cfg)
	s.arm()
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
		s.alarm.Set(s.clock.base.Add(at))
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

func (s *scheduler) close() { s.alarm.Close() }
