package client

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"slices"
)

// delivery is what a waiting request gets: one of both.
type delivery struct {
	conn *conn
	err  error
}

// lease takes a connection: an idle one, else the next that comes free or is dialled.
func (p *pool) lease(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil { // it would cost a connection
		return nil, err
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if c := p.takeIdle(); c != nil {
		p.mu.Unlock()
		return c, nil
	}
	ready := make(chan delivery, 1)
	place := p.waiting.PushBack(ready)
	p.grow()
	p.mu.Unlock()
	select {
	case d := <-ready:
		return d.conn, d.err
	case <-ctx.Done():
		if p.leave(place, ready) {
			return nil, fmt.Errorf("%w: %w", errInLine, ctx.Err())
		}
		return nil, ctx.Err()
	}
}

// takeIdle returns the connection that served last: the others may grow old and
// go. One that the server has closed is on its way out, see died.
func (p *pool) takeIdle() *conn {
	for i := len(p.idle) - 1; i >= 0; i-- {
		if c := p.idle[i]; c.Err() == nil && !c.deserted() {
			p.idle = slices.Delete(p.idle, i, i+1)
			return c
		}
	}
	return nil
}

// errInLine is a wait for a connection that others use, and not for a dial.
var errInLine = errors.New("in line for a connection")

// leave gives up a place in the line, and passes on what came in that moment. It
// reports whether all connections were in use.
func (p *pool) leave(place *list.Element, ready chan delivery) (full bool) {
	p.mu.Lock()
	p.waiting.Remove(place) // without effect if it was served
	full = p.dialling == 0
	p.mu.Unlock()
	select {
	case d := <-ready:
		if d.conn != nil {
			p.put(d.conn)
		}
	default:
	}
	return full
}

// serve hands a delivery to the head of the line. It reports whether there was one.
func (p *pool) serve(d delivery) bool {
	head := p.waiting.Front()
	if head == nil {
		return false
	}
	p.waiting.Remove(head).(chan delivery) <- d
	return true
}
