package client

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// String describes the configuration without its secrets: the key, the values
// of headers and of extra body fields are left out.
func (c Config) String() string {
	key := ""
	if c.APIKey != "" {
		key = "[redacted]"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "client.Config{APIKey:%s Model:%q", key, c.Model)
	fmt.Fprintf(&b, " Timeout:%v FirstTokenTimeout:%v IdleTimeout:%v", c.Timeout, c.FirstTokenTimeout, c.IdleTimeout)
	fmt.Fprintf(&b, " MaxRetries:%d Jitter:%v RetryBudget:%v", c.MaxRetries, c.Jitter, c.RetryBudget)
	fmt.Fprintf(&b, " RateLimit:%d RequestsPerSecond:%v TokensPerMinute:%d", c.RateLimit, c.RequestsPerSecond, c.TokensPerMinute)
	fmt.Fprintf(&b, " PoolSize:%d LazyInit:%v MaxConcurrent:%d", c.PoolSize, c.LazyInit, c.MaxConcurrent)
	fmt.Fprintf(&b, " UnixSocket:%q HTTP2:%v UserAgent:%q", c.UnixSocket, c.HTTP2, c.UserAgent)
	fmt.Fprintf(&b, " Header:%v ExtraBody:%v}", slices.Sorted(maps.Keys(c.Header)), slices.Sorted(maps.Keys(c.ExtraBody)))
	return b.String()
}

// GoString is String: %#v must not show the key either.
func (c Config) GoString() string { return c.String() }
