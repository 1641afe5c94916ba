package runner

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// Live is a run's progress for another goroutine to watch. The zero value is ready. Nothing of it is on the path of a token:
// a request costs two counters when it is sent, and a short lock of its recorder when it is decoded.
type Live struct {
	sent, done atomic.Int64 // prompts of the stage
	issued     atomic.Int64 // requests of the run
	ended      atomic.Int64

	mu     sync.Mutex // guards what follows
	state  Progress
	times  map[metric.Name]*results.Histogram // of the stage's successes
	failed map[results.Outcome]int64          // requests of the stage
}

// Progress is one look at a run. Sent, Done and Failed count the stage's prompts, warm-up and tail included, Measured those
// of Done that are neither, Issued and InFlight the run's requests; Total is of measured ones, 0 where a duration ends the
// stage.
type Progress struct {
	Stage         string
	Index, Stages int
	Begin         time.Time
	Total         int
	Duration      time.Duration

	Sent, Done, Failed int64
	Measured           int64
	Tokens             int64
	Outcomes           map[results.Outcome]int64     // of requests that failed
	Medians            map[metric.Name]time.Duration // so far: ttft and tpot, or e2e of plain answers
	Issued, InFlight   int64
}

// Look returns the progress now.
func (l *Live) Look() Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.state
	p.Outcomes, p.Medians = maps.Clone(l.failed), map[metric.Name]time.Duration{}
	for name, h := range l.times {
		if h.Count() > 0 {
			p.Medians[name] = time.Duration(h.Quantile(0.5))
		}
	}
	// What has ended first: in flight must not be too small for a request that was sent and ended in between.
	p.Done, p.InFlight = l.done.Load(), -l.ended.Load()
	p.Sent, p.Issued = l.sent.Load(), l.issued.Load()
	p.InFlight += p.Issued
	return p
}

func (l *Live) begin(s *scenarios.Stage, index, stages int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = Progress{Stage: s.Name, Index: index, Stages: stages, Begin: time.Now(), Total: s.Share(), Duration: s.Duration}
	if s.Duration > 0 {
		l.state.Duration += s.Warmup.Duration
	}
	l.times, l.failed = map[metric.Name]*results.Histogram{}, map[results.Outcome]int64{}
	names := []metric.Name{metric.E2E}
	if s.Stream {
		names = []metric.Name{metric.TTFT, metric.TPOT}
	}
	for _, name := range names {
		l.times[name] = &results.Histogram{}
	}
	l.sent.Store(0)
	l.done.Store(0)
}

// issue notes that a request is sent.
func (l *Live) issue(prompts int) {
	l.sent.Add(int64(prompts))
	l.issued.Add(1)
}

// end notes that a request's answer has ended, which is recorded later.
func (l *Live) end() { l.ended.Add(1) }

func (l *Live) record(r *results.Record) {
	l.done.Add(int64(r.Prompts))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Tokens += int64(r.Tokens.Output)
	if r.Measured() {
		l.state.Measured += int64(r.Prompts)
	}
	if r.Outcome != results.OK {
		l.state.Failed += int64(r.Prompts)
		l.failed[r.Outcome]++
		return
	}
	for name, h := range l.times {
		if ns, ok := r.Value(name); ok {
			h.Record(ns)
		}
	}
}
