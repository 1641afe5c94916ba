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

// queue lets one after the other pass, as soon as the ring and the hold allow.
//
// The ring is exact: an admission is noted when it happens, and a wait that is
// given up leaves nothing behind. A token bucket is not: with 60 a minute and a
// burst of 60 it admits 119 in the first minute.
func (g *gate) queue(ctx context.Context) error {
	if len(g.ring) == 0 && !time.Now().Before(g.opens()) {
		return ctx.Err()
	}
	if err := g.join(ctx); err != nil {
		return err
	}
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		g.leave(false)
		return ctx.Err()
	}
	err := g.wait(ctx)
	g.leave(err == nil)
	<-g.turn
	return err
}

// join stands in line, unless that is of no use.
func (g *gate) join(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.tooLate(ctx) {
		return context.DeadlineExceeded
	}
	g.line++
	return nil
}

// tooLate reports that the deadline comes before somebody's turn can who joins
// the line as it is now.
func (g *gate) tooLate(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && deadline.Before(g.soonest(g.line))
}

// wait waits at the head of the line.
func (g *gate) wait(ctx context.Context) error {
	for t := g.opens(); time.Now().Before(t); t = g.opens() {
		if err := sleep(ctx, time.Until(t)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// leave gives up a place in line. An admission is noted in the same moment: in
// between, it would count for two.
func (g *gate) leave(admitted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.line--
	if admitted && len(g.ring) > 0 {
		g.ring[g.next] = time.Now()
		g.next = (g.next + 1) % len(g.ring)
	}
}

// opens returns when the head of the line may pass.
func (g *gate) opens() time.Time {
	if len(g.ring) == 0 {
		return g.base.Add(time.Duration(g.held.Load()))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.soonest(0)
}

// soonest returns when somebody may pass, at the earliest, who has so many
// before him in line.
func (g *gate) soonest(before int) time.Time {
	t := g.base.Add(time.Duration(g.held.Load()))
	size := len(g.ring)
	if size == 0 {
		return t
	}
	if last := g.ring[(g.next+before)%size]; !last.IsZero() && last.Add(window).After(t) {
		t = last.Add(window)
	}
	if rounds := before / size; rounds > 0 {
		if now := time.Now(); t.Before(now) {
			t = now
		}
		return t.Add(time.Duration(rounds) * window)
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
