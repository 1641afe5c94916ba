package client_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// TestErrorsSayWhere: whatever goes wrong, the error names the endpoint, the
// request, and how often it was tried, and never the key.
func TestErrorsSayWhere(t *testing.T) {
	const key, theirs = "sk-very-secret", "X-Request-Id: theirs"
	broken := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n" + theirs + "\r\n\r\n{"
	tests := []struct {
		sentence string
		answer   func(int, net.Conn) bool
		stream   bool
		kind     string
		id       string // the server's where its headers came, else ours
		attempts string
	}{
		{"a status", bytesOf(plain(500, "text/plain", "no "+key, theirs)), false, "api 500", "theirs", "4 attempts"},
		{"an error in a 200", bytesOf(plain(200, "application/json", `{"error":"`+key+`"}`, theirs)), false, "stream error", "theirs", ""},
		{"a reset", bytesOf(), false, "connection reset", "ours", "4 attempts"},
		{"a time-out before the headers", silent(), false, "timeout total", "ours", "4 attempts"},
		{"and behind them", silent(broken), false, "timeout total", "theirs", "4 attempts"},
		{"a body that stops short", bytesOf(broken), false, "truncated", "theirs", "4 attempts"},
		{"a stream that does", bytesOf(strings.Replace(streamed(says("a")), "\r\n\r\n", "\r\n"+theirs+"\r\n\r\n", 1)), true, "truncated", "theirs", ""},
		{"an answer that is malformed", bytesOf(plain(200, "application/json", `{"a":"`+key+`"}`, theirs)), false, "malformed", "theirs", ""},
		{"one of the wrong type", bytesOf(plain(200, "text/html", "<html>"+key, theirs)), false, "content type", "theirs", ""},
		{"the second of two attempts", inTurn(bytesOf(plain(500, "", "", theirs)), bytesOf(plain(200, "text/html", "<html>", theirs))), false, "content type", "theirs", "2 attempts"},
	}
	for _, tt := range tests {
		t.Run(tt.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, &server{answer: tt.answer}, client.Config{APIKey: key, RateLimit: client.Off, Timeout: 2 * time.Second})
				r := hello(tt.stream)
				r.ID = "ours"
				_, err := c.Chat(t.Context(), r)
				if kind(err) != tt.kind {
					t.Fatalf("got %v, want %s", err, tt.kind)
				}
				for _, say := range []string{"http://test.invalid/v1/chat/completions", "request id " + tt.id, tt.attempts} {
					if !strings.Contains(err.Error(), say) {
						t.Errorf("%q does not say %q", err, say)
					}
				}
				if strings.Contains(err.Error(), key) {
					t.Errorf("the key is shown: %v", err)
				}
			})
		})
	}
}

// TestAnEndFromOutsideSaysWhere: a call that was cancelled, or whose client was
// closed, names the request and how often it was tried.
func TestAnEndFromOutsideSaysWhere(t *testing.T) {
	mine := errors.New("the user has gone")
	busy := plain(500, "", "", "X-Request-Id: theirs")
	for sentence, tt := range map[string]struct {
		answer func(int, net.Conn) bool
		id     string
	}{
		"in an attempt":  {inTurn(keeping(busy), keeping(busy), silent()), "ours"},
		"behind headers": {inTurn(keeping(busy), keeping(busy), silent("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Request-Id: theirs\r\n\r\n")), "theirs"},
		"between two":    {inTurn(keeping(busy), keeping(busy), keeping(plain(500, "", "", "X-Request-Id: theirs", "Retry-After: 100"))), "theirs"},
	} {
		for _, stream := range []bool{false, true} {
			for _, closing := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					c := newClient(t, &server{answer: tt.answer}, client.Config{RateLimit: client.Off, MaxRetries: 9})
					ctx, cancel := context.WithCancelCause(t.Context())
					stop, want := func() { cancel(mine) }, mine
					if closing {
						stop, want = func() { c.Close() }, client.ErrClosed
					}
					time.AfterFunc(10*time.Second, stop)
					r := hello(false)
					r.ID = "ours"
					var err error
					if stream {
						st := c.Stream(ctx, r)
						for st.Next() {
						}
						err = st.Err()
					} else {
						_, err = c.Chat(ctx, r)
					}
					if !errors.Is(err, want) || !closing && !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "(request id "+tt.id+", 3 attempts)") {
						t.Errorf("%s, stream %v, closing %v: %v", sentence, stream, closing, err)
					}
					cancel(nil)
				})
			}
		}
	}
}
