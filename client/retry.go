package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	maxBackoff = 16 * time.Second
	// maxRetryAfter is the longest wait for which a call stays; beyond it, the
	// caller gets the error, which says how long.
	maxRetryAfter = 5 * time.Minute
	// staleAfter is how long a connection must have been idle for its death to
	// be put down to the server's own idle time-out.
	staleAfter = time.Second
)

// again decides whether the call is tried once more, and after what wait. The
// caller's deadline is the business of that wait, see lastWord.
func (c *Client) again(f *flight, attempts int) (time.Duration, bool) {
	c.gate.obey(&f.a)
	if attempts > c.cfg.MaxRetries || f.content || !retryable(&f.a) {
		return 0, false
	}
	if f.stale() {
		// The others in the pool are as old: without this, each retry would
		// meet the next dead one.
		c.wire.carrier.refresh()
		return 0, true
	}
	wait := c.backoff(attempts)
	if f.a.RetryAfter > 0 {
		wait = f.a.RetryAfter
	}
	if wait > maxRetryAfter || !c.budget.spend() {
		return 0, false
	}
	return wait, true
}

// backoff doubles with each attempt. Jitter needs no seed: nobody wants two
// clients to draw alike.
func (c *Client) backoff(attempts int) time.Duration {
	full := min(time.Second<<min(attempts-1, 10), maxBackoff)
	if c.cfg.Jitter {
		return rand.N(full + 1)
	}
	return full
}

// stale reports that the request met a connection that the server had given up.
func (f *flight) stale() bool {
	var broken *ConnectionError
	if !f.a.Headers.IsZero() || !errors.As(f.a.Err, &broken) || broken.Kind != kindReset {
		return false
	}
	return time.Duration(f.trace.idle.Load()) >= staleAfter || closedIdle(broken.Err)
}

// closedIdle tells the error of net/http, which has no name, for a connection
// that the server closed before the request was on it.
func closedIdle(err error) bool {
	return strings.Contains(err.Error(), "server closed idle connection")
}

func retryable(a *Attempt) bool {
	switch err := a.Err.(type) {
	case nil:
		return false
	case *APIError:
		return retryableStatus(err, a.Header)
	case *ConnectionError:
		var dns *net.DNSError
		return err.Kind != kindTLS && (!errors.As(err, &dns) || !dns.IsNotFound)
	case *TimeoutError:
		return !errors.Is(err, context.DeadlineExceeded) // that one was the caller's
	}
	return errors.Is(a.Err, io.ErrUnexpectedEOF)
}

func retryableStatus(err *APIError, h http.Header) bool {
	switch h.Get("X-Should-Retry") {
	case "true":
		return true
	case "false":
		return false
	}
	switch err.Status {
	case http.StatusRequestTimeout, http.StatusConflict:
		return true
	case http.StatusTooManyRequests:
		return err.Code != "insufficient_quota" && err.Type != "insufficient_quota"
	case http.StatusNotImplemented:
		return false
	}
	return err.Status >= 500
}

// retryAfter reads how long the server asks to wait: Retry-After-Ms, or
// Retry-After in seconds or as a date (RFC 9110, section 10.2.3). 0 is no wish.
func retryAfter(h http.Header, now time.Time) time.Duration {
	precise, v := h.Get("Retry-After-Ms"), h.Get("Retry-After")
	if precise == "" && v == "" { // as nearly always: errors of parsers are dear
		return 0
	}
	if ms, err := strconv.ParseFloat(precise, 64); err == nil {
		return atLeastZero(ms, time.Millisecond)
	}
	if s, err := strconv.ParseFloat(v, 64); err == nil {
		return atLeastZero(s, time.Second)
	}
	if date, err := http.ParseTime(v); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// atLeastZero returns n units; a year stands for anything beyond it, NaN for none.
func atLeastZero(n float64, unit time.Duration) time.Duration {
	const year = 365 * 24 * time.Hour
	switch {
	case !(n > 0):
		return 0
	case n >= float64(year/unit):
		return year
	}
	return time.Duration(n * float64(unit))
}
