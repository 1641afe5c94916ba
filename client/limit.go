package client

import (
	"context"
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
	turn   chan struct{} // held by whoever waits at the head
	ring   []time.Time   // the last len(ring) admissions; guarded by turn
	next   int           // the oldest of them
	base   time.Time
	held   atomic.Int64 // nobody passes before base + held: a server asked for it
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

// queue lets one after the other pass, as soon as the ring and the hold allow.
//
// The ring is exact: an admission is noted when it happens, and a wait that is
// given up leaves nothing behind. A token bucket is not: with 60 a minute and a
// burst of 60 it admits 119 in the first minute.
func (g *gate) queue(ctx context.Context) error {
	if len(g.ring) == 0 && !time.Now().Before(g.opens()) {
		return ctx.Err()
	}
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.turn }()
	for t := g.opens(); time.Now().Before(t); t = g.opens() {
		if err := sleep(ctx, time.Until(t)); err != nil {
			return err
		}
	}
	if len(g.ring) > 0 {
		g.ring[g.next] = time.Now()
		g.next = (g.next + 1) % len(g.ring)
	}
	return ctx.Err()
}

// opens returns when the head of the queue may pass.
func (g *gate) opens() time.Time {
	t := g.base.Add(time.Duration(g.held.Load()))
	if len(g.ring) == 0 || g.ring[g.next].IsZero() {
		return t
	}
	if full := g.ring[g.next].Add(window); full.After(t) {
		return full
	}
	return t
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
