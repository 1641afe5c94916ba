package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

const dialTimeout = 30 * time.Second

// dialler opens connections.
type dialler func(ctx context.Context, network, addr string) (net.Conn, error)

// carrier performs requests and owns the connections.
type carrier interface {
	http.RoundTripper
	// fill begins to open what may be opened ahead.
	fill()
	// warm is fill, and waits for it.
	warm(ctx context.Context) error
	counts() counts
	// refresh closes the connections that are idle.
	refresh()
	// close closes all connections, and waits for dials to end.
	close()
}

// counts is the state of the connections at one moment.
type counts struct {
	open, idle, dialling, waiting int

	failure error // of the latest dial, nil if it went well
}

// newCarrier picks net/http's own pool where ours does not serve: for HTTP/2,
// and for names outside ASCII, which net/http alone knows how to write.
func newCarrier(cfg *Config, u *url.URL) carrier {
	foreign := strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII })
	if cfg.HTTP2 || foreign {
		return newShared(cfg)
	}
	return newPool(cfg, u)
}

// newTransport returns what speaks HTTP. HTTP/1.1 only, unless asked otherwise:
// HTTP/2 was measured to stamp events 2.1-3.7 times later. No compression: it
// would hold events back.
func newTransport(cfg *Config, dial dialler) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(cfg.HTTP2)
	proxy := quietProxy(cfg.Proxy)
	if cfg.UnixSocket != "" {
		proxy = nil
	}
	return &http.Transport{
		Proxy:               proxy,
		DialContext:         dial,
		TLSClientConfig:     tlsFor(cfg),
		TLSHandshakeTimeout: dialTimeout,
		Protocols:           protocols,
		DisableCompression:  true,
		DisableKeepAlives:   cfg.PoolSize == 0,
		MaxIdleConnsPerHost: cfg.PoolSize,
		IdleConnTimeout:     idleTimeout,
	}
}

// tlsFor copies the caller's configuration, which net/http changes. What it
// offers is what the transport speaks: a server would take an h2 that is listed.
func tlsFor(cfg *Config) *tls.Config {
	if cfg.TLS == nil {
		return nil
	}
	own := cfg.TLS.Clone()
	own.NextProtos = []string{"http/1.1"}
	if cfg.HTTP2 {
		own.NextProtos = []string{"h2", "http/1.1"}
	}
	return own
}

// newDialler honours Dial and UnixSocket.
func newDialler(cfg *Config) dialler {
	dial := dialler(cfg.Dial)
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	if path := cfg.UnixSocket; path != "" {
		return func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, "unix", path) }
	}
	return dial
}

// request returns what is sent in one attempt. Its body is never nil, though it
// may be empty, and GetBody is: otherwise net/http's own pool would send it again
// on its own after a connection broke, an attempt that nobody sees.
func (cl *call) request(ctx context.Context) *http.Request {
	req := &http.Request{
		Method: cl.method, URL: cl.url, Host: cl.host, Header: cl.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(cl.body)), ContentLength: int64(len(cl.body)),
	}
	return req.WithContext(ctx)
}

// trace keeps what net/http tells of an attempt. Atomic, because some of it
// comes from the connection's own goroutines.
type trace struct {
	started   time.Time
	connected atomic.Int64 // since started, plus 1; 0 is never
	sent      atomic.Int64
	idle      atomic.Int64 // how long the connection had been idle
	reused    atomic.Bool
	socket    net.Conn // for the goroutine that sent the attempt
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			t.connected.Store(int64(time.Since(t.started)) + 1)
			t.idle.Store(int64(info.IdleTime))
			t.reused.Store(info.Reused)
			t.socket = info.Conn
		},
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				t.sent.Store(int64(time.Since(t.started)) + 1)
			}
		},
	}
}

// stamp turns an offset of trace into a time.
func (t *trace) stamp(offset *atomic.Int64) time.Time {
	v := offset.Load()
	if v == 0 {
		return time.Time{}
	}
	return t.started.Add(time.Duration(v - 1))
}
