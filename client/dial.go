package client

import (
	"cmp"
	"context"
	"errors"
)

// grow dials for those in the line that no dial under way will serve, as far as
// there is room.
func (p *pool) grow() {
	for p.dialling < p.waiting.Len() && p.room() {
		p.startDial()
	}
}

func (p *pool) room() bool {
	return !p.closed && (p.size == 0 || len(p.all)+p.dialling < p.size)
}

func (p *pool) startDial() {
	if p.round == nil {
		p.round = &round{over: make(chan struct{})}
	}
	p.dialling++
	p.dials.Go(func() {
		c, err := p.dial()
		p.dialled(c, err)
	})
}

// dialled takes the outcome of a dial. A failure is told to the head of the
// line, unless another dial is on its way to it.
func (p *pool) dialled(c *conn, err error) {
	if err == nil {
		c.SetStateHook(c.changed)
	}
	p.mu.Lock()
	p.dialling--
	p.failure = err
	p.round.failure = cmp.Or(err, p.round.failure)
	switch {
	case err == nil:
		p.all[c] = struct{}{}
	case p.waiting.Len() > p.dialling:
		p.serve(delivery{err: err})
		p.grow()
	}
	if p.dialling == 0 {
		close(p.round.over)
		p.round = nil
	}
	if err != nil {
		p.mu.Unlock()
		return
	}
	p.hand(c) // in the same breath: a dial for the one it goes to would be one too many
}

// fill begins to open all connections that there is room for.
func (p *pool) fill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.size > 0 && p.room() {
		p.startDial()
	}
}

// round is a time in which dials are under way, from the first of them to the last.
type round struct {
	over    chan struct{}
	failure error // the latest; it counts when the round is over
}

// warm is about the dials that it waits for: what a request met before is no
// reason, and what one dial met is not made good by the next.
func (p *pool) warm(ctx context.Context) error {
	for range warmRounds {
		r := p.fillUp()
		if r == nil {
			return p.state()
		}
		select {
		case <-r.over:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := p.state(); err != errNotFull {
			return err
		}
		if r.failure != nil {
			return r.failure
		}
	}
	return errNotFull
}

// warmRounds is how often warm dials for connections that did not stay: of a
// server that hangs up at once there would be no end.
const warmRounds = 3

var errNotFull = errors.New("connections were opened, but do not stay open")

// fillUp is fill, and returns the dials under way, nil if there are none.
func (p *pool) fillUp() *round {
	p.fill()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.round
}

func (p *pool) state() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case len(p.all) < p.size:
		return errNotFull
	}
	return nil
}

// dialError is a dial that took too long. It hides that a context of ours ended,
// which would look like the caller's deadline.
type dialError struct{ error }

func (dialError) Timeout() bool   { return true }
func (dialError) Temporary() bool { return true }
func (dialError) Unwrap() error   { return nil }

// dial opens a connection.
func (p *pool) dial() (*conn, error) {
	ctx, cancel := context.WithTimeout(p.life, dialTimeout)
	defer cancel()
	c := &conn{pool: p}
	cc, err := p.transport.NewClientConn(context.WithValue(ctx, noteKey{}, &c.socket), p.scheme, p.addr)
	if err != nil {
		return nil, err
	}
	c.ClientConn = cc
	c.watch(c.socket)
	return c, nil
}
