package client

import (
	"errors"
	"io"
	"slices"
	"time"

	"github.com/llmload/llmload/client/internal/sse"
)

// read does one Read of the body. It returns false when there is no more to
// read; then the flight has its outcome.
func (f *flight) read() bool {
	f.arm()
	if f.gatherer != nil {
		f.rest()
	}
	k := f.capture
	k.buf = slices.Grow(k.buf, f.readSize)
	n, err := f.body.Read(k.buf[len(k.buf):cap(k.buf)])
	at := time.Since(f.a.Started)
	if f.gatherer != nil && (n > 0 || err == io.EOF) {
		at = f.gatherer.ReadAt().Sub(f.a.Started)
	}
	if n > 0 {
		k.buf = k.buf[:len(k.buf)+n]
		f.took(at)
	}
	switch {
	case err != nil:
		f.over(err, at)
		return false
	case f.full():
		if f.bodyLimit == maxBody && f.ended == 0 {
			f.a.Err = f.located(ErrTooLarge)
		}
		f.over(io.EOF, at)
		return false
	}
	return true
}

// took notes what a read brought. The stamp was taken before.
func (f *flight) took(at time.Duration) {
	k := f.capture
	if f.a.Reads == 0 {
		f.a.FirstChunk = f.a.Started.Add(at)
	}
	f.a.Reads++
	k.marks = append(k.marks, mark{len(k.buf), at})
	if f.streaming {
		f.watch(at, false)
		if f.exchange != nil && f.content && f.ended == 0 {
			if f.gatherer == nil {
				f.exchange.cede(f)
				f.gather()
			}
		}
	}
}

// watch looks for the first content and the end of the stream. Unless someone
// listens, only events before the first content are decoded here: its time-out
// and the rule that nothing is retried after it need to know.
func (f *flight) watch(at time.Duration, final bool) {
	for f.ended == 0 {
		ev, ok := f.scan.Next(f.capture.buf, final)
		if !ok {
			return
		}
		f.marked = isEndMarker(ev)
		if f.marked {
			f.end(ev, at)
			return
		}
		if f.content && f.listen == nil && !looksLikeFailure(ev) {
			continue
		}
		piece, err := f.chunks.decode(ev)
		if !f.content && piece.hasContent() {
			f.content, f.a.FirstToken = true, f.a.Started.Add(at)
		}
		if isStreamError(err) {
			f.end(ev, at) // the server may say no more, and keep the connection
		}
		if f.listen != nil {
			f.listen(piece, cutShort(err, ev.Cut))
		}
	}
}

// isStreamError asks no more of an event that has no error than it must:
// errors.As allocates.
func isStreamError(err error) bool {
	if err == nil {
		return false
	}
	var failure *StreamError
	return errors.As(err, &failure)
}

func (f *flight) end(ev sse.Event, at time.Duration) {
	f.ended = f.dropped + ev.End
	f.a.Done = f.a.Started.Add(at)
}

func (f *flight) full() bool {
	n := f.dropped + len(f.capture.buf)
	return n >= f.bodyLimit || (f.ended > 0 && n-f.ended > maxDrain) || f.scan.Err() != nil
}

// over ends the reading. What goes wrong behind the end marker is of no account.
func (f *flight) over(err error, at time.Duration) {
	if f.streaming {
		f.watch(at, true)
	}
	if f.ended > 0 {
		return
	}
	f.a.Done = f.a.Started.Add(at)
	if err != io.EOF && f.a.Err == nil {
		f.a.Err = f.bodyError(err)
	}
}
