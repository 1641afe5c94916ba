package client

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

const (
	// idleTimeout stays below the 5 s after which vLLM closes idle connections:
	// whoever closes first must be us, or requests get lost.
	idleTimeout = 4 * time.Second
	// freshTimeout is the same for a connection that has not served yet. Servers
	// are patient with those (uvicorn without end, nginx 60 s), and they were
	// opened ahead in order to be there.
	freshTimeout = 45 * time.Second
	// askAfter is how long a connection has been idle when the kernel is asked
	// about it: under load, when connections hardly rest, the question would be
	// 3% of a request, and no server hangs up that soon without saying so.
	askAfter = time.Millisecond
)

// conn is a connection of a pool. Its fields belong to whoever leased it; while
// it is idle, to the pool's lock.
type conn struct {
	*http.ClientConn
	hangup
	pool   *pool
	socket net.Conn
	used   bool      // it has carried a request
	since  time.Time // idle since
}

// patience is how long the connection may be idle.
func (c *conn) patience() time.Duration {
	if c.used {
		return idleTimeout
	}
	return freshTimeout
}

// deserted reports that the server has hung up on an idle connection.
func (c *conn) deserted() bool { return time.Since(c.since) >= askAfter && c.hungUp() }

// changed hears of each change of state; the end is what matters here.
func (c *conn) changed(cc *http.ClientConn) {
	if cc.Err() != nil {
		c.pool.died(c)
	}
}

// RoundTrip performs a request on a connection of the pool, and tells the
// request's httptrace what http.Transport would.
func (p *pool) RoundTrip(req *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(req.Context())
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(p.addr)
	}
	c, err := p.lease(req.Context())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, err
	}
	if trace != nil && trace.GotConn != nil {
		trace.GotConn(c.info())
	}
	c.used = true
	resp, err := c.ClientConn.RoundTrip(req)
	if err != nil {
		c.giveBack()
		return nil, err
	}
	resp.Body = &leasedBody{ReadCloser: resp.Body, conn: c}
	return resp, nil
}

func (c *conn) info() httptrace.GotConnInfo {
	info := httptrace.GotConnInfo{Conn: c.socket, Reused: c.used, WasIdle: !c.since.IsZero()}
	if info.WasIdle {
		info.IdleTime = time.Since(c.since)
		c.since = time.Time{}
	}
	return info
}

// giveBack ends a lease. A connection whose answer was not read to its end is
// of no more use.
func (c *conn) giveBack() {
	if c.Available() > 0 {
		c.pool.put(c)
		return
	}
	c.pool.drop(c)
}

// leasedBody is a body that gives its connection back, once. When its end has
// been read, net/http has made the connection available again, see eofc in its
// readLoop.
type leasedBody struct {
	io.ReadCloser
	conn *conn
	once sync.Once
}

func (b *leasedBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.conn.giveBack)
	return err
}

// noteKey is under which a dial's context says where to note the socket.
type noteKey struct{}

// noting wraps a dialler: NewClientConn does not tell which socket it opened.
func noting(dial dialler) dialler {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		socket, err := dial(ctx, network, addr)
		if note, ok := ctx.Value(noteKey{}).(*net.Conn); ok {
			*note = socket
		}
		return socket, err
	}
}
