package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"sync"
)

// shared is net/http's own pool, for HTTP/2, where requests share connections.
// It counts them where they are dialled and closed.
type shared struct {
	*http.Transport
	life  context.Context
	end   context.CancelFunc
	dials sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	sockets map[*countedConn]struct{}
	now     counts // dialling and failure alone

	handshakes int // connections that TLS still agrees on
	pending    int // requests without a connection
	used       int // requests with one
}

func newShared(cfg *Config) *shared {
	s := &shared{sockets: map[*countedConn]struct{}{}}
	s.life, s.end = context.WithCancel(context.Background())
	s.Transport = newTransport(cfg, s.counting(newDialler(cfg)))
	// Not in newTransport: with it, a connection of NewClientConn panics when it
	// is closed (Go 1.26.8, "connCount underflow").
	s.MaxConnsPerHost = cfg.PoolSize
	return s
}

// counting wraps a dialler so that what it opens is counted until it is closed.
// net/http dials on after the request has gone, so a dial needs an end of its own.
func (s *shared) counting(dial dialler) dialler {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !s.begin() {
			return nil, ErrClosed
		}
		defer s.dials.Done()
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		defer context.AfterFunc(s.life, cancel)()
		socket, err := dial(ctx, network, addr)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.now.dialling--
		s.now.failure = err
		if err != nil {
			return nil, err
		}
		c := &countedConn{Conn: socket, shared: s}
		s.sockets[c] = struct{}{}
		return c, nil
	}
}

// begin counts a dial in, unless it is too late for one.
func (s *shared) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.now.dialling++
	s.dials.Add(1)
	return true
}

// countedConn is counted as open until its first Close.
type countedConn struct {
	net.Conn
	shared *shared
}

func (c *countedConn) Close() error {
	c.shared.mu.Lock()
	delete(c.shared.sockets, c)
	c.shared.mu.Unlock()
	return c.Conn.Close()
}

// RoundTrip counts the request, first as waiting, then as on a connection, until
// its body is closed.
func (s *shared) RoundTrip(req *http.Request) (*http.Response, error) {
	u := &use{shared: s}
	s.add(&s.pending, 1)
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		TLSHandshakeStart: func() { s.add(&s.handshakes, 1) },
		TLSHandshakeDone:  func(tls.ConnectionState, error) { s.add(&s.handshakes, -1) },
		GotConn:           func(httptrace.GotConnInfo) { u.begin() },
	})
	resp, err := s.Transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		if !u.end() && ctx.Err() != nil && s.counts().dialling == 0 {
			err = fmt.Errorf("%w: %w", errInLine, err)
		}
		return nil, err
	}
	resp.Body = &countedBody{resp.Body, u}
	return resp, nil
}

func (s *shared) add(to *int, n int) {
	s.mu.Lock()
	*to += n
	s.mu.Unlock()
}

// use is a request's place in the counts. Guarded by shared.mu.
type use struct {
	shared       *shared
	began, ended bool
}

func (u *use) begin() {
	u.shared.mu.Lock()
	defer u.shared.mu.Unlock()
	if !u.began && !u.ended {
		u.began = true
		u.shared.pending--
		u.shared.used++
	}
}

// end reports whether the request had a connection.
func (u *use) end() bool {
	u.shared.mu.Lock()
	defer u.shared.mu.Unlock()
	switch {
	case u.ended:
	case u.began:
		u.shared.used--
	default:
		u.shared.pending--
	}
	u.ended = true
	return u.began
}

type countedBody struct {
	io.ReadCloser
	use *use
}

func (b *countedBody) Close() error {
	b.use.end()
	return b.ReadCloser.Close()
}

// fill and warm do nothing: net/http opens connections when it needs them.
func (s *shared) fill() {}

func (s *shared) warm(ctx context.Context) error {
	if s.life.Err() != nil {
		return ErrClosed
	}
	return ctx.Err()
}

func (s *shared) counts() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now
	now.dialling += s.handshakes
	now.open = max(0, len(s.sockets)-s.handshakes)
	now.idle = max(0, now.open-s.used)
	now.waiting = max(0, s.pending-now.dialling)
	return now
}

func (s *shared) refresh() { s.CloseIdleConnections() }

// close does not leave it to net/http, which keeps what a stream still holds.
func (s *shared) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.dials.Wait()
	s.CloseIdleConnections()
	s.mu.Lock()
	open := slices.Collect(maps.Keys(s.sockets))
	s.mu.Unlock()
	for _, c := range open {
		_ = c.Close() // nobody is left to be told
	}
}
