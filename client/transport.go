package client

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	dialTimeout = 30 * time.Second
	// idleConnTimeout stays below the 5 s after which vLLM closes idle
	// connections: whoever closes first must be us, or requests get lost.
	idleConnTimeout = 4 * time.Second
)

// newTransport returns the client's own transport. HTTP/1.1 only: HTTP/2 was
// measured to stamp events 2.1-3.7 times later. No compression: it would hold
// events back. A dial goes on after the request that asked for it was
// cancelled, for the next one; CloseIdleConnections ends it.
func newTransport(cfg *Config) *http.Transport {
	dial := cfg.Dial
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment, // which never sends loopback addresses through a proxy
		DialContext:         dial,
		TLSClientConfig:     cfg.TLS,
		TLSHandshakeTimeout: dialTimeout,
		Protocols:           protocols,
		DisableCompression:  true,
		DisableKeepAlives:   cfg.PoolSize == 0,
		MaxIdleConnsPerHost: cfg.PoolSize,
		IdleConnTimeout:     idleConnTimeout,
	}
}

// request returns what is sent in one attempt. GetBody stays nil: with it,
// net/http would send a request again on its own after a connection broke, an
// attempt that nobody sees.
func (cl *call) request(ctx context.Context) *http.Request {
	req := &http.Request{
		Method: cl.method, URL: cl.url, Host: cl.url.Host, Header: cl.header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if cl.body != nil {
		req.Body = io.NopCloser(bytes.NewReader(cl.body))
		req.ContentLength = int64(len(cl.body))
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
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			t.connected.Store(int64(time.Since(t.started)) + 1)
			t.idle.Store(int64(info.IdleTime))
			t.reused.Store(info.Reused)
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
