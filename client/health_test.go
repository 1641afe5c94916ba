package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

func TestHealthCheck(t *testing.T) {
	models := plain(200, "application/json", `{"data":[{"id":"m"}]}`)
	for sentence, tt := range map[string]struct {
		answer  string
		healthy bool
		kind    string
	}{
		"a server that lists its models":     {models, true, "ok"},
		"one that does not know us":          {plain(401, "", ""), false, "api 401"},
		"one that fails is asked only once":  {plain(500, "", "", "Retry-After: 9"), false, "api 500"},
		"one that answers something else":    {plain(200, "text/html", "<html>"), false, "content type"},
		"one whose list is not to be read":   {plain(200, "application/json", `{"data":3}`), false, "malformed"},
		"one that hangs up in the middle":    {models[:len(models)-5], false, "truncated"},
		"one whose list is empty is healthy": {plain(200, "application/json", `{"data":[]}`), true, "ok"},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, &server{answer: func(n int, conn net.Conn) bool {
					paced(step{70 * ms, tt.answer})(n, conn)
					return tt.kind != "truncated"
				}}, client.Config{RateLimit: client.Off})
				h := c.HealthCheck(t.Context())
				if h.Healthy != tt.healthy || kind(h.Err) != tt.kind || h.Latency != 70*ms {
					t.Errorf("%+v, want %v, %s after 70ms", h, tt.healthy, tt.kind)
				}
				if h.Err != nil && !strings.Contains(h.Err.Error(), "http://test.invalid/v1/models") {
					t.Errorf("the error does not name the endpoint: %v", h.Err)
				}
			})
		})
	}
}

// TestHealthCheckDoesNotQueue: limits that hold calls do not hold the probe, nor
// does the probe use them up.
func TestHealthCheckDoesNotQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(plain(200, "application/json", `{"data":[{"id":"m"}]}`))}
		c := newClient(t, s, client.Config{RateLimit: 1, MaxConcurrent: 1})
		begun := time.Now()
		for range 3 {
			if h := c.HealthCheck(t.Context()); !h.Healthy || h.Err != nil {
				t.Errorf("%+v", h)
			}
		}
		c.Send(t.Context(), hello(false))
		if time.Since(begun) != 0 {
			t.Errorf("it took %v", time.Since(begun))
		}
		if m := c.HealthCheck(t.Context()).Metrics; m.Requests != 0 {
			t.Errorf("probes count as requests: %+v", m)
		}
	})
}

// TestHealthOfSharedConnections: where they are net/http's own.
func TestHealthOfSharedConnections(t *testing.T) {
	tests := map[string]struct {
		endpoint                       string
		calls                          int
		answer                         func(int, net.Conn) bool
		open, inUse, dialling, waiting int
	}{
		"one in use, three wait":         {"http://test.invalid", 4, silent(), 1, 1, 0, 3},
		"one idle":                       {"http://test.invalid", 1, keeping(answered("a")), 1, 0, 0, 0},
		"TLS is not agreed on, two wait": {"https://test.invalid", 3, nil, 0, 0, 1, 2},
	}
	for sentence, tt := range tests {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := unlimited
				cfg.HTTP2, cfg.PoolSize = true, 1
				cfg.Dial = (&server{answer: tt.answer}).dial
				if tt.answer == nil {
					cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
						near, far := net.Pipe()
						go io.Copy(io.Discard, far)
						return near, nil
					}
				}
				c, err := client.New(t.Context(), tt.endpoint, cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				for range tt.calls {
					go c.Send(t.Context(), hello(false))
				}
				synctest.Wait()
				h := c.HealthCheck(canceled(t))
				if h.Open != tt.open || h.InUse != tt.inUse || h.Available != tt.open-tt.inUse || h.Dialling != tt.dialling || h.Waiting != tt.waiting {
					t.Errorf("health: %+v", h)
				}
				c.Close()
				synctest.Wait()
				if h := c.HealthCheck(t.Context()); h.Open+h.InUse+h.Dialling+h.Waiting != 0 {
					t.Errorf("health after Close: %+v", h)
				}
				if err := c.Warm(t.Context()); !errors.Is(err, client.ErrClosed) {
					t.Errorf("Warm after Close: %v", err)
				}
			})
		})
	}
}
