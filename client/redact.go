package client

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
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

// secret is a key that no text may show: a server may echo it.
type secret string

// leastEcho is how much of a key's beginning is taken for the key: a text may
// have been cut in the middle of it.
const leastEcho = 8

// hide takes the key out of a text, also where JSON has written it with escapes.
func (k secret) hide(text string) string {
	if k == "" {
		return text
	}
	var out strings.Builder
	for at := 0; at < len(text); {
		if n := k.echoed(text[at:]); n > 0 {
			out.WriteString(redacted)
			at += n
			continue
		}
		out.WriteByte(text[at])
		at++
	}
	return out.String()
}

func (k secret) hideIn(fields ...*string) {
	for _, f := range fields {
		*f = k.hide(*f)
	}
}

// echoed returns how many bytes at the head of a text are the key, or a long
// beginning of it.
func (k secret) echoed(text string) (n int) {
	same := 0
	for ; same < len(k); same++ {
		step := escaped(text[n:], k[same])
		if step == 0 {
			break
		}
		n += step
	}
	if same < min(len(k), leastEcho) {
		return 0
	}
	return n
}

// escaped returns how many bytes at the head of a text stand for c: itself,
// behind any number of backslashes, or \u and its number.
func escaped(text string, c byte) int {
	rest := strings.TrimLeft(text, `\`)
	n := len(text) - len(rest)
	switch {
	case c == '\\':
		return n
	case rest == "":
		return 0
	case rest[0] == c:
		return n + 1
	case n == 0 || rest[0] != 'u' || len(rest) < 5:
		return 0
	}
	if code, err := strconv.ParseUint(rest[1:5], 16, 16); err != nil || code != uint64(c) {
		return 0
	}
	return n + 5
}

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
