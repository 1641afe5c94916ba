package client

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
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
	now     counts // but for open and idle
	used    int    // requests under way
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

// RoundTrip counts the request until its body is closed.
func (s *shared) RoundTrip(req *http.Request) (*http.Response, error) {
	s.use(1)
	resp, err := s.Transport.RoundTrip(req)
	if err != nil {
		s.use(-1)
		return nil, err
	}
	resp.Body = &countedBody{ReadCloser: resp.Body, shared: s}
	return resp, nil
}

func (s *shared) use(n int) {
	s.mu.Lock()
	s.used += n
	s.mu.Unlock()
}

type countedBody struct {
	io.ReadCloser
	shared *shared
	once   sync.Once
}

func (b *countedBody) Close() error {
	b.once.Do(func() { b.shared.use(-1) })
	return b.ReadCloser.Close()
}

// fill and warm do nothing: net/http opens connections when it needs them.
func (s *shared) fill() {}

func (s *shared) warm(ctx context.Context) error { return ctx.Err() }

func (s *shared) counts() counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now
	now.open = len(s.sockets)
	now.idle = max(0, now.open-s.used)
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
