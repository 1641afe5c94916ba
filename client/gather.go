package client

import (
	"bytes"
	"net"
	"time"
)

// A Gatherer is a connection that takes in by itself what comes, and when. Config.Dial may return one; it is used for what is not
// encrypted. Waking a goroutine of its own for each event of each stream is most of what reading costs: once a stream whose events
// nobody reads along has brought content, its reads may return later than the data came in.
type Gatherer interface {
	net.Conn
	// Gather lets reads wait until much has come, or awaited says so of what came last, or some time has passed. Each read
	// still returns what one arrival brought. With nil, reads return as soon as there is data again.
	Gather(awaited func(last []byte) bool)
	// Wait returns when there is enough to read.
	Wait()
	// ReadAt returns when the data of the last read came in, of a read without data when the connection ended.
	ReadAt() time.Time
}

// gather lets the connection gather from now on, if it can.
func (f *flight) gather() {
	if g, ok := f.trace.socket.(Gatherer); ok && !f.encrypted && f.patient() {
		f.gatherer = g
		g.Gather(endsStream)
	}
}

// patient reports that the time-out between two reads is so long that it makes no difference.
func (f *flight) patient() bool {
	idle := f.cfg.IdleTimeout
	return idle <= 0 || idle >= gatherIdle
}

// gatherIdle is some times what a gathering connection may hold back.
const gatherIdle = 5 * time.Second

var endMarker = []byte("[DONE]")

// endsStream reports whether an answer seems to end: its end marker is there, or the empty chunk that ends a body.
func endsStream(last []byte) bool {
	return bytes.HasSuffix(last, []byte("\r\n\r\n")) || bytes.Contains(last, endMarker)
}

// ungather has the connection serve the next request as any other.
func (f *flight) ungather() {
	if f.gatherer != nil {
		f.gatherer.Gather(nil)
		f.gatherer = nil
	}
}

// rest waits for a connection that gathers. What is whole of the answer is decoded before, and the buffer given back: most
// streams are at rest at any time. No stamp waits for that, the connection takes them.
func (f *flight) rest() {
	n := f.scan.Consumed()
	if n == 0 {
		return
	}
	k := f.capture
	f.exchange.streamDecoder(f.a.Started).now(&capture{k.buf[:n], k.marks})
	f.scan.Shift(n)
	f.dropped += n
	last := mark{len(k.buf) - n, k.marks[len(k.marks)-1].at}
	if last.end > 0 {
		k.buf, k.marks = append(k.buf[:0], k.buf[n:]...), append(k.marks[:0], last)
		return
	}
	f.exchange.client.keep(k)
	f.gatherer.Wait()
	k = f.exchange.client.captures.Get().(*capture)
	k.buf, k.marks = k.buf[:0], append(k.marks[:0], last)
	f.capture, f.exchange.capture = k, k
}
