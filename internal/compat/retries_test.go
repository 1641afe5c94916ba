package compat_test

import (
	"testing"
	"time"

	"github.com/openai/openai-go/v3/option"
)

// TestRetries is of the official client alone: go-openai has none. Its own back-off is under 500 ms before the second attempt, so a
// longer wait is the server's.
func TestRetries(t *testing.T) {
	for _, row := range []struct {
		that, faults string
		retries      int
		attempts     int
		wait         time.Duration // at least, before the second attempt
		ok           bool
	}{
		{"a 429 is asked again when its Retry-After is over", `{when: {first: 1}, action: {status: 429, retry_after: 800ms}}`, 2, 2, 800 * time.Millisecond, true},
		{"and so is a 503", `{when: {first: 1}, action: {status: 503, retry_after: 700ms}}`, 2, 2, 700 * time.Millisecond, true},
		{"a 500 is asked again without being told when", `{when: {first: 1}, action: {status: 500}}`, 1, 2, 0, true},
		{"as often as was allowed", `{action: {status: 500, retry_after: 1ms}}`, 2, 3, time.Millisecond, false},
		{"a 429 not at all, where none is allowed", `{action: {status: 429, retry_after: 1ms}}`, 0, 1, 0, false},
		{"a 400 never", `{action: {status: 400, retry_after: 1ms}}`, 2, 1, 0, false},
		{"a connection that was reset before the answer is tried again", `{when: {first: 1}, action: {do: reset}}`, 1, 2, 0, true},
	} {
		t.Run(row.that, func(t *testing.T) {
			t.Parallel()
			url, mock := serve(t, "faults: ["+row.faults+"]")
			_, err := newOfficial(url, "any key", option.WithMaxRetries(row.retries)).ask(bounded(t), question{limit: 2})
			if (err == nil) != row.ok {
				t.Errorf("error %v, want none: %v", err, row.ok)
			}
			if _, err := mock.Drain(bounded(t)); err != nil {
				t.Fatal(err)
			}
			truth := mock.Truth(0)
			if len(truth) != row.attempts {
				t.Fatalf("%d attempts, want %d", len(truth), row.attempts)
			}
			if row.attempts < 2 {
				return
			}
			if gap := time.Duration(truth[1].ArrivedNS - truth[0].ArrivedNS); gap < row.wait {
				t.Errorf("asked again after %v, want at least %v", gap, row.wait)
			}
		})
	}
}

func TestAStreamThatBrokeIsNotAskedAgain(t *testing.T) {
	url, mock := serve(t, fault(`{do: reset, at_token: 3}`))
	if _, err := newOfficial(url, "any key", option.WithMaxRetries(2)).stream(bounded(t), question{limit: 8}); err == nil {
		t.Error("no error")
	}
	if n, err := mock.Drain(bounded(t)); err != nil || n != 1 {
		t.Errorf("%d attempts (%v), want 1", n, err)
	}
}
