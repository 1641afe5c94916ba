package client

import (
	"context"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// window is the span of time that Config.RateLimit counts in.
const window = time.Minute

// gate admits attempts, in the order in which they come.
type gate struct {
	holdClock
	free   bool          // nothing holds it back
	smooth *rate.Limiter // nil where off
	tokens *tokenGate    // nil where off
	turn   chan struct{} // held by the head of the line

	mu   sync.Mutex
	line int         // how many stand in line
	ring []time.Time // the last len(ring) admissions
	next int         // the oldest of them
}

func newGate(cfg *Config) *gate {
	g := &gate{turn: make(chan struct{}, 1), ring: make([]time.Time, cfg.RateLimit)}
	g.base = time.Now()
	if perSecond := cfg.RequestsPerSecond; perSecond > 0 {
		g.smooth = rate.NewLimiter(rate.Limit(perSecond), 1)
	}
	if cfg.TokensPerMinute > 0 {
		g.tokens = newTokenGate(cfg.TokensPerMinute, &g.holdClock)
	}
	g.free = cfg.MaxRetries == 0 && cfg.RateLimit == 0 && g.smooth == nil && g.tokens == nil
	return g
}

// obey holds everybody back as long as an answer asks for, whatever becomes of
// its call: it is about the server, not about that request. With retries and
// rates off, a client measures what a server does to those who do not obey.
func (g *gate) obey(a *Attempt) {
	busy := a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable
	if busy && !g.free && a.RetryAfter <= maxRetryAfter && retryable(a) {
		g.hold(a.RetryAfter)
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
		if err := g.space(ctx); err != nil {
			return err
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

// space waits for a place in RequestsPerSecond.
func (g *gate) space(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := g.now()
	place := g.smooth.ReserveN(now, 1)
	err := g.wait(ctx, now.Add(place.DelayFrom(now)))
	if err != nil {
		place.CancelAt(g.now())
	}
	return err
}
