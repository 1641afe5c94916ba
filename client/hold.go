package client

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// holdClock is a clock that stands still while a server holds the client back.
// What spaces attempts goes by it, so that a hold moves them all: by the time
// of day, those whose turn came meanwhile would start together at its end.
type holdClock struct {
	base  time.Time
	until atomic.Int64 // since base, when the last hold ends

	still sync.Mutex
	lost  time.Duration // how long it has stood still when the last hold ends
}

// hold keeps everybody back for d.
func (h *holdClock) hold(d time.Duration) {
	h.still.Lock()
	defer h.still.Unlock()
	now, last := time.Since(h.base), time.Duration(h.until.Load())
	if until := now + d; until > last {
		h.lost += until - max(now, last)
		h.until.Store(int64(until))
	}
}

// holdEnds returns before when nobody may pass.
func (h *holdClock) holdEnds() time.Time { return h.base.Add(time.Duration(h.until.Load())) }

// now returns what the clock shows.
func (h *holdClock) now() time.Time {
	h.still.Lock()
	defer h.still.Unlock()
	return h.base.Add(max(time.Since(h.base), time.Duration(h.until.Load())) - h.lost)
}

// wait waits until the clock shows t and runs. It fails at once if it sees that
// the context's deadline comes first.
func (h *holdClock) wait(ctx context.Context, t time.Time) error {
	for {
		left := h.left(t)
		if left <= 0 {
			return ctx.Err()
		}
		if err := sleep(ctx, left); err != nil {
			return err
		}
	}
}

func (h *holdClock) left(t time.Time) time.Duration {
	h.still.Lock()
	defer h.still.Unlock()
	return max(t.Sub(h.base)+h.lost, time.Duration(h.until.Load())) - time.Since(h.base)
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
