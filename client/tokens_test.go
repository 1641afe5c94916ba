package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// used is a whole answer whose usage is as given.
func used(in, out int) string {
	return plain(200, "application/json", fmt.Sprintf(`{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`, in, out))
}

// dear is a request that may generate n tokens less what its body is taken for.
func dear(n int) client.Request {
	r := hello(false)
	r.MaxTokens = n
	r.Messages[0].Content = strings.Repeat("x", 4000) // about 1000 tokens
	return r
}

// TestTokensPerMinute: however usage differs from the estimate, no minute
// admits more than its share, a second's worth and what may be saved.
func TestTokensPerMinute(t *testing.T) {
	const perMinute = 60000
	for sentence, use := range map[string]int{
		"usage as estimated":    4023,
		"half of it is used":    2000,
		"twice as much is used": 8000,
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: keeping(used(use/2, use/2))}
				cfg := unlimited
				cfg.TokensPerMinute = perMinute
				c := newClient(t, s, cfg)
				for range 100 {
					if _, err := c.Chat(t.Context(), dear(3000)); err != nil {
						t.Fatal(err)
					}
				}
				at := starts(s)
				// Usage shows when a call has ended, so the last call of a window may be over.
				for i := range at {
					sum := 0
					for j := i; j < len(at) && at[j]-at[i] < time.Minute; j++ {
						sum += use
					}
					if most := perMinute + perMinute/60 + perMinute/6 + max(0, use-4023); sum > most {
						t.Fatalf("%d tokens in the minute from %v, want at most %d", sum, at[i], most)
					}
				}
				rate := float64(99*use) / at[len(at)-1].Minutes()
				if rate < 0.97*perMinute || rate > 1.03*perMinute {
					t.Errorf("%.0f tokens a minute in the long run, want %d", rate, perMinute)
				}
			})
		})
	}
}

func TestTokensAreSpacedEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(plain(200, "application/json", `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`))}
		cfg := unlimited
		cfg.TokensPerMinute = 6000 // a bucket of 100
		r := hello(false)
		c := newClient(t, s, cfg)
		c.Chat(t.Context(), r)
		cost := len(s.got()[0].body) / 4
		r.MaxTokens = 500 - cost - 4 // ,"max_tokens":... are 17 bytes more
		for range 3 {
			c.Chat(t.Context(), r)
		}
		at := starts(s)[1:]
		for i := range at {
			at[i] = at[i].Round(time.Microsecond) // rates are floating-point
		}
		// What is left of the bucket and 5 s of tokens each.
		want := []time.Duration{time.Duration(400+cost) * 10 * ms, time.Duration(900+cost) * 10 * ms, time.Duration(1400+cost) * 10 * ms}
		if !slices.Equal(at, want) {
			t.Errorf("requests at %v, want %v", at, want)
		}
	})
}

func TestAWaitForTokensCanBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		cfg := unlimited
		cfg.TokensPerMinute = 6000
		c := newClient(t, s, cfg)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := c.Chat(ctx, dear(3000)); kind(err) != "timeout queue" || time.Since(begun) != 0 {
			t.Errorf("a wait beyond the deadline: %v after %v", err, time.Since(begun))
		}
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := c.Chat(ctx, dear(3000)); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		leave()
		all.Wait()
		if _, err := c.Chat(t.Context(), hello(false)); err != nil || time.Since(begun) != 0 {
			t.Errorf("what was given up is still paid for: %v after %v", err, time.Since(begun))
		}
	})
}

// TestWhatAGivenUpCallHasPaidIsCredit: parts of a dear call are paid one after
// the other; those whose time is over when it is given up are not lost.
func TestWhatAGivenUpCallHasPaidIsCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(plain(200, "application/json", `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`))}
		cfg := unlimited
		cfg.TokensPerMinute = 6000 // 100 a second, of which 1000 may be saved
		c := newClient(t, s, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(8*time.Second, cancel)
		if _, err := c.Chat(ctx, dear(3000)); kind(err) != "cancelled" { // about 4000
			t.Errorf("got %v", err)
		}
		begun := time.Now()
		r := hello(false)
		r.MaxTokens = 850 // 8 s and the bucket paid for it
		if _, err := c.Chat(t.Context(), r); err != nil || time.Since(begun) > 100*ms {
			t.Errorf("%v after %v: it was paid for already", err, time.Since(begun))
		}
	})
}

// TestACallThatIsOverBeforeItPaysPaysNothing: its context ended while it waited
// for its place.
func TestACallThatIsOverBeforeItPaysPaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(plain(200, "application/json", `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`))}
		cfg := unlimited
		cfg.TokensPerMinute = 600000 // a bucket of 10000
		c := newClient(t, s, cfg)
		begun := time.Now()
		for range 100 {
			if _, err := c.Chat(canceled(t), dear(4000)); kind(err) != "cancelled" {
				t.Errorf("got %v", err)
			}
		}
		if _, err := c.Chat(t.Context(), dear(4000)); err != nil || time.Since(begun) != 0 {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// TestTokensOfACallThatTheRateHoldsBackAreKept: it paid, and did not start.
func TestTokensOfACallThatTheRateHoldsBackAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(plain(200, "application/json", `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`))}
		cfg := unlimited
		cfg.TokensPerMinute, cfg.RateLimit = 60000, 1
		c := newClient(t, s, cfg)
		begun := time.Now()
		c.Chat(t.Context(), hello(false))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Second, cancel)
		if _, err := c.Chat(ctx, dear(8000)); kind(err) != "cancelled" {
			t.Errorf("got %v", err)
		}
		time.Sleep(time.Minute - time.Since(begun))
		before := time.Now()
		if _, err := c.Chat(t.Context(), dear(8000)); err != nil || time.Since(before) > 100*ms {
			t.Errorf("%v after %v: it was paid for already", err, time.Since(before))
		}
	})
}
