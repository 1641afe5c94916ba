package client

import (
	"time"

	"github.com/llmload/llmload/client/internal/sse"
)

// partSize is how many bytes of an answer are held before they are decoded. A long
// answer would else take its whole length of memory, times the streams at once.
const partSize = 4 << 10

// streamDecoder decodes an answer part by part and lays its events on the reads
// that completed them.
type streamDecoder struct {
	scan   sse.Scanner
	chunks chunkDecoder
	answer builder
	times  timeline
	err    error
	idle   chan struct{} // closed when every part so far is decoded; nil: none was
}

// streamDecoder returns the one of the exchange's answer, whose attempt started then.
func (x *Exchange) streamDecoder(started time.Time) *streamDecoder {
	if x.decoder == nil {
		x.decoder = &streamDecoder{answer: builder{resp: &Response{}}, times: timeline{started: started, counting: true}}
	}
	return x.decoder
}

// later decodes a part on a goroutine of its own, behind the parts before it: the
// goroutine that reads must be free for the next stamp.
func (d *streamDecoder) later(k *capture, done func(*capture)) {
	before, idle := d.idle, make(chan struct{})
	d.idle = idle
	go func() {
		defer close(idle)
		if before != nil {
			<-before
		}
		d.part(k, false)
		done(k)
	}()
}

// now decodes a part at once.
func (d *streamDecoder) now(k *capture) {
	if d.idle != nil {
		<-d.idle
		d.idle = nil
	}
	d.part(k, false)
}

// part decodes the events of a part, which ends with one unless it is the last.
func (d *streamDecoder) part(k *capture, last bool) {
	d.times.begin(k.marks)
	for d.err == nil && !d.answer.marked {
		ev, ok := d.scan.Next(k.buf, last)
		if !ok {
			break
		}
		if d.answer.marked = isEndMarker(ev); d.answer.marked {
			break
		}
		p, err := d.chunks.decode(ev)
		if d.err = cutShort(err, ev.Cut); err == nil {
			d.answer.add(p)
			d.times.add(ev.End, p)
		}
	}
	d.scan.Shift(d.scan.Consumed())
}

// finish decodes the last part, completes the attempt's stamps, and returns the
// answer as far as it came.
func (d *streamDecoder) finish(k *capture, a *Attempt) (*Response, error) {
	if d.idle != nil {
		<-d.idle
	}
	d.part(k, true)
	d.times.complete(a)
	resp := d.answer.finish(&d.times)
	if d.err != nil {
		return resp, d.err
	}
	return resp, d.answer.incomplete(k.buf)
}

// cede has the events decoded that are whole, once they are many, and leaves the
// rest to be read on. Content has come, so that no further attempt will be made.
func (x *Exchange) cede(f *flight) {
	n := f.scan.Consumed()
	if n < partSize {
		return
	}
	whole, rest := f.capture, x.client.captures.Get().(*capture)
	rest.buf = append(rest.buf[:0], whole.buf[n:]...)
	rest.marks = append(rest.marks[:0], mark{len(rest.buf), whole.marks[len(whole.marks)-1].at})
	whole.buf = whole.buf[:n]
	f.scan.Shift(n)
	f.dropped += n
	f.capture, x.capture = rest, rest
	x.streamDecoder(f.a.Started).later(whole, x.client.keep)
}

// keep takes a buffer back to be used again.
func (c *Client) keep(k *capture) {
	const most = 256 << 10 // larger ones are rare: let them go
	if cap(k.buf) <= most {
		c.captures.Put(k)
	}
}
