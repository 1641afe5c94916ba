package client

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	// leastEcho is how much of the key's beginning is taken for the key: a text
	// may have been cut in the middle of it.
	leastEcho = 8
	// leastValue is the shortest value of a header or a query that is taken for a
	// secret: shorter ones would take ordinary words out of errors. Of longer
	// ones twice as much counts as a beginning: they may begin like any address.
	leastValue = 8
)

// telling names headers and parts of a query whose values an error is the
// better for, and which hold no secrets.
var telling = []string{
	"accept", "accept-encoding", "accept-language", "api-version", "cache-control", "content-type", "host", "http-referer",
	"origin", "referer", "traceparent", "tracestate", "user-agent", "x-request-id", "x-title",
}

// secrets are what no text may show: a server may echo them.
type secrets []secret

type secret struct {
	value string
	least int // how much of its beginning is taken for it
}

// newSecrets gathers the key, the values of headers, and those of the address's query.
func newSecrets(cfg *Config, u *url.URL) secrets {
	var s secrets
	if n := len(cfg.APIKey); n > 0 {
		s = append(s, secret{cfg.APIKey, min(n, leastEcho)})
	}
	s = s.withHeader(cfg.Header)
	for _, part := range strings.Split(u.RawQuery, "&") {
		name, raw, named := strings.Cut(part, "=")
		if !named {
			name, raw = "", name
		}
		plain, err := url.QueryUnescape(raw)
		if err != nil || plain == raw {
			plain = ""
		}
		s = s.with(name, raw, plain)
	}
	return s
}

// withHeader adds the values of headers, in a list of its own, and the words of
// each: a server may echo one without the Bearer before it.
func (s secrets) withHeader(h http.Header) secrets {
	s = slices.Clip(s)
	for name, values := range h {
		for _, v := range values {
			s = s.with(name, append(strings.Fields(v), v)...)
		}
	}
	return s
}

func (s secrets) with(name string, values ...string) secrets {
	if slices.Contains(telling, strings.ToLower(name)) {
		return s
	}
	for _, v := range values {
		if len(v) >= leastValue {
			s = append(s, secret{v, min(len(v), 2*leastValue)})
		}
	}
	return s
}

// hide takes the secrets out of a text, also where JSON has written them with escapes.
func (s secrets) hide(text string) string {
	var out []byte
	from := 0 // what stands before it is in out
	for at := 0; at < len(text); {
		n := 0
		for _, one := range s {
			n = max(n, one.echoed(text[at:]))
		}
		if n == 0 {
			at++
			continue
		}
		out = append(append(out, text[from:at]...), redacted...)
		at += n
		from = at
	}
	if from == 0 {
		return text
	}
	return string(append(out, text[from:]...))
}

func (s secrets) hideIn(fields ...*string) {
	for _, f := range fields {
		*f = s.hide(*f)
	}
}

// echoed returns how many bytes at the head of a text are the secret, or a long
// beginning of it.
func (k secret) echoed(text string) (n int) {
	same := 0
	for ; same < len(k.value); same++ {
		step := escaped(text[n:], k.value[same])
		if step == 0 {
			break
		}
		n += step
	}
	if same < k.least {
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
