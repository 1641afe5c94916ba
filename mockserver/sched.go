package mockserver

import (
	"sync"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

// A scheduler drives the engine in real time: it gives it the clock, a lock,
// and a wake-up at each admission that somebody waits for.
type scheduler struct {
	clock clock

	mu    sync.Mutex
	eng   engine.Engine
	timer *time.Timer // nil, or armed for the engine's Next
}

func newScheduler(c clock, cfg Engine) *scheduler {
	f := &engine.Fixed{}
	if cfg.Model == "fixed" {
		f.TTFT, f.ITL = cfg.TTFT, cfg.ITL
		f.Slots, f.MaxQueue = cfg.MaxNumSeqs, max(cfg.MaxQueue, 0)
	}
	return &scheduler{clock: c, eng: f}
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

func (s *scheduler) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.eng.Waiting()
}

// arm sets the timer for the next admission, so that no waiter depends on the
// stream before it: that one may be blocked by a client that does not read.
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
