package client

import (
	"slices"
	"time"
)

// sweepAfter makes sure that the idle are looked through. One timer for all,
// set when the first is put down: not each request has to touch it.
func (p *pool) sweepAfter(d time.Duration) {
	at := time.Now().Add(d)
	switch {
	case p.sweeper == nil:
		p.sweeper = time.AfterFunc(d, p.sweep)
	case at.Before(p.sweepAt):
		p.sweeper.Reset(d)
	default:
		return
	}
	p.sweepAt = at
}

// sweep closes the connections that have been idle for too long.
func (p *pool) sweep() {
	var old []*conn
	p.mu.Lock()
	p.sweeper = nil
	next := time.Duration(-1)
	p.idle = slices.DeleteFunc(p.idle, func(c *conn) bool {
		left := c.patience() - time.Since(c.since)
		if left <= 0 {
			old = append(old, c)
		} else if next < 0 || left < next {
			next = left
		}
		return left <= 0
	})
	if next >= 0 && !p.closed {
		p.sweepAfter(next)
	}
	p.mu.Unlock()
	for _, c := range old {
		p.drop(c)
	}
}

func (p *pool) refresh() {
	p.mu.Lock()
	old := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range old {
		p.drop(c)
	}
}
