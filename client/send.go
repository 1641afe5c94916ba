package client

import (
	"context"
	"sync"
)

// Exchange is what came of one call: its attempts and the bytes of the last
// answer, which Decode reads.
type Exchange struct {
	Attempts []Attempt // in order; empty where none was started

	client  *Client
	call    *call
	capture *capture
	decoder *streamDecoder // nil until the first part of a stream is decoded
	err     error          // why no attempt, or no further one, was started
	stream  bool           // the last answer is an event stream

	once    sync.Once
	resp    *Response
	outcome error
}

// send performs a prepared call with its retries.
func (c *Client) send(ctx context.Context, cl *call) *Exchange {
	x := &Exchange{client: c, call: cl}
	if x.err = c.enter(&c.census.calls, cl); x.err != nil {
		return x
	}
	defer c.census.leave(&c.census.calls)
	ctx, end := c.bind(ctx)
	defer end()
	release, err := c.slot(ctx)
	if err != nil {
		x.err = waitError(ctx, cl.at(0))
		return x
	}
	defer release()
	x.capture = c.captures.Get().(*capture)
	c.budget.earn()
	x.run(ctx)
	return x
}

// run makes attempts until one succeeds or none is left.
func (x *Exchange) run(ctx context.Context) {
	for {
		if err := x.client.gate.admit(ctx, x.call.cost); err != nil {
			x.giveUp(ctx)
			return
		}
		f := x.client.open(ctx, x.call, len(x.Attempts)+1, x.capture)
		f.exchange = x
		if f.body != nil {
			for f.read() {
			}
		}
		f.close()
		x.stream = f.streaming
		f.judge(ctx)
		x.Attempts = append(x.Attempts, f.a)
		x.client.observe(ctx, x.call, &f.a, len(x.Attempts))
		wait, again := x.client.again(f, len(x.Attempts))
		if !again {
			return
		}
		if err := sleep(ctx, wait); err != nil {
			x.giveUp(ctx)
			return
		}
	}
}

// giveUp ends a call that cannot wait any longer.
func (x *Exchange) giveUp(ctx context.Context) {
	var last error
	at := x.call.at(len(x.Attempts))
	if at.attempts > 0 {
		a := &x.Attempts[at.attempts-1]
		last, at.requestID = a.Err, a.RequestID
	}
	x.err = lastWord(waitError(ctx, at), last)
}

// lastWord picks the error of a call whose wait failed: where only time ran out,
// what the last attempt met says more.
func lastWord(wait, attempt error) error {
	if _, late := wait.(*TimeoutError); late && attempt != nil {
		return attempt
	}
	return wait
}

// failure returns what is known to have gone wrong without decoding.
func (x *Exchange) failure() error {
	if x.err != nil || len(x.Attempts) == 0 {
		return x.err
	}
	return x.Attempts[len(x.Attempts)-1].Err
}

// release gives the bytes of the answer back.
func (x *Exchange) release() {
	if x.capture != nil {
		x.client.keep(x.capture)
	}
	x.capture = nil
}
