package client

import (
	"context"
	"fmt"
	"time"
)

// settle ends an attempt: with the answer's end, its error, or another attempt.
func (s *Stream) settle() {
	f := s.flight
	s.flight = nil
	f.close()
	f.judge(s.ctx)
	if err := prefer(s.outcome(f), f.a.Err); err != nil && err != f.a.Err {
		f.a.Err = f.located(err)
	}
	s.last = f.a.Err
	s.attempt = f.a
	s.client.observe(s.ctx, s.call, &f.a, s.attempts)
	wait, again := s.client.again(f, s.attempts)
	if !again {
		s.end(f.a.Err)
		return
	}
	if sleep(s.ctx, wait) != nil {
		s.giveUp()
	}
}

// giveUp ends a stream that cannot wait for another attempt.
func (s *Stream) giveUp() {
	at := s.call.at(s.attempts)
	if s.attempts > 0 {
		at.requestID = s.attempt.RequestID
	}
	s.end(lastWord(waitError(s.ctx, at), s.last))
}

// outcome returns what is wrong with an event or lacking at the end.
func (s *Stream) outcome(f *flight) error {
	if s.decoding != nil || !f.streaming {
		return s.decoding
	}
	s.answer.marked = f.marked
	return s.answer.incomplete(s.capture.buf)
}

// end gives up what the stream holds.
func (s *Stream) end(err error) {
	if s.over {
		return
	}
	s.over, s.err = true, err
	if f := s.flight; f != nil {
		f.abandon()
		s.attempt = f.a
		s.client.observe(s.ctx, s.call, &f.a, s.attempts)
	}
	if s.leave != nil {
		s.leave()
	}
	if s.unbind != nil {
		s.unbind()
		s.client.census.leave(&s.client.census.streams)
	}
	s.account()
}

// abandon ends an attempt that the reader of its stream has given up.
func (f *flight) abandon() {
	if f.a.Done.IsZero() {
		f.a.Done = time.Now()
	}
	f.a.Err = f.located(fmt.Errorf("%w: the stream was closed before its end", context.Canceled))
	f.close()
}
