package compat_test

import (
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

func TestRateLimits(t *testing.T) {
	for _, row := range []struct {
		that, config string
		kind         string
	}{
		{"requests a minute", "rate_limit: {rpm: 1, headers: true}", "requests"},
		{"tokens a minute", "rate_limit: {tpm: 40, headers: true}", "tokens"},
	} {
		t.Run(row.that, func(t *testing.T) {
			eachWay(t, row.config, func(t *testing.T, c client, ask way) {
				q := question{limit: 30}
				// Plain and streamed share a mock, and with it a budget: the first of four is let in, the last is not.
				if _, err := ask(bounded(t), q); err != nil {
					checkRefusal(t, c, err, refusal{429, row.kind, "rate_limit_exceeded", ""})
				}
				_, err := ask(bounded(t), q)
				checkRefusal(t, c, err, refusal{429, row.kind, "rate_limit_exceeded", ""})
			})
		})
	}
}

func TestRateLimitHeaders(t *testing.T) {
	eachClient(t, "rate_limit: {rpm: 60, tpm: 6000, headers: true}", func(t *testing.T, c client) {
		checkHeaders(t, must(t, c.ask, question{limit: 3}).header)
	})
}

func checkHeaders(t *testing.T, h http.Header) {
	t.Helper()
	for kind, limit := range map[string]int{"Requests": 60, "Tokens": 6000} {
		if got := h.Get("X-Ratelimit-Limit-" + kind); got != strconv.Itoa(limit) {
			t.Errorf("limit of %s %q, want %d", kind, got, limit)
		}
		if left, err := strconv.Atoi(h.Get("X-Ratelimit-Remaining-" + kind)); err != nil || left < 0 || left >= limit {
			t.Errorf("remaining %s %q, want under %d", kind, h.Get("X-Ratelimit-Remaining-"+kind), limit)
		}
		if _, err := time.ParseDuration(h.Get("X-Ratelimit-Reset-" + kind)); err != nil {
			t.Errorf("reset of %s: %v, want a duration such as 6m0s", kind, err)
		}
	}
}

// TestARefusalSaysWhenToComeAgain is of the official client alone: go-openai's errors have no headers.
func TestARefusalSaysWhenToComeAgain(t *testing.T) {
	url, _ := serve(t, "rate_limit: {rpm: 1, headers: true}")
	c := newOfficial(url, "any key", option.WithMaxRetries(0))
	must(t, c.ask, question{limit: 3})
	_, err := c.ask(bounded(t), question{limit: 3})
	e, ok := errors.AsType[*openai.Error](err)
	if !ok {
		t.Fatalf("%T %v, want the client's own error", err, err)
	}
	seconds, bad := strconv.Atoi(e.Response.Header.Get("Retry-After"))
	if bad != nil || seconds < 1 || seconds > 60 {
		t.Errorf("Retry-After %q, want 1 to 60 seconds", e.Response.Header.Get("Retry-After"))
	}
	if left := e.Response.Header.Get("X-Ratelimit-Remaining-Requests"); left != "0" {
		t.Errorf("remaining requests %q, want 0", left)
	}
}
