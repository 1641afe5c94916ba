package client

import (
	"net/http"
	"strconv"
	"time"
)

// RateLimit is what a server says of its own limits, in the headers
// x-ratelimit-{limit,remaining,reset}-{requests,tokens}. A count that was not
// sent is -1, as is a time.
type RateLimit struct {
	LimitRequests, LimitTokens         int
	RemainingRequests, RemainingTokens int
	ResetRequests, ResetTokens         time.Duration // until the limit is whole again
}

// rateLimit reads the headers; nil if there are none.
func rateLimit(h http.Header) *RateLimit {
	const prefix = "X-Ratelimit-"
	r := RateLimit{-1, -1, -1, -1, -1, -1}
	none := r
	for name, to := range map[string]*int{
		"Limit-Requests": &r.LimitRequests, "Limit-Tokens": &r.LimitTokens,
		"Remaining-Requests": &r.RemainingRequests, "Remaining-Tokens": &r.RemainingTokens,
	} {
		if n, err := strconv.Atoi(h.Get(prefix + name)); err == nil && n >= 0 {
			*to = n
		}
	}
	r.ResetRequests = resetTime(h.Get(prefix + "Reset-Requests"))
	r.ResetTokens = resetTime(h.Get(prefix + "Reset-Tokens"))
	if r == none {
		return nil
	}
	return &r
}

// resetTime reads 12ms, 6m0s, or a bare number of seconds; -1 is anything else.
func resetTime(s string) time.Duration {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil && n >= 0 {
		return atLeastZero(n, time.Second)
	}
	return -1
}
