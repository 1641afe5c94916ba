package client

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/llmload/llmload/client/internal/sse"
)

const (
	maxBody      = 64 << 20
	maxErrorBody = 64 << 10
	minRead      = 4 << 10 // as much as net/http's own buffer holds
	// After its end marker a stream is read on to its end, so that the
	// connection can serve again, but not for longer than these.
	maxDrain  = 64 << 10
	drainTime = 250 * time.Millisecond
)

// capture holds the bytes of an answer as they came, and when.
type capture struct {
	buf   []byte
	marks []mark
}

// newCapture has room for as much as is held of a stream that is decoded in parts,
// and for one more read.
func newCapture() any { return &capture{buf: make([]byte, 0, partSize+minRead)} }

// mark is one read: where in the buffer it ended, and when it returned.
type mark struct {
	end int
	at  time.Duration // since Attempt.Started
}

// flight is an attempt under way. What it waits for at the moment is read by
// its timer, so it is atomic; the rest belongs to the caller's goroutine.
type flight struct {
	cfg     *Config
	wire    *wire
	call    *call
	number  int // of the attempt in its call, from 1
	capture *capture
	a       Attempt
	trace   trace
	life    context.Context // the client's
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	waiting atomic.Int32

	body      io.ReadCloser
	bodyLimit int
	readSize  int  // least room for a read
	streaming bool // the body is an event stream
	wrongType bool // a 2xx of another content type than was asked for
	scan      sse.Scanner
	chunks    chunkDecoder
	content   bool          // the stream has brought content
	ended     int           // offset behind the last event that counts, 0 before
	marked    bool          // that event was the end marker
	drainBy   time.Duration // the attempt's age at which reading on ends

	encrypted bool               // by TLS, with the server or a proxy
	gatherer  Gatherer           // the connection, while it gathers
	listen    func(piece, error) // hears each event; nil where nobody reads along
	exchange  *Exchange          // has a long answer decoded in parts; nil where the buffer is kept, or someone listens
	dropped   int                // bytes cut from the head of the buffer
}

// open sends an attempt and waits for its headers. A failure is in its Attempt.
func (c *Client) open(ctx context.Context, cl *call, number int, keep *capture) *flight {
	keep.buf, keep.marks = keep.buf[:0], keep.marks[:0]
	f := &flight{cfg: c.cfg, wire: c.wire, life: c.life, call: cl, number: number, capture: keep}
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	f.a.Started = time.Now()
	f.trace.started = f.a.Started
	f.arm()
	resp, err := c.wire.sender.RoundTrip(cl.request(httptrace.WithClientTrace(f.ctx, f.trace.hooks())))
	at := time.Since(f.a.Started)
	f.a.RequestID = cl.id
	if err != nil {
		f.a.Done = f.a.Started.Add(at)
		f.a.Err = f.sendError(err)
		return f
	}
	f.a.Headers = f.a.Started.Add(at)
	f.accept(resp)
	return f
}

// accept takes the status line and the headers in.
func (f *flight) accept(resp *http.Response) {
	f.body, f.encrypted = resp.Body, resp.TLS != nil
	f.a.Status, f.a.Header = resp.StatusCode, resp.Header
	if id := resp.Header.Get("X-Request-Id"); id != "" {
		f.a.RequestID = f.call.secrets.hide(id)
	}
	f.a.RetryAfter = retryAfter(resp.Header, time.Now())
	f.bodyLimit, f.readSize = maxErrorBody, minRead
	if n := resp.ContentLength; n >= 0 && n < minRead {
		f.readSize = int(n) + 1
	}
	if resp.StatusCode/100 != 2 {
		return
	}
	// A missing type is tolerated: then the body tells.
	if got := mediaType(resp.Header); got != "" && got != f.call.accepts() {
		f.wrongType = true
		return
	}
	f.streaming = f.call.stream
	f.bodyLimit = maxBody
}

func mediaType(h http.Header) string {
	v := h.Get("Content-Type")
	if v == "application/json" || v == "text/event-stream" { // as nearly always
		return v
	}
	if t, _, err := mime.ParseMediaType(v); err == nil {
		return t
	}
	return v
}

// close gives everything back that the attempt held, and completes its stamps.
func (f *flight) close() {
	if f.timer != nil {
		f.timer.Stop()
	}
	f.ungather()
	if f.body != nil {
		f.body.Close()
	}
	f.cancel(nil)
	f.a.Connected = f.trace.stamp(&f.trace.connected)
	f.a.Sent = f.trace.stamp(&f.trace.sent)
	f.a.Reused = f.trace.reused.Load()
}
