package client

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// window is the span of time that Config.RateLimit counts in.
const window = time.Minute

// gate admits attempts, in the order in which they come.
type gate struct {
	smooth *rate.Limiter // nil where off
	tokens *tokenGate    // nil where off
	turn   chan struct{} // held by the head of the line
	base   time.Time
	held   atomic.Int64 // nobody passes before base + held: a server asked for it

	mu   sync.Mutex
	line int         // how many stand in line
	ring []time.Time // the last len(ring) admissions
	next int         // the oldest of them
}

func newGate(cfg *Config) *gate {
	g := &gate{turn: make(chan struct{}, 1), ring: make([]time.Time, cfg.RateLimit), base: time.Now()}
	if perSecond := cfg.RequestsPerSecond; perSecond > 0 {
		g.smooth = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
	if cfg.TokensPerMinute > 0 {
		g.tokens = newTokenGate(cfg.TokensPerMinute)
	}
	return g
}

// hold keeps everybody back for d.
func (g *gate) hold(d time.Duration) {
	until := int64(time.Since(g.base) + d)
	for {
		old := g.held.Load()
		if old >= until || g.held.CompareAndSwap(old, until) {
			return
		}
	}
}

// admit waits until an attempt of so many tokens may start. It fails at once
// where it sees that the context's deadline comes first.
func (g *gate) admit(ctx context.Context, tokens int) error {
	if g.smooth == nil && g.tokens == nil {
		return g.queue(ctx)
	}
	g.mu.Lock()
	late := g.tooLate(ctx)
	g.mu.Unlock()
	if late {
		return context.DeadlineExceeded
	}
	if g.smooth != nil {
		if err := g.smooth.Wait(ctx); err != nil {
			return deadlineOr(ctx.Err())
		}
	}
	if g.tokens == nil {
		return g.queue(ctx)
	}
	if err := g.tokens.admit(ctx, tokens); err != nil {
		return err
	}
	err := g.queue(ctx)
	if err != nil {
		g.tokens.settle(tokens)
	}
	return err
}

// deadlineOr names what x/time/rate only describes: a wait beyond the deadline.
func deadlineOr(err error) error {
	if err == nil {
		return context.DeadlineExceeded
	}
	return err
}

// sleep waits for d. It fails at once if the context's deadline comes first.
func sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
