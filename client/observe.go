package client

import "context"

// AttemptEvent is an attempt that has ended, as [Config.Observer] hears of it.
type AttemptEvent struct {
	// Context is the caller's, with what a tracer put there.
	Context   context.Context
	Endpoint  string // without query and credentials
	RequestID string // Request.ID
	Number    int    // of the attempt in its call, from 1
	// Attempt is as it was read. Of a Send, FirstOutput, Arrivals and errors
	// inside a 200 are found by Exchange.Decode, later. Of a Stream that was
	// closed before its end, Err is context.Canceled. Nothing in it is changed
	// afterwards: it may be handed to another goroutine.
	Attempt Attempt
}

// observe tells the observer, if there is one.
func (c *Client) observe(ctx context.Context, cl *call, a *Attempt, number int) {
	if c.cfg.Observer != nil {
		c.cfg.Observer(AttemptEvent{Context: ctx, Endpoint: cl.label, RequestID: cl.id, Number: number, Attempt: *a})
	}
}
