package client

import (
	"cmp"
	"context"
	"iter"
)

// Chunk is a piece of a streamed answer. Usage is set on the chunk that brings it.
type Chunk struct {
	Choice
	Usage *Usage
}

// Stream is an answer that is read as it comes. It belongs to one goroutine,
// and must be read to its end or closed. The zero value is of no use: see
// Client.Stream.
type Stream struct {
	client  *Client
	call    *call
	ctx     context.Context
	unbind  func()
	leave   func() // the slot
	flight  *flight
	capture capture

	attempts int
	queue    []Chunk // what the last read brought
	taken    int     // of the queue
	chunk    Chunk
	answer   builder // knows what the answer lacks
	decoding error   // what was wrong with an event
	last     error   // of the last attempt
	attempt  Attempt // the last
	usage    *Usage  // what the server has counted so far
	over     bool
	err      error
}

// Stream sends a request and returns its answer chunk by chunk. Nothing is sent
// before the first Next, except that a request which names no model asks the
// server for its first. A failed attempt is tried again as long as no content
// has come. Request.Stream is implied.
func (c *Client) Stream(ctx context.Context, r Request) *Stream {
	r.Stream = true
	cl, err := c.prepare(ctx, r)
	c.unsent(err)
	return &Stream{client: c, call: cl, ctx: ctx, err: err, over: err != nil}
}

// Next reads up to the next chunk. It returns false at the end; Err tells
// whether the answer is whole.
func (s *Stream) Next() bool {
	for {
		if s.taken < len(s.queue) {
			s.chunk = s.queue[s.taken]
			s.taken++
			return true
		}
		s.queue, s.taken = s.queue[:0], 0
		switch {
		case s.over:
			return false
		case s.flight == nil:
			s.open()
		case s.decoding != nil || !s.flight.read():
			s.settle()
		default:
			s.flight.pause()
		}
	}
}

// Chunk returns what the last Next read.
func (s *Stream) Chunk() Chunk { return s.chunk }

// Err returns what ended the stream early. It is nil if the answer is whole, if
// it is not at its end yet, and after a Close before that.
func (s *Stream) Err() error { return s.err }

// Close ends the stream, on the goroutine that reads it: before its end or
// after, and more than once. From elsewhere, cancel the context.
func (s *Stream) Close() {
	s.end(s.err)
	s.queue, s.taken = nil, 0
}

// All returns the chunks for a range loop; an error comes last, with an empty
// Chunk. Leaving the loop closes the stream.
func (s *Stream) All() iter.Seq2[Chunk, error] {
	return func(yield func(Chunk, error) bool) {
		defer s.Close()
		for s.Next() {
			if !yield(s.chunk, nil) {
				return
			}
		}
		if s.err != nil {
			yield(Chunk{}, s.err)
		}
	}
}

// open starts an attempt, the first after taking a place among the calls.
func (s *Stream) open() {
	if s.unbind == nil && !s.enter() {
		return
	}
	if err := s.client.gate.admit(s.ctx, s.call.cost); err != nil {
		s.giveUp()
		return
	}
	s.attempts++
	s.answer, s.decoding = builder{}, nil
	s.flight = s.client.open(s.ctx, s.call, s.attempts, &s.capture)
	s.flight.listen = s.hear
	if s.flight.body == nil {
		s.settle()
	}
}

func (s *Stream) enter() bool {
	if err := s.client.enter(&s.client.census.streams, s.call); err != nil {
		s.end(err)
		return false
	}
	s.ctx, s.unbind = s.client.bind(s.ctx)
	leave, err := s.client.slot(s.ctx)
	if err != nil {
		s.end(waitError(s.ctx, s.call.at(s.attempts)))
		return false
	}
	s.leave = leave
	s.client.budget.earn()
	return true
}

// hear takes in what an event says, while the flight reads.
func (s *Stream) hear(p piece, err error) {
	if err != nil || s.decoding != nil { // what follows a broken event counts no more
		s.decoding = cmp.Or(s.decoding, err)
		return
	}
	s.answer.any = s.answer.any || len(p.parts) > 0
	for i := range p.parts {
		s.answer.choice(&p.parts[i])
		if (piece{parts: p.parts[i : i+1]}).hasContent() || p.parts[i].FinishReason != "" {
			s.queue = append(s.queue, Chunk{Choice: p.parts[i]})
		}
	}
	if p.hasUsage {
		usage := p.usage
		s.usage = &usage
		s.queue = append(s.queue, Chunk{Usage: &usage})
	}
}

// pause is called between two reads: the caller may take its time, and the
// bytes that were read are needed no more.
func (f *flight) pause() {
	f.waiting.Store(waitNothing)
	if f.timer != nil {
		f.timer.Stop()
	}
	if n := f.scan.Consumed(); n > 0 {
		k := f.capture
		k.buf = append(k.buf[:0], k.buf[n:]...)
		k.marks = k.marks[:0]
		f.scan.Shift(n)
		f.dropped += n
	}
}
