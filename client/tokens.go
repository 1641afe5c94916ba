package client

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// bytesPerToken is what English takes in the vocabularies of today, roughly.
const bytesPerToken = 4

// tokenGate spaces attempts by their tokens. Its bucket holds a second's worth,
// so that no minute gets more than a sixtieth over its share; what is dearer
// than the bucket is paid for in parts.
type tokenGate struct {
	clock   *holdClock
	limiter *rate.Limiter
	saving  int // most credit that is kept

	mu     sync.Mutex
	credit int // paid by calls that used less; below zero, owed by those that used more
}

// newTokenGate keeps ten seconds' worth of credit. Estimates are mostly too
// high, because answers end before they have to: with less, calls that end
// together would lose what they did not use; with more, it could all come in a
// later minute, on top of that minute's own.
func newTokenGate(perMinute int, clock *holdClock) *tokenGate {
	limiter := rate.NewLimiter(rate.Limit(perMinute)/60, max(1, perMinute/60))
	return &tokenGate{clock: clock, limiter: limiter, saving: perMinute / 6}
}

// admit waits until the tokens have been paid for.
func (g *tokenGate) admit(ctx context.Context, tokens int) error {
	due := g.due(tokens)
	now := g.clock.now()
	var paid []payment
	var wait time.Duration
	for left := due; left > 0; {
		part := min(left, g.limiter.Burst())
		r := g.limiter.ReserveN(now, part)
		paid, wait = append(paid, payment{r, part}), r.DelayFrom(now)
		left -= part
	}
	err := ctx.Err()
	if err == nil && wait > 0 {
		err = g.clock.wait(ctx, now.Add(wait))
	}
	if err != nil {
		g.refund(paid, tokens-due)
	}
	return err
}

// payment is a part of what a call costs.
type payment struct {
	*rate.Reservation
	tokens int
}

// refund gives back what a call has paid that was given up: the credit that it
// used, parts that are still to come, and as credit those whose time is over,
// which a rate.Limiter keeps.
func (g *tokenGate) refund(paid []payment, credit int) {
	now := g.clock.now()
	for _, part := range slices.Backward(paid) {
		if part.DelayFrom(now) > 0 {
			part.CancelAt(now)
		} else {
			credit += part.tokens
		}
	}
	g.settle(credit)
}

// due applies what is left from earlier calls.
func (g *tokenGate) due(tokens int) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	due := max(0, tokens-g.credit)
	g.credit -= tokens - due
	return due
}

// settle notes that so many tokens were paid for and not used, or the other way about.
func (g *tokenGate) settle(unused int) {
	g.mu.Lock()
	g.credit = min(g.credit+unused, g.saving)
	g.mu.Unlock()
}

// cost estimates the tokens of a request: what it says, and the most that each
// of its answers may say.
func (r Request) cost(body []byte) int {
	answers := 1
	switch r.API {
	case Completions:
		answers = len(r.Prompts)
	case Embeddings:
		answers = 0
	}
	return len(body)/bytesPerToken + answers*r.MaxTokens
}

// settle corrects the estimate of a call's last attempt by what the server counted.
func (g *gate) settle(cl *call, u Usage) {
	if g.tokens != nil {
		g.tokens.settle(cl.cost - u.InputTokens - u.OutputTokens)
	}
}
