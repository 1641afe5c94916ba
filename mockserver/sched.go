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

// watch sets an exchange's timer for what it waits for, now and whenever the
// engine decides more. It reports whether that is due already.
func (s *scheduler) watch(x *exchange, n next) (due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := n(); ok && at <= s.clock.now() {
		return true
	}
	x.next = n
	s.rearm(x)
	return false
}

func (s *scheduler) unwatch(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x.next = nil
}

// rearm is called with the lock held, by the engine too: see engine.Seq.Notify.
func (s *scheduler) rearm(x *exchange) {
	if x.next == nil {
		return
	}
	x.timer.Stop() // what an earlier decision set
	if at, ok := x.next(); ok {
		x.timer.Reset(at - s.clock.now())
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
