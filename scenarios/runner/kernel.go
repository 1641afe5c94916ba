package runner

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// Where the kernel stamps what it receives, an arrival is held against that stamp: what lies between the two is the client's
// own doing. The client package knows nothing of it. A connection that keeps the stamps of its reads is dialled here, a
// RoundTripper around the client's has it write them down for one attempt at a time, and the recorders join them with the
// client's own stamps, which are later than the end of the read by what net/http and the scheduler took.

// A socketRead is one read of a connection.
type socketRead struct {
	at  int64 // when it returned, in nanoseconds from the run's start
	lag int64 // how long the kernel had held its last byte by then; unstamped where it did not say
}

// unstamped stands for a lag that the kernel gave no stamp for.
const unstamped = -1

// readLog is the reads of one attempt. It belongs to one goroutine at a time.
type readLog struct{ reads []socketRead }

// keptReads bounds what a log that is used again may hold on to; few answers have more reads.
const keptReads = 16 << 10

var readLogs = sync.Pool{New: func() any { return new(readLog) }}

// A tappable connection writes its reads into a log. untap returns nil for a log that a read under way has at this moment.
type tappable interface {
	tap(*readLog)
	untap() *readLog
}

// attemptReads is a request's attempts, each with its reads: nil where nothing was stamped.
type attemptReads struct{ logs []*readLog }

// of returns the reads of attempt i, and free gives all back.
func (a *attemptReads) of(i int) []socketRead {
	if a == nil || i >= len(a.logs) || a.logs[i] == nil {
		return nil
	}
	return a.logs[i].reads
}

func (a *attemptReads) free() {
	if a == nil {
		return
	}
	for _, l := range a.logs {
		if l != nil && cap(l.reads) <= keptReads {
			l.reads = l.reads[:0]
			readLogs.Put(l)
		}
	}
	a.logs = nil
}

type readsKey struct{}

// tapped returns a context whose request's reads are kept.
func tapped(ctx context.Context) (context.Context, *attemptReads) {
	a := &attemptReads{}
	return context.WithValue(ctx, readsKey{}, a), a
}

// tapping performs attempts, and keeps the reads of each where its request asks for them. The client performs each attempt
// by one call, so that the order of the calls is that of the attempts.
type tapping struct{ next http.RoundTripper }

func (t tapping) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	a, ok := ctx.Value(readsKey{}).(*attemptReads)
	if !ok {
		return t.next.RoundTrip(req)
	}
	i := len(a.logs)
	a.logs = append(a.logs, nil)
	trace := httptrace.ContextClientTrace(ctx) // the attempt's own: httptrace would join a second one to it by reflection
	if trace == nil {
		trace = &httptrace.ClientTrace{}
		req = req.WithContext(httptrace.WithClientTrace(ctx, trace))
	}
	var conn tappable
	told := trace.GotConn
	trace.GotConn = func(info httptrace.GotConnInfo) {
		if conn = tappableOf(info.Conn); conn != nil {
			conn.tap(readLogs.Get().(*readLog))
		}
		if told != nil {
			told(info)
		}
	}
	resp, err := t.next.RoundTrip(req)
	if err == nil && conn != nil {
		resp.Body = &tappedBody{resp.Body, conn, a, i}
	}
	return resp, err
}

// tappableOf finds the connection that reads from the network, under TLS; nil is none that can be tapped.
func tappableOf(c net.Conn) tappable {
	if secured, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = secured.NetConn()
	}
	conn, _ := c.(tappable)
	return conn
}

// tappedBody takes the log back before the connection is given to the next request.
type tappedBody struct {
	io.ReadCloser
	conn    tappable
	reads   *attemptReads
	attempt int
}

func (b *tappedBody) Close() error {
	if b.conn != nil {
		b.reads.logs[b.attempt] = b.conn.untap()
		b.conn = nil
	}
	return b.ReadCloser.Close()
}

// kernelLags returns, in the place of the stamps, how much later than the kernel each of the client's is, unstamped where it is not
// known, nil where no read was seen. A stamp's bytes came with the last read before it. Both are in nanoseconds from the run's start, in order.
func kernelLags(reads []socketRead, stamps []int64) []int64 {
	if len(reads) == 0 || len(stamps) == 0 {
		return nil
	}
	next := 0
	for i, at := range stamps {
		for next < len(reads) && reads[next].at <= at {
			next++
		}
		stamps[i] = unstamped
		if next > 0 && reads[next-1].lag >= 0 {
			stamps[i] = reads[next-1].lag + at - reads[next-1].at
		}
	}
	return stamps
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// Connections are given up like the client's own.
const (
	dialTimeout = 30 * time.Second
	keepAlive   = 30 * time.Second
)

// stampedDial dials connections that keep the kernel's stamps where those are to be had: TCP on Linux. Over TLS they are of
// the records' bytes, so that deciphering counts as the client's.
func stampedDial(dial dialFunc, start time.Time) dialFunc {
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return stampReads(c, start), nil
	}
}
