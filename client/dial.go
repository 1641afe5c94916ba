package client

import (
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
	p.dialling++
	p.dials.Go(func() {
		c, err := p.dial()
		p.dialled(c, err)
	})
}

// dialled takes the outcome of a dial. A failure is told to the head of the
// line, unless another dial is on its way to it.
func (p *pool) dialled(c *conn, err error) {
	p.mu.Lock()
	p.dialling--
	p.failure = err
	switch {
	case err == nil:
		p.all[c] = struct{}{}
	case p.waiting.Len() > p.dialling:
		p.serve(delivery{err: err})
		p.grow()
	}
	if p.dialling == 0 && p.quiet != nil {
		close(p.quiet)
		p.quiet = nil
	}
	p.mu.Unlock()
	if err == nil {
		c.SetStateHook(c.changed)
		p.put(c)
	}
}

// fill begins to open all connections that there is room for.
func (p *pool) fill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.size > 0 && p.room() {
		p.startDial()
	}
}

func (p *pool) warm(ctx context.Context) error {
	p.fill()
	p.mu.Lock()
	if p.dialling > 0 && p.quiet == nil {
		p.quiet = make(chan struct{})
	}
	quiet := p.quiet
	p.mu.Unlock()
	if quiet != nil {
		select {
		case <-quiet:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return ErrClosed
	case len(p.all) < p.size:
		return p.failure
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
		if errors.Is(err, context.DeadlineExceeded) {
			err = dialError{err}
		}
		return nil, err
	}
	c.ClientConn = cc
	c.watch(c.socket)
	return c, nil
}
