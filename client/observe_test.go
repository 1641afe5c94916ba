package client_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// tagging is a middleware that leaves its mark.
type tagging struct {
	next http.RoundTripper
	seen *[]string
}

func (m tagging) RoundTrip(r *http.Request) (*http.Response, error) {
	*m.seen = append(*m.seen, r.Method+" "+r.URL.Path)
	r = r.Clone(r.Context())
	r.Header.Set("X-Tag", "yes")
	return m.next.RoundTrip(r)
}

func TestMiddlewareAndObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		s := &server{answer: inTurn(keeping(plain(503, "", "")), keeping(answered("a")), keeping(plain(400, "", "")), silent(streamHead, httpChunk(says("a"))))}
		var seen []string
		var events []client.AttemptEvent
		cfg := client.Config{RateLimit: client.Off}
		cfg.Middleware = func(next http.RoundTripper) http.RoundTripper { return tagging{next, &seen} }
		cfg.Observer = func(e client.AttemptEvent) { events = append(events, e) }
		c := newClient(t, s, cfg)
		ctx := context.WithValue(t.Context(), key{}, "span")
		r := hello(false)
		r.ID = "r1"
		x := c.Send(ctx, r)
		for range c.Stream(ctx, hello(true)).All() {
		}
		for range c.Stream(ctx, hello(true)).All() {
			break
		}
		if got := strings.Join(seen, ", "); got != strings.Repeat("POST /v1/chat/completions, ", 3)+"POST /v1/chat/completions" {
			t.Errorf("the middleware saw %s", got)
		}
		for i, r := range s.got() {
			if r.header.Get("X-Tag") != "yes" {
				t.Errorf("request %d lacks what the middleware adds", i)
			}
		}
		if len(events) != 4 {
			t.Fatalf("%d events, want 4", len(events))
		}
		for i, want := range []struct {
			number int
			kind   string
		}{{1, "api 503"}, {2, "ok"}, {1, "api 400"}, {1, "cancelled"}} {
			e := events[i]
			if e.Number != want.number || kind(e.Attempt.Err) != want.kind || e.Context.Value(key{}) != "span" || !strings.HasSuffix(e.Endpoint, "/v1/chat/completions") {
				t.Errorf("event %d: %+v", i, e)
			}
			if a := e.Attempt; a.Started.IsZero() || a.Done.Before(a.Started) || a.Connected.IsZero() || a.Sent.IsZero() {
				t.Errorf("event %d lacks stamps: %+v", i, a)
			}
		}
		if e := events[1]; e.RequestID != "r1" || e.Attempt.Started != x.Attempts[1].Started || !e.Attempt.Reused {
			t.Errorf("the second event: %+v", e)
		}
	})
}

// TestWhatAnObserverHasIsNotChanged: it may log on another goroutine.
func TestWhatAnObserverHasIsNotChanged(t *testing.T) {
	broken := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100\r\n\r\n"
	for sentence, answer := range map[string]func(int, net.Conn) bool{
		"a status":                 bytesOf(plain(500, "", "")),
		"an error inside a 200":    bytesOf(streamed(`data: {"error":"no"}` + "\n\n")),
		"a reset":                  bytesOf(),
		"a time-out":               silent(),
		"a stream that stops":      bytesOf(broken),
		"one that the reader left": silent(streamHead, httpChunk(says("a"))),
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var all sync.WaitGroup
				var heard []error
				var said []string
				c := newClient(t, &server{answer: answer}, client.Config{
					RateLimit: client.Off, MaxRetries: 1, Timeout: time.Second, IdleTimeout: time.Second,
					Observer: func(e client.AttemptEvent) {
						if e.Attempt.Err == nil {
							return
						}
						heard, said = append(heard, e.Attempt.Err), append(said, e.Attempt.Err.Error())
						all.Go(func() { _ = e.Attempt.Err.Error() }) // for the race detector
					},
				})
				_, _ = c.Chat(t.Context(), hello(true))
				for range c.Stream(t.Context(), hello(true)).All() {
					break
				}
				for range c.Stream(t.Context(), hello(true)).All() {
				}
				all.Wait()
				if len(heard) < 2 {
					t.Fatalf("%d errors were heard of", len(heard))
				}
				for i := range heard {
					if heard[i].Error() != said[i] {
						t.Errorf("what was heard as %q is now %q", said[i], heard[i])
					}
				}
			})
		})
	}
}

// twice is a middleware that closes bodies twice, as a careless one does.
type twice struct{ next http.RoundTripper }

type twiceBody struct{ io.ReadCloser }

func (b twiceBody) Close() error {
	b.ReadCloser.Close()
	return b.ReadCloser.Close()
}

func (m twice) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := m.next.RoundTrip(r)
	if err == nil {
		resp.Body = twiceBody{resp.Body}
	}
	return resp, err
}

func TestABodyClosedTwiceGivesOneConnectionBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		cfg := unlimited
		cfg.LazyInit = true
		cfg.Middleware = func(next http.RoundTripper) http.RoundTripper { return twice{next} }
		c := newClient(t, s, cfg)
		for range 3 {
			if _, err := c.Chat(t.Context(), hello(false)); err != nil {
				t.Error(err)
			}
			checkConns(t, c, s, 1, 0)
		}
	})
}
