package mockserver

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

// A scheduler drives the engine in real time: it gives it the clock, a lock,
// and a wake-up at each moment at which it has something to decide.
type scheduler struct {
	clock clock

	mu    sync.Mutex
	eng   engine.Engine
	timer *time.Timer // nil, or armed for the engine's Next
}

func newScheduler(c clock, cfg *Config) *scheduler {
	return &scheduler{clock: c, eng: newEngine(cfg)}
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

func (s *scheduler) due(q *engine.Seq, i int) (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return q.Due(i)
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

// arm sets the timer for the engine's next decision, so that no waiter depends on
// the stream before it: that one may be blocked by a client that does not read.
func (s *scheduler) arm() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if at, ok := s.eng.Next(); ok {
		s.timer = time.AfterFunc(at-s.clock.now(), s.tick)
	}
}

func (s *scheduler) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eng.Advance(s.clock.now())
	s.arm()
}

func (s *scheduler) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
