package client

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

const redacted = "[redacted]"

// String describes the configuration without its secrets: the key, the values
// of headers and of extra body fields are left out.
func (c Config) String() string {
	key := ""
	if c.APIKey != "" {
		key = redacted
	}
	var b strings.Builder
	fmt.Fprintf(&b, "client.Config{APIKey:%s Model:%q", key, c.Model)
	fmt.Fprintf(&b, " Timeout:%s FirstTokenTimeout:%s IdleTimeout:%s", shown(c.Timeout), shown(c.FirstTokenTimeout), shown(c.IdleTimeout))
	fmt.Fprintf(&b, " MaxRetries:%d Jitter:%v RetryBudget:%v", c.MaxRetries, c.Jitter, c.RetryBudget)
	fmt.Fprintf(&b, " RateLimit:%d RequestsPerSecond:%v TokensPerMinute:%d", c.RateLimit, c.RequestsPerSecond, c.TokensPerMinute)
	fmt.Fprintf(&b, " PoolSize:%d LazyInit:%v MaxConcurrent:%d", c.PoolSize, c.LazyInit, c.MaxConcurrent)
	fmt.Fprintf(&b, " UnixSocket:%q HTTP2:%v UserAgent:%q", c.UnixSocket, c.HTTP2, c.UserAgent)
	fmt.Fprintf(&b, " Header:%v ExtraBody:%v}", slices.Sorted(maps.Keys(c.Header)), slices.Sorted(maps.Keys(c.ExtraBody)))
	return b.String()
}

func shown(d time.Duration) string {
	if d == Off {
		return "off"
	}
	return d.String()
}

// Format is String whatever the verb: neither %#v nor %d may show the key.
func (c Config) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.String()) }

var (
	// userInfo finds who logs in, in an address with or without its scheme.
	userInfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)?[^\s'"]*@`)
	// query finds what follows the path of an address.
	query = regexp.MustCompile(`\?[^\s'"]+`)
)

// withoutUser takes out of addresses who logs in.
func withoutUser(text string) string { return userInfo.ReplaceAllString(text, "${1}"+redacted+"@") }

// quietProxy is a choice of proxies whose error does not show the proxy's
// password: the address in the environment may be wrong.
func quietProxy(pick func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		u, err := pick(r)
		if err != nil {
			return nil, fmt.Errorf("proxy: %s", withoutUser(err.Error()))
		}
		return u, nil
	}
}
