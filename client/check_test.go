package client_test

import (
	"context"
	"math"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/client"
)

func TestNewRefusesWhatCannotBeMeant(t *testing.T) {
	for _, tt := range []struct {
		sentence string
		cfg      client.Config
		says     string
	}{
		{"a key with the line break of its file", client.Config{APIKey: "sk-s3cret\n"}, "Config.APIKey holds a line break"},
		{"a header with one", client.Config{Header: http.Header{"X-A": {"a", "s3cret\r\nX-B: b"}}}, `Config.Header["X-A"] holds a line break`},
		{"a header without a name", client.Config{Header: http.Header{"": {"a"}}}, `Config.Header has a name that no header can have`},
		{"a header whose name is two words", client.Config{Header: http.Header{"X A": {"a"}}}, `Config.Header["X A"] has a name that`},
		{"a header whose name is no token", client.Config{Header: http.Header{"X(": {"a"}}}, `Config.Header["X("] has a name that`},
		{"an extra field that is no JSON", client.Config{ExtraBody: map[string]any{"f": func() {}}}, `Config.ExtraBody["f"] cannot be written as JSON`},
		{"more connections than ports", client.Config{PoolSize: 1 << 17}, "Config.PoolSize is 131072: write at most 65536"},
		{"a user agent with a line break", client.Config{UserAgent: "a\nb"}, "Config.UserAgent holds a line break"},
		{"a bare number of seconds", client.Config{Timeout: 30}, "Config.Timeout is 30ns: a bare number is nanoseconds; write 30*time.Second"},
		{"another one", client.Config{FirstTokenTimeout: time.Millisecond - 1}, "Config.FirstTokenTimeout"},
		{"and another", client.Config{IdleTimeout: 120}, "Config.IdleTimeout"},
		{"a negative time", client.Config{Timeout: -time.Second}, "Config.Timeout is -1s: write client.Off"},
		{"negative retries", client.Config{MaxRetries: -3}, "Config.MaxRetries is -3: write client.Off"},
		{"a negative budget", client.Config{RetryBudget: -0.2}, "Config.RetryBudget is -0.2"},
		{"a budget that is no number", client.Config{RetryBudget: math.NaN()}, "Config.RetryBudget is NaN"},
		{"a negative rate", client.Config{RateLimit: -60}, "Config.RateLimit is -60"},
		{"a rate that memory cannot hold", client.Config{RateLimit: math.MaxInt}, "Config.RateLimit is 9223372036854775807: write at most 10000000"},
		{"a negative rate a second", client.Config{RequestsPerSecond: -0.5}, "Config.RequestsPerSecond is -0.5"},
		{"negative tokens", client.Config{TokensPerMinute: -2}, "Config.TokensPerMinute is -2"},
		{"a negative pool", client.Config{PoolSize: -2}, "Config.PoolSize is -2"},
		{"negative concurrency", client.Config{MaxConcurrent: -10}, "Config.MaxConcurrent is -10"},
	} {
		tt.cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			t.Errorf("%s: dialled", tt.sentence)
			return nil, net.ErrClosed
		}
		c, err := client.New(t.Context(), "http://h", tt.cfg)
		if c != nil || err == nil || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want an error that says %q", tt.sentence, err, tt.says)
		}
	}
}

// TestBadEndpointPassword: with a ? in it, a password looks like a port and a query.
func TestBadEndpointPassword(t *testing.T) {
	_, err := client.New(t.Context(), "http://user:123?x@host", client.Config{})
	if err == nil || strings.Contains(err.Error(), "123") || !strings.Contains(err.Error(), "Config.Header") {
		t.Errorf("got %v", err)
	}
}

func TestAPortThatIsNone(t *testing.T) {
	if _, err := client.New(t.Context(), "http://h:99999", client.Config{}); err == nil || !strings.Contains(err.Error(), "beyond 65535") {
		t.Errorf("got %v", err)
	}
}

func TestNewNamesAllMistakesAtOnce(t *testing.T) {
	_, err := client.New(t.Context(), "localhost:8000", client.Config{APIKey: "sk-1\n", Timeout: 30, RateLimit: -60})
	for _, say := range []string{"does not begin with http://", "Config.APIKey", "Config.Timeout", "Config.RateLimit"} {
		if err == nil || !strings.Contains(err.Error(), say) {
			t.Errorf("%v does not say %q", err, say)
		}
	}
}

func TestNewTakesWhatIsOffOrShort(t *testing.T) {
	const off = client.Off
	for sentence, cfg := range map[string]client.Config{
		"all off": {
			Timeout: off, FirstTokenTimeout: off, IdleTimeout: off, MaxRetries: off, RetryBudget: off, RateLimit: off,
			RequestsPerSecond: off, TokensPerMinute: off, PoolSize: off, MaxConcurrent: off,
		},
		"a millisecond, and a tab in a header": {LazyInit: true, Timeout: time.Millisecond, Header: http.Header{"X-A": {"a\tb"}}},
	} {
		c, err := client.New(t.Context(), "http://127.0.0.1:1", cfg)
		if err != nil {
			t.Errorf("%s: %v", sentence, err)
			continue
		}
		c.Close()
	}
}
