package runner

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// Live is a run's progress for another goroutine to watch. The zero value is ready.
type Live struct {
	mu    sync.Mutex
	state Progress

	sent, done, failed, tokens atomic.Int64 // of the stage
}

// Progress is one look at a run. Sent, Done, Failed and Tokens count the stage's prompts and output tokens, warm-up
// included; Total is 0 where a duration ends the stage.
type Progress struct {
	Stage         string
	Index, Stages int
	Begin         time.Time
	Total         int
	Duration      time.Duration
	Sent, Done    int64
	Failed        int64
	Tokens        int64
}

// Look returns the progress now.
func (l *Live) Look() Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.state
	p.Sent, p.Done, p.Failed, p.Tokens = l.sent.Load(), l.done.Load(), l.failed.Load(), l.tokens.Load()
	return p
}

func (l *Live) begin(s *scenarios.Stage, index, stages int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = Progress{Stage: s.Name, Index: index, Stages: stages, Begin: time.Now(), Duration: s.Duration + s.Warmup.Duration}
	if s.Requests > 0 {
		l.state.Total = s.Requests + s.Warmup.Requests
	}
	for _, v := range []*atomic.Int64{&l.sent, &l.done, &l.failed, &l.tokens} {
		v.Store(0)
	}
}

func (l *Live) issue(prompts int) { l.sent.Add(int64(prompts)) }

func (l *Live) ended(r *results.Record) {
	l.done.Add(int64(r.Prompts))
	l.tokens.Add(int64(r.Tokens.Output))
	if r.Outcome != results.OK {
		l.failed.Add(int64(r.Prompts))
	}
}
