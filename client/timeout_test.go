package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// silent answers with the parts and then says nothing, for ever, until the
// client goes away.
func silent(parts ...string) func(int, net.Conn) bool {
	return func(_ int, conn net.Conn) bool {
		for _, p := range parts {
			io.WriteString(conn, p)
		}
		conn.Read(make([]byte, 1))
		return false
	}
}

func limits(change func(*client.Config)) client.Config {
	cfg := measuring
	change(&cfg)
	return cfg
}

func TestTimeouts(t *testing.T) {
	total := limits(func(c *client.Config) { c.Timeout = 5 * time.Second })
	first := limits(func(c *client.Config) { c.FirstTokenTimeout = 2 * time.Second })
	both := limits(func(c *client.Config) { c.Timeout, c.FirstTokenTimeout = 5*time.Second, 2*time.Second })
	idle := limits(func(c *client.Config) { c.IdleTimeout = 3 * time.Second })
	tests := []struct {
		sentence string
		cfg      client.Config
		answer   func(int, net.Conn) bool
		stream   bool
		phase    string
		limit    time.Duration
		after    time.Duration
	}{
		{"a plain call is bounded to the end of its body", total, silent(answered("a")[:150]), false, "total", 5 * time.Second, 5 * time.Second},
		{"and before its headers", total, silent(), false, "total", 5 * time.Second, 5 * time.Second},
		{"a stream is bounded to its first content", total, silent(streamHead, httpChunk(roleChunk)), true, "first_token", 5 * time.Second, 5 * time.Second},
		{"before its headers too", total, silent(), true, "first_token", 5 * time.Second, 5 * time.Second},
		{"the first token has a limit of its own", first, silent(streamHead, httpChunk(roleChunk)), true, "first_token", 2 * time.Second, 2 * time.Second},
		{"the shorter of both holds", both, silent(), true, "first_token", 2 * time.Second, 2 * time.Second},
		{"comments do not count as content", first, paced(slices.Concat([]step{{0, streamHead}}, slices.Repeat([]step{{time.Second, httpChunk(": wait\n\n")}}, 9))...), true, "first_token", 2 * time.Second, 2 * time.Second},
		{"a stream that falls silent is idle", idle, silent(streamHead, httpChunk(says("a"))), true, "idle", 3 * time.Second, 3 * time.Second},
		{"counted from the last read", idle, paced(step{0, streamHead}, step{0, httpChunk(says("a"))}, step{2 * time.Second, httpChunk(says("b"))}, step{time.Hour, ""}), true, "idle", 3 * time.Second, 5 * time.Second},
		{"a plain body that falls silent is idle", idle, silent(answered("a")[:150]), false, "idle", 3 * time.Second, 3 * time.Second},
		{"an error's body that falls silent does not hide its status", idle, silent(plain(500, "", strings.Repeat("x", 100))[:80]), true, "", 0, 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, &server{answer: tt.answer}, tt.cfg)
				begun := time.Now()
				x := c.Send(t.Context(), hello(tt.stream))
				_, err := x.Decode()
				if took := time.Since(begun); took != tt.after {
					t.Errorf("took %v, want %v", took, tt.after)
				}
				if tt.phase == "" {
					if kind(err) != "api 500" {
						t.Errorf("got %v", err)
					}
					return
				}
				var timeout *client.TimeoutError
				if !errors.As(err, &timeout) || timeout.Phase != tt.phase || timeout.Limit != tt.limit {
					t.Fatalf("got %v, want phase %s, limit %v", err, tt.phase, tt.limit)
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Error("the client's own limit looks like the caller's deadline")
				}
				if x.Attempts[0].Done.Sub(begun) != tt.after {
					t.Errorf("Done is %v after the start", x.Attempts[0].Done.Sub(begun))
				}
			})
		})
	}
}

func TestTimeoutDoesNotCutAHealthyStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := limits(func(c *client.Config) { c.Timeout, c.IdleTimeout = 2*time.Second, 2*time.Second })
		steps := []step{{0, streamHead}}
		for range 60 {
			steps = append(steps, step{time.Second, httpChunk(says("a"))})
		}
		s := &server{answer: paced(append(steps, step{0, httpChunk(done) + lastChunk})...)}
		resp, err := newClient(t, s, cfg).Chat(t.Context(), hello(true))
		if err != nil || resp.ContentEvents != 60 {
			t.Errorf("%v after %d events, want all 60", err, resp.ContentEvents)
		}
	})
}

func TestSlowReaderOfAStreamIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := limits(func(c *client.Config) { c.Timeout, c.IdleTimeout = 2*time.Second, 2*time.Second })
		s := &server{answer: paced(step{0, streamHead}, step{0, httpChunk(says("a"))}, step{time.Second, httpChunk(says("b"))}, step{0, httpChunk(done) + lastChunk})}
		st := newClient(t, s, cfg).Stream(t.Context(), hello(true))
		defer st.Close()
		n := 0
		for st.Next() {
			n++
			time.Sleep(time.Minute)
		}
		if st.Err() != nil || n != 3 {
			t.Errorf("%d chunks, then %v; want two of content and the finish", n, st.Err())
		}
	})
}

func TestConnectTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := limits(func(c *client.Config) { c.Timeout = 4 * time.Second })
		cfg.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		c, err := client.New(t.Context(), "http://test.invalid", cfg)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		x := c.Send(t.Context(), hello(true))
		if _, err := x.Decode(); kind(err) != "timeout connect" || time.Since(begun) != 4*time.Second {
			t.Errorf("%v after %v, want phase connect after 4s", err, time.Since(begun))
		}
		if a := x.Attempts[0]; !a.Connected.IsZero() || !a.Sent.IsZero() {
			t.Errorf("stamps of a connection that never was: %+v", a)
		}
		c.Close() // ends the dial, or the bubble reports its goroutine
	})
}

// TestTimeoutIsTriedAgain: an attempt's time-out is the attempt's, not the call's.
func TestTimeoutIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := client.Config{RateLimit: client.Off, Timeout: time.Second}
		s := &server{answer: inTurn(silent(), silent(streamHead), bytesOf(streamed(says("a")+done)))}
		x := newClient(t, s, cfg).Send(t.Context(), hello(true))
		resp, err := x.Decode()
		if err != nil || resp.Text != "a" || len(x.Attempts) != 3 || kind(x.Attempts[0].Err) != "timeout first_token" {
			t.Errorf("%q, %v, %d attempts", resp.Text, err, len(x.Attempts))
		}
	})
}

// starts returns when each request came, from the first.
func starts(s *server) []time.Duration {
	var at []time.Duration
	got := s.got()
	for _, r := range got {
		at = append(at, r.at.Sub(got[0].at))
	}
	return at
}

func TestBackOff(t *testing.T) {
	const sec = time.Second
	date := time.Date(2000, 1, 1, 0, 0, 42, 0, time.UTC) // a bubble begins at midnight
	tests := []struct {
		sentence string
		headers  []string
		retries  int
		want     []time.Duration
	}{
		{"waits double from 1 s to 16 s", nil, 7, []time.Duration{0, 1 * sec, 3 * sec, 7 * sec, 15 * sec, 31 * sec, 47 * sec, 63 * sec}},
		{"Retry-After in seconds", []string{"Retry-After: 7"}, 1, []time.Duration{0, 7 * sec}},
		{"in fractions of a second", []string{"Retry-After: 0.25"}, 1, []time.Duration{0, 250 * ms}},
		{"as a date", []string{"Retry-After: " + date.Format("Mon, 02 Jan 2006 15:04:05 GMT")}, 1, []time.Duration{0, 42 * sec}},
		{"to the millisecond, which wins", []string{"Retry-After: 7", "Retry-After-Ms: 1234"}, 1, []time.Duration{0, 1234 * ms}},
		{"nonsense counts as nothing", []string{"Retry-After: soon", "Retry-After-Ms: -5"}, 1, []time.Duration{0, 1 * sec}},
		{"NaN too", []string{"Retry-After: NaN"}, 1, []time.Duration{0, 1 * sec}},
		{"a wish beyond all bounds is left to the caller", []string{"Retry-After: 1e300"}, 1, []time.Duration{0}},
	}
	for _, tt := range tests {
		t.Run(tt.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: bytesOf(plain(503, "", "", tt.headers...))}
				c := newClient(t, s, client.Config{RateLimit: client.Off, MaxRetries: tt.retries})
				x := c.Send(t.Context(), hello(false))
				if got := starts(s); !slices.Equal(got, tt.want) {
					t.Errorf("attempts at %v, want %v", got, tt.want)
				}
				for i, a := range x.Attempts {
					if at := a.Started.Sub(x.Attempts[0].Started); at != tt.want[i] {
						t.Errorf("attempt %d says that it started at %v", i, at)
					}
				}
			})
		})
	}
}

func TestNoRetryBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: bytesOf(plain(500, "", ""))}
		c := newClient(t, s, client.Config{RateLimit: client.Off})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := c.Chat(ctx, hello(false))
		var api *client.APIError
		if !errors.As(err, &api) || api.Attempts != 2 || time.Since(begun) != time.Second {
			t.Errorf("%v after %v, want the second 500 at once, after 1s", err, time.Since(begun))
		}
		ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		st := c.Stream(ctx, hello(true))
		if st.Next() || !errors.As(st.Err(), &api) || api.Attempts != 2 || time.Since(begun) != 2*time.Second {
			t.Errorf("stream: %v after %v, want the same", st.Err(), time.Since(begun)-time.Second)
		}
	})
}

func TestARetryThatTheRateForbidsGivesTheLastRealError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: bytesOf(plain(500, "", ""))}
		c := newClient(t, s, client.Config{RateLimit: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := c.Chat(ctx, hello(false)); kind(err) != "api 500" || time.Since(begun) != time.Second {
			t.Errorf("%v after %v, want the 500 as soon as the wait is known", err, time.Since(begun))
		}
	})
}

func TestRetryAfterHoldsTheWholeClient(t *testing.T) {
	for _, status := range []int{429, 503} {
		testRetryAfterHolds(t, status)
	}
}

func testRetryAfterHolds(t *testing.T, status int) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: inTurn(keeping(plain(status, "", "", "Retry-After: 20")), keeping(answered("a")))}
		c := newClient(t, s, client.Config{RateLimit: client.Off})
		var first sync.WaitGroup
		first.Go(func() { c.Send(t.Context(), hello(false)) })
		time.Sleep(time.Second)
		x := c.Send(t.Context(), hello(false))
		first.Wait()
		if got := starts(s); !slices.Equal(got, []time.Duration{0, 20 * time.Second, 20 * time.Second}) {
			t.Errorf("requests at %v, want the other call held back until 20s too", got)
		}
		if len(x.Attempts) != 1 {
			t.Errorf("the other call made %d attempts", len(x.Attempts))
		}
	})
}

// TestStaleConnections: a server that closed idle connections at the moment
// when they are used again costs attempts, which show, but no failure.
func TestStaleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(n int, conn net.Conn) bool {
			switch {
			case n < 10:
				return paced(step{time.Second, answered("a")})(n, conn)
			case n == 10:
				return false // as if the idle time-out had struck
			}
			return keeping(answered("b"))(n, conn)
		}}
		c := newClient(t, s, client.Config{RateLimit: client.Off})
		for range 10 {
			go c.Send(t.Context(), hello(false))
		}
		time.Sleep(3 * time.Second)
		if s.dialed() != 10 {
			t.Fatalf("%d connections, want 10", s.dialed())
		}
		begun := time.Now()
		x := c.Send(t.Context(), hello(false))
		resp, err := x.Decode()
		if err != nil || resp.Text != "b" || len(x.Attempts) != 2 || time.Since(begun) != 0 {
			t.Errorf("%q, %v, %d attempts, %v; want b at once by the second attempt", resp.Text, err, len(x.Attempts), time.Since(begun))
		}
		if !x.Attempts[0].Reused || x.Attempts[1].Reused || kind(x.Attempts[0].Err) != "connection reset" {
			t.Errorf("attempts %+v", x.Attempts)
		}
	})
}

// TestNoSilentReplay: net/http sends a request again on its own where it can.
// The server must see each attempt that we tell of, and no other.
func TestNoSilentReplay(t *testing.T) {
	for name, ask := range map[string]func(context.Context, *client.Client) error{
		"POST": func(ctx context.Context, c *client.Client) error {
			_, err := c.Chat(ctx, hello(false))
			return err
		},
		"GET": func(ctx context.Context, c *client.Client) error {
			_, err := c.Models(ctx)
			return err
		},
	} {
		for _, http2 := range []bool{false, true} { // true is net/http's own pool
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: inTurn(keeping(answered("a")), func(int, net.Conn) bool { return false })}
				cfg := measuring
				cfg.HTTP2 = http2
				cfg.Header = map[string][]string{"Idempotency-Key": {"k"}}
				c := newClient(t, s, cfg)
				c.Send(t.Context(), hello(false))
				synctest.Wait()
				err := ask(t.Context(), c)
				if kind(err) != "connection reset" || len(s.got()) != 2 || s.dialed() != 1 {
					t.Errorf("%s, HTTP2 %v: %v; the server saw %d requests over %d connections, want 2 over one", name, http2, err, len(s.got()), s.dialed())
				}
				if h := s.got()[1].header; name == "GET" && (h.Get("Transfer-Encoding") != "" || h.Get("Content-Length") != "") {
					t.Errorf("HTTP2 %v: a GET with a body: %v", http2, h)
				}
			})
		}
	}
}
