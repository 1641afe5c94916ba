package client_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// TestAHoldMovesWhatIsSpaced: attempts that a server held back do not start
// together at its end.
func TestAHoldMovesWhatIsSpaced(t *testing.T) {
	for sentence, change := range map[string]func(*client.Config){
		"requests a second": func(c *client.Config) { c.RequestsPerSecond = 5 },
		"tokens a minute":   func(c *client.Config) { c.TokensPerMinute = 60 * 5 * 1020 }, // five calls a second
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: inTurn(paced(step{10 * ms, plain(429, "", "", "Retry-After: 3")}), keeping(answered("a")))}
				cfg := client.Config{RateLimit: client.Off, MaxConcurrent: client.Off, PoolSize: 100}
				change(&cfg)
				c := newClient(t, s, cfg)
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() { c.Send(t.Context(), dear(0)) })
				}
				all.Wait()
				at := starts(s)
				if len(at) != 21 {
					t.Fatalf("%d attempts", len(at))
				}
				for i := range at[6:] { // the bucket of tokens holds five
					if gap := at[i+6] - at[i]; gap < 900*ms {
						t.Errorf("six attempts within %v, from %v", gap, at[i])
					}
				}
				last := 20*200*ms + 3*time.Second
				if got := at[20]; got < last-1200*ms || got > last+100*ms {
					t.Errorf("the last came at %v, want about %v: nothing is lost", got, last)
				}
			})
		})
	}
}

// TestRequestsPerSecondAreEvenAfterAHold: to the millisecond, in order.
func TestRequestsPerSecondAreEvenAfterAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: inTurn(keeping(plain(429, "", "", "Retry-After: 3")), keeping(answered("a")))}
		c := newClient(t, s, client.Config{RateLimit: client.Off, RequestsPerSecond: 5})
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				r := hello(false)
				r.ID = fmt.Sprint(i)
				c.Send(t.Context(), r)
			})
			synctest.Wait()
		}
		all.Wait()
		if got, want := starts(s), []time.Duration{0, 3200 * ms, 3400 * ms, 3600 * ms, 3800 * ms}; !slices.Equal(got, want) {
			t.Errorf("attempts at %v, want %v", got, want)
		}
		var order []string
		for _, r := range s.got() {
			order = append(order, r.header.Get("X-Request-Id"))
		}
		if want := []string{"0", "1", "2", "3", "0"}; !slices.Equal(order, want) {
			t.Errorf("in the order %v, want %v", order, want)
		}
	})
}

// TestADeadlineKnowsOfAHold: a place that the hold moves beyond it is given up at once.
func TestADeadlineKnowsOfAHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: inTurn(paced(step{time.Second, plain(429, "", "", "Retry-After: 20")}), keeping(answered("a")))}
		c := newClient(t, s, client.Config{RateLimit: client.Off, RequestsPerSecond: 0.5})
		var all sync.WaitGroup
		defer all.Wait()
		all.Go(func() { c.Send(t.Context(), hello(false)) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := c.Chat(ctx, hello(false)); kind(err) != "timeout queue" || time.Since(begun) != 2*time.Second {
			t.Errorf("%v after %v, want it when its place has moved", err, time.Since(begun))
		}
	})
}

// TestRetryAfterHoldsWhateverBecomesOfItsCall: one that is out of retries, or
// of budget, still tells the others.
func TestRetryAfterHoldsWhateverBecomesOfItsCall(t *testing.T) {
	sec := time.Second
	busy := func(after string) string { return plain(429, "", "", "Retry-After: "+after) }
	quota := plain(429, "application/json", `{"error":{"code":"insufficient_quota"}}`, "Retry-After: 2")
	for sentence, tt := range map[string]struct {
		cfg    client.Config
		answer string
		want   []time.Duration
	}{
		"without retries":                                       {client.Config{MaxRetries: client.Off}, busy("2"), []time.Duration{0, 2 * sec, 4 * sec}},
		"with the last of them":                                 {client.Config{MaxRetries: 1}, busy("2"), []time.Duration{0, 2 * sec, 4 * sec, 6 * sec, 8 * sec, 10 * sec}},
		"not longer than five minutes":                          {client.Config{MaxRetries: client.Off}, busy("301"), []time.Duration{0, 0, 0}},
		"not for want of money":                                 {client.Config{MaxRetries: client.Off}, quota, []time.Duration{0, 0, 0}},
		"nor where rates and retries are off, to load a server": {client.Config{MaxRetries: client.Off, RateLimit: client.Off}, busy("2"), []time.Duration{0, 0, 0}},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: keeping(tt.answer)}
				c := newClient(t, s, tt.cfg)
				for range 3 {
					c.Send(t.Context(), hello(false))
				}
				if got := starts(s); !slices.Equal(got, tt.want) {
					t.Errorf("attempts at %v, want %v", got, tt.want)
				}
			})
		})
	}
}
