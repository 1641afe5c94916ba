package client

import (
	"context"
	"sync"
)

// census counts who is at work, so that an end can wait for them.
type census struct {
	mu      sync.Mutex
	calls   int
	streams int           // they end when their readers like
	over    bool          // nobody may begin
	change  chan struct{} // closed when somebody leaves; nil if nobody waits
}

// enter counts somebody in, unless it is over.
func (s *census) enter(who *int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		*who++
	}
	return !s.over
}

func (s *census) leave(who *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*who--
	if s.change != nil {
		close(s.change)
		s.change = nil
	}
}

func (s *census) finish() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
}

// gone waits until nobody is left, streams included if all is set.
func (s *census) gone(ctx context.Context, all bool) error {
	for {
		s.mu.Lock()
		if s.calls == 0 && (!all || s.streams == 0) {
			s.mu.Unlock()
			return nil
		}
		if s.change == nil {
			s.change = make(chan struct{})
		}
		change := s.change
		s.mu.Unlock()
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close ends the client: calls in flight and waiting fail with ErrClosed, and
// all connections are closed. A Stream that is open finds out at its next Next.
// Close may be called more than once, but not by an Observer or Middleware: it
// waits for the calls that they are part of.
func (c *Client) Close() error {
	c.census.finish()
	c.end(ErrClosed)
	if err := c.census.gone(context.Background(), false); err != nil {
		return err
	}
	c.wire.carrier.close()
	return nil
}

// Shutdown ends the client gently: new calls fail with ErrClosed, those in
// flight and open streams may go on until the context ends. Then it is Close,
// and returns the context's error if somebody was left.
func (c *Client) Shutdown(ctx context.Context) error {
	c.census.finish()
	left := c.census.gone(ctx, true)
	if err := c.Close(); err != nil {
		return err
	}
	return left
}

// enter counts a call or a stream in.
func (c *Client) enter(who *int, cl *call) error {
	// Of a client that stands beside another, the life may end without a Close of its own.
	if c.life.Err() != nil || !c.census.enter(who) {
		return &stopError{cl.at(0), ErrClosed}
	}
	return nil
}
