package client_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// sendAll makes n calls at once and waits for all.
func sendAll(t *testing.T, c *client.Client, n int) {
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { c.Send(t.Context(), hello(false)) })
	}
	wg.Wait()
}

func TestRateLimitIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		c := newClient(t, s, client.Config{MaxConcurrent: client.Off, PoolSize: 100, RateLimit: 7})
		sendAll(t, c, 3)
		time.Sleep(50 * time.Second)
		sendAll(t, c, 20)
		at := starts(s)
		for i := range at {
			if i >= 7 && at[i]-at[i-7] < time.Minute {
				t.Errorf("request %d came %v after the 7th before it", i, at[i]-at[i-7])
			}
		}
		// 3 at once, 4 at 50 s; each minute later the same again.
		want := []time.Duration{0, 0, 0, 50, 50, 50, 50, 60, 60, 60, 110, 110, 110, 110, 120, 120, 120, 170, 170, 170, 170, 180, 180}
		for i := range want {
			want[i] *= time.Second
		}
		if !slices.Equal(at, want) {
			t.Errorf("requests at %v, want no later than the limit asks: %v", at, want)
		}
	})
}

func TestEachAttemptCountsForTheRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: bytesOf(plain(500, "", ""))}
		c := newClient(t, s, client.Config{RateLimit: 2})
		c.Send(t.Context(), hello(false))
		if got := starts(s); !slices.Equal(got, []time.Duration{0, time.Second, 60 * time.Second, 64 * time.Second}) {
			t.Errorf("attempts at %v, want two a minute", got)
		}
	})
}

func TestDefaultRateLimitIsSixtyAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		c := newClient(t, s, client.Config{})
		sendAll(t, c, 61)
		if at := starts(s); at[59] != 0 || at[60] != time.Minute {
			t.Errorf("the 60th came at %v, the 61st at %v", at[59], at[60])
		}
	})
}

func TestRequestsPerSecondIsSmooth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		cfg := measuring
		cfg.RequestsPerSecond = 10
		sendAll(t, newClient(t, s, cfg), 5)
		if got := starts(s); !slices.Equal(got, []time.Duration{0, 100 * ms, 200 * ms, 300 * ms, 400 * ms}) {
			t.Errorf("requests at %v, want one each 100ms", got)
		}
	})
}

func TestWaitThatCannotMeetTheDeadlineFailsAtOnce(t *testing.T) {
	for name, cfg := range map[string]client.Config{
		"rate limit":          {RateLimit: 1},
		"requests per second": {RequestsPerSecond: 0.1},
		"the rate limit, though the others could": {RateLimit: 1, RequestsPerSecond: 0.5, TokensPerMinute: 1000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: keeping(answered("a"))}
				c := newClient(t, s, cfg)
				c.Send(t.Context(), hello(false))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				begun := time.Now()
				x := c.Send(ctx, hello(false))
				_, err := x.Decode()
				if kind(err) != "timeout queue" || !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 0 || len(x.Attempts) != 0 {
					t.Errorf("%v after %v, %d attempts", err, time.Since(begun), len(x.Attempts))
				}
			})
		})
	}
}

// TestAPlaceInLineThatComesTooLateFailsAtOnce: who stands before counts too.
func TestAPlaceInLineThatComesTooLateFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		c := newClient(t, s, client.Config{RateLimit: 2, MaxConcurrent: client.Off})
		sendAll(t, c, 2)
		time.Sleep(10 * time.Second)
		begun := time.Now()
		var all sync.WaitGroup
		defer all.Wait()
		call := func(deadline time.Duration, want string, at time.Duration) {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				if _, err := c.Chat(ctx, hello(false)); kind(err) != want || time.Since(begun) != at {
					t.Errorf("deadline %v: %v after %v, want %s after %v", deadline, err, time.Since(begun), want, at)
				}
			})
			synctest.Wait()
		}
		sec := time.Second
		call(time.Hour, "ok", 50*sec)
		call(49*sec, "timeout queue", 0)
		call(51*sec, "ok", 50*sec)
		call(109*sec, "timeout queue", 0) // third in line: a minute later
		call(111*sec, "ok", 110*sec)
		call(111*sec, "ok", 110*sec)
		call(169*sec, "timeout queue", 0)
		call(171*sec, "ok", 170*sec)
	})
}

// TestThoseBehindTheHeadFailAtOnceWhileAServerHoldsThemBack: they need not
// come to the head to know.
func TestThoseBehindTheHeadFailAtOnceWhileAServerHoldsThemBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: inTurn(keeping(plain(429, "", "", "Retry-After: 20")), keeping(answered("a")))}
		c := newClient(t, s, client.Config{RateLimit: client.Off})
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { c.Send(t.Context(), hello(false)) })
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 19*time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := c.Chat(ctx, hello(false)); kind(err) != "timeout queue" || time.Since(begun) != 0 {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		all.Wait()
	})
}

func TestAWaitThatIsGivenUpLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		c := newClient(t, s, client.Config{RateLimit: 1, MaxConcurrent: client.Off})
		c.Send(t.Context(), hello(false))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := c.Chat(ctx, hello(false)); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want context.Canceled", err)
				}
			})
		}
		time.Sleep(10 * time.Second)
		cancel()
		wg.Wait()
		c.Send(t.Context(), hello(false))
		if got := starts(s); !slices.Equal(got, []time.Duration{0, time.Minute}) {
			t.Errorf("requests at %v, want the next one a minute after the first", got)
		}
	})
}

func TestMaxConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: paced(step{time.Second, answered("a")})}
		c := newClient(t, s, client.Config{RateLimit: client.Off, MaxConcurrent: 3, PoolSize: 3})
		sendAll(t, c, 7)
		sec := time.Second
		if got := starts(s); !slices.Equal(got, []time.Duration{0, 0, 0, sec, sec, sec, 2 * sec}) {
			t.Errorf("requests at %v, want three at a time", got)
		}
		if s.dialed() != 3 {
			t.Errorf("%d connections, want 3", s.dialed())
		}
	})
}

func TestConnectionsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: paced(step{time.Second, answered("a")})}
		c := newClient(t, s, client.Config{RateLimit: client.Off})
		for range 3 {
			sendAll(t, c, 10)
			synctest.Wait()
		}
		if s.dialed() != 10 {
			t.Errorf("%d connections for three bursts of 10, want 10", s.dialed())
		}
		fresh := measuring
		fresh.PoolSize = client.Off
		s = &server{answer: keeping(answered("a"))}
		c = newClient(t, s, fresh)
		for range 3 {
			c.Send(t.Context(), hello(false))
			synctest.Wait()
		}
		if s.dialed() != 3 {
			t.Errorf("%d connections without a pool for three calls, want 3", s.dialed())
		}
	})
}

func TestAStreamHoldsItsPlaceUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: inTurn(silent(streamHead, httpChunk(says("a")+says("b"))), keeping(streamed(says("c")+done)))}
		c := newClient(t, s, client.Config{RateLimit: client.Off, MaxConcurrent: 1})
		st := c.Stream(t.Context(), hello(true))
		if !st.Next() {
			t.Fatal(st.Err())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Chat(ctx, hello(true)); kind(err) != "timeout queue" {
			t.Errorf("while the stream is open: %v, want a time-out in the queue", err)
		}
		st.Close()
		if _, err := c.Chat(t.Context(), hello(true)); err != nil {
			t.Errorf("after it is closed: %v", err)
		}
	})
}
