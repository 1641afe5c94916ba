package client_test

import (
	"context"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: inTurn(
			paced(step{2 * time.Second, answered("a")}),
			keeping(plain(429, "", "")), // one call, three attempts
			keeping(plain(503, "", "")),
			paced(step{4 * time.Second, answered("a")}),
			keeping(plain(400, "", "")),
			keeping(plain(200, "application/json", "[]")),
			paced(step{0, streamHead}, step{100 * ms, httpChunk(says("a"))}, step{900 * ms, httpChunk(counts(7, 8)+done) + lastChunk}), // Send
			paced(step{0, streamHead}, step{300 * ms, httpChunk(says("a"))}, step{700 * ms, httpChunk(done) + lastChunk}),              // Stream
			silent(streamHead, httpChunk(says("a"))), // a Stream closed by its reader
			silent(),                                 // cancelled
			silent(),                                 // timed out
		)}
		c := newClient(t, s, client.Config{RateLimit: client.Off})
		if m := c.Metrics(); m.Requests != 0 || m.SuccessRate != 0 || m.MeanLatency != 0 || m.MeanTokens != 0 {
			t.Errorf("before the first call: %+v", m)
		}
		for range 4 {
			c.Chat(t.Context(), hello(false))
		}
		c.Chat(t.Context(), hello(true))
		for range c.Stream(t.Context(), hello(true)).All() {
		}
		for range c.Stream(t.Context(), hello(true)).All() {
			break
		}
		c.Stream(t.Context(), hello(true)).Close() // never read: no call
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		c.Chat(ctx, hello(false))
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Chat(ctx, hello(false))
		c.Models(t.Context()) // no call
		m := c.Metrics()
		want := map[string]int64{"ok": 4, "http_4xx": 1, "malformed": 1, "cancelled": 2, "timeout_total": 1}
		if m.Requests != 9 || m.Attempts != 11 || m.Retries != 2 || !maps.Equal(m.Outcomes, want) {
			t.Errorf("%+v, want 9 requests, 11 attempts, 2 retries, %v", m, want)
		}
		// Latencies 2, 4, 1, 1 s; first tokens 0.1, 0.3 s; tokens 5, 5, 15, unknown.
		if m.SuccessRate != 4.0/7 || m.MeanLatency != 2*time.Second || m.MeanTTFT != 200*ms || m.MeanTokens != 25.0/3 {
			t.Errorf("%+v, want success 4/7, latency 2s, first token 200ms, tokens 25/3", m)
		}
		m.Outcomes["ok"] = 99
		if c.Metrics().Outcomes["ok"] != 4 {
			t.Error("the caller's map is the client's")
		}
	})
}

// TestMeansAreOfTheLastThousand: memory does not grow with the calls.
func TestMeansAreOfTheLastThousand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, quick := paced(step{11 * time.Second, answered("a")}), paced(step{time.Second, answered("a")})
		s := &server{}
		s.answer = slow
		c := newClient(t, s, client.Config{RateLimit: client.Off, MaxConcurrent: client.Off, PoolSize: 500})
		sendDecoded(t, c, 500)
		s.answer = quick
		sendDecoded(t, c, 500)
		if got := c.Metrics().MeanLatency; got != 6*time.Second {
			t.Errorf("of 500 and 500: %v, want 6s", got)
		}
		sendDecoded(t, c, 250)
		if got := c.Metrics().MeanLatency; got != 3500*ms {
			t.Errorf("with 250 of the slow ones gone: %v, want 3.5s", got)
		}
	})
}

func sendDecoded(t *testing.T, c *client.Client, n int) {
	var all sync.WaitGroup
	for range n {
		all.Go(func() { c.Chat(t.Context(), hello(false)) })
	}
	all.Wait()
}

// TestMetricsAreConsistent: whenever they are read, they add up.
func TestMetricsAreConsistent(t *testing.T) {
	s := &server{answer: keeping(answered("a"))}
	c := newClient(t, s, client.Config{RateLimit: client.Off})
	var all sync.WaitGroup
	all.Go(func() { sendDecoded(t, c, 200) })
	for read := 0; read < 200; {
		m := c.Metrics()
		sum := int64(0)
		for _, n := range m.Outcomes {
			sum += n
		}
		if sum != m.Requests || m.Attempts < m.Requests || m.SuccessRate > 1 {
			t.Fatalf("%+v does not add up", m)
		}
		read = int(m.Requests)
	}
	all.Wait()
}
