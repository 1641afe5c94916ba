package client

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Off turns a limit of [Config] off: durations, counts and rates alike.
const Off = -1

const (
	defaultTimeout       = 30 * time.Second
	defaultIdleTimeout   = 120 * time.Second
	defaultMaxRetries    = 3
	defaultRetryBudget   = 0.2
	defaultRateLimit     = 60
	defaultPoolSize      = 10
	defaultMaxConcurrent = 10
	defaultUserAgent     = "llmload"
)

// Config says how a [Client] behaves. The zero value is ready to use: a zero
// field takes the default named beside it, and [Off] turns a limit off.
// It prints with its secrets left out, but for one in an unexported field of a
// struct: fmt reads such fields without asking, so let that be a *Config.
type Config struct {
	// APIKey is sent as a bearer token. None by default; nothing is sent then.
	APIKey string
	// Model is used by requests that name none. Default: the server's first,
	// which is asked for when it is first needed.
	Model string

	// Timeout bounds each attempt, counted from Attempt.Started: a plain call
	// to the end of its body, a stream to its first content. Default 30 s.
	Timeout time.Duration
	// FirstTokenTimeout bounds a stream's wait for its first content. Where
	// Timeout is on too, the shorter of both holds. Default off.
	FirstTokenTimeout time.Duration
	// IdleTimeout bounds the silence between two reads: of a stream once its
	// first content has come, of a plain body once the headers have. Default 120 s.
	IdleTimeout time.Duration

	// MaxRetries is how often a failed attempt is tried again. Default 3.
	MaxRetries int
	// Jitter draws each back-off evenly from nothing to its full length, so
	// that clients that failed together do not come back together. Default: the
	// full length. A wait that the server asked for is kept as it is.
	Jitter bool
	// RetryBudget is the share of calls that retries may add in the long run:
	// each call earns so many of them, and a client begins with 100 and saves
	// up no more. With none left, a call gets its first error. Default 0.2; Off
	// leaves MaxRetries as the only bound.
	RetryBudget float64
	// RateLimit is the most attempts that start in any 60 s. Default 60. Like the
	// limits below, and retries, it obeys a Retry-After of up to five minutes; with
	// all of them off, nothing holds the client back.
	RateLimit int
	// RequestsPerSecond spaces attempts evenly, with no burst, not even after a
	// Retry-After. Default off.
	RequestsPerSecond float64
	// TokensPerMinute spaces attempts by their tokens, evenly. An attempt is
	// taken to cost its body's bytes / 4 and the most tokens it may generate;
	// what the server's usage says otherwise is settled with the next. No minute
	// gets more than a fifth over its share. Default off.
	TokensPerMinute int

	// PoolSize is the most connections that are open at once; further attempts
	// wait in line. Default 10; Off opens a new one for each attempt.
	PoolSize int
	// LazyInit leaves connections to be opened when they are needed. By default
	// New begins to open all of the pool's, and does not wait for them.
	LazyInit bool
	// MaxConcurrent is the most calls at work at once, back-off included;
	// others wait. A Stream holds its place until it ends or is closed. Default 10.
	MaxConcurrent int

	// Header is added to each request and wins over what the client sets, Host too.
	Header http.Header
	// ExtraBody is merged into each JSON body and wins over the typed fields. New
	// writes it as JSON, once.
	ExtraBody map[string]any
	// TLS is used for https endpoints. Default: the system's roots. It is copied,
	// and NextProtos is set by HTTP2.
	TLS *tls.Config
	// Dial opens connections, and must give up with its context. Default: a
	// net.Dialer that gives up after 30 s. A connection may be a Gatherer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy picks the proxy of each new connection; a nil URL is none. Default:
	// http.ProxyFromEnvironment, which never sends loopback addresses through one.
	Proxy func(*http.Request) (*url.URL, error)
	// UnixSocket is the path of a socket that is dialled whatever host the
	// endpoint names. Proxy is not asked then.
	UnixSocket string
	// HTTP2 lets an https server choose HTTP/2, where requests share
	// connections. Default off: it stamps events 2.1-3.7 times later. Connections
	// are then net/http's own: opened when needed, none of them ahead.
	HTTP2 bool

	// Middleware wraps what performs each attempt. All requests go to the
	// endpoint's host, whatever URL they name. Like any RoundTripper it must close
	// the body of an answer that it does not return: one that panics with an answer
	// in hand keeps a connection of the pool for ever. The httptrace.ClientTrace of
	// a request's context belongs to its attempt alone: hooks may be wrapped there.
	Middleware func(http.RoundTripper) http.RoundTripper
	// Observer hears of each attempt when it has ended, on the goroutine of its
	// call: it must be fast and safe for concurrent use. Close waits for it, so
	// that it must not call Close.
	Observer func(AttemptEvent)
	// UserAgent is sent with each request. Default "llmload".
	UserAgent string
}

// resolved returns the configuration with defaults filled in and each limit
// that is off as zero.
func (c Config) resolved() Config {
	c.Timeout = limit(c.Timeout, defaultTimeout)
	c.FirstTokenTimeout = limit(c.FirstTokenTimeout, 0)
	c.IdleTimeout = limit(c.IdleTimeout, defaultIdleTimeout)
	c.MaxRetries = limit(c.MaxRetries, defaultMaxRetries)
	c.RateLimit = limit(c.RateLimit, defaultRateLimit)
	c.RetryBudget = limit(c.RetryBudget, defaultRetryBudget)
	c.RequestsPerSecond = limit(c.RequestsPerSecond, 0)
	c.TokensPerMinute = limit(c.TokensPerMinute, 0)
	c.PoolSize = limit(c.PoolSize, defaultPoolSize)
	c.MaxConcurrent = limit(c.MaxConcurrent, defaultMaxConcurrent)
	c.Header = c.Header.Clone()       // the caller's may change
	c.ExtraBody, _ = c.encodedExtra() // what is wrong with it has been told by check
	if c.Proxy == nil {
		c.Proxy = http.ProxyFromEnvironment
	}
	if c.UserAgent == "" {
		c.UserAgent = defaultUserAgent
	}
	return c
}

// limit maps unset to its default and off (any negative) to zero.
func limit[T ~int | ~int64 | ~float64](v, unset T) T {
	switch {
	case v == 0:
		return unset
	case v < 0:
		return 0
	}
	return v
}
