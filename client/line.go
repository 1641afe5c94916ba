package client

import (
	"context"
	"time"
)

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
	err := g.lead(ctx)
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

// lead waits at the head of the line.
func (g *gate) lead(ctx context.Context) error {
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
		return g.holdEnds()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.soonest(0)
}

// soonest returns when somebody may pass, at the earliest, who has so many
// before him in line.
func (g *gate) soonest(before int) time.Time {
	t := g.holdEnds()
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
