package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"
)

// Off turns a limit of [Config] off: durations, counts and rates alike.
const Off = -1

const (
	defaultTimeout       = 30 * time.Second
	defaultIdleTimeout   = 120 * time.Second
	defaultMaxRetries    = 3
	defaultRateLimit     = 60
	defaultPoolSize      = 10
	defaultMaxConcurrent = 10
	defaultUserAgent     = "llmload"
)

// Config says how a [Client] behaves. The zero value is ready to use: a zero
// field takes the default named beside it, and [Off] turns a limit off.
// It prints with its secrets left out.
type Config struct {
	// APIKey is sent as a bearer token. None by default; nothing is sent then.
	APIKey string
	// Model is used by requests that name none. By default the field is left
	// out, and the server decides.
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
	// RateLimit is the most attempts that start in any 60 s. Default 60.
	RateLimit int
	// RequestsPerSecond spaces attempts evenly, with no burst. Default off.
	RequestsPerSecond float64
	// PoolSize is how many idle connections are kept for reuse. Default 10;
	// Off opens a new connection for each attempt.
	PoolSize int
	// MaxConcurrent is the most calls at work at once, back-off included;
	// others wait. A Stream holds its place until it ends or is closed. Default 10.
	MaxConcurrent int

	// Header is added to each request and wins over what the client sets.
	Header http.Header
	// ExtraBody is merged into each JSON body and wins over the typed fields.
	ExtraBody map[string]any
	// TLS is used for https endpoints. Default: the system's roots.
	TLS *tls.Config
	// Dial opens connections. Default: a net.Dialer that gives up after 30 s.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// UserAgent is sent with each request. Default "llmload".
	UserAgent string
}

// String describes the configuration without its secrets: the key, the values
// of headers and of extra body fields are left out.
func (c Config) String() string {
	key := ""
	if c.APIKey != "" {
		key = "[redacted]"
	}
	return fmt.Sprintf("client.Config{APIKey:%s Model:%q Timeout:%v FirstTokenTimeout:%v IdleTimeout:%v MaxRetries:%d RateLimit:%d RequestsPerSecond:%v PoolSize:%d MaxConcurrent:%d Header:%v ExtraBody:%v UserAgent:%q}",
		key, c.Model, c.Timeout, c.FirstTokenTimeout, c.IdleTimeout, c.MaxRetries, c.RateLimit, c.RequestsPerSecond,
		c.PoolSize, c.MaxConcurrent, slices.Sorted(maps.Keys(c.Header)), slices.Sorted(maps.Keys(c.ExtraBody)), c.UserAgent)
}

// GoString is String: %#v must not show the key either.
func (c Config) GoString() string { return c.String() }

// resolved returns the configuration with defaults filled in and each limit
// that is off as zero.
func (c Config) resolved() Config {
	c.Timeout = limit(c.Timeout, defaultTimeout)
	c.FirstTokenTimeout = limit(c.FirstTokenTimeout, 0)
	c.IdleTimeout = limit(c.IdleTimeout, defaultIdleTimeout)
	c.MaxRetries = limit(c.MaxRetries, defaultMaxRetries)
	c.RateLimit = limit(c.RateLimit, defaultRateLimit)
	c.RequestsPerSecond = limit(c.RequestsPerSecond, 0)
	c.PoolSize = limit(c.PoolSize, defaultPoolSize)
	c.MaxConcurrent = limit(c.MaxConcurrent, defaultMaxConcurrent)
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
