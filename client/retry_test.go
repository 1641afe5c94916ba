package client_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(plain(500, "", ""))}
		c := newClient(t, s, client.Config{RateLimit: client.Off, MaxRetries: 1})
		retried := func(c *client.Client, calls int) (n int) {
			for range calls {
				x := c.Send(t.Context(), hello(false))
				if _, err := x.Decode(); kind(err) != "api 500" {
					t.Errorf("got %v, want what the server said", err)
				}
				n += len(x.Attempts) - 1
			}
			return n
		}
		// 100 in reserve, and each call earns a fifth.
		if n := retried(c, 120); n != 120 {
			t.Errorf("of the first 120 calls %d were tried again, want all", n)
		}
		retried(c, 100)
		if n := retried(c, 100); n != 20 {
			t.Errorf("of 100 calls %d were tried again when the reserve was gone, want 20", n)
		}
		off := newClient(t, s, client.Config{RateLimit: client.Off, MaxRetries: 1, RetryBudget: client.Off})
		if n := retried(off, 300); n != 300 {
			t.Errorf("without a budget %d of 300 calls were tried again", n)
		}
	})
}

func TestJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(plain(500, "", ""))}
		c := newClient(t, s, client.Config{RateLimit: client.Off, MaxRetries: 6, Jitter: true, RetryBudget: client.Off})
		bounds := []time.Duration{1, 2, 4, 8, 16, 16}
		sums := make([]time.Duration, len(bounds))
		const calls = 200
		for range calls {
			x := c.Send(t.Context(), hello(false))
			if len(x.Attempts) != 7 {
				t.Fatalf("%d attempts", len(x.Attempts))
			}
			for i, bound := range bounds {
				wait := x.Attempts[i+1].Started.Sub(x.Attempts[i].Done)
				if wait < 0 || wait > bound*time.Second {
					t.Errorf("wait %d took %v, beyond %v s", i+1, wait, int(bound))
				}
				sums[i] += wait
			}
		}
		for i, bound := range bounds { // six standard deviations of the mean of 200
			if mean := sums[i].Seconds() / calls / float64(bound); mean < 0.378 || mean > 0.622 {
				t.Errorf("the waits %d are on average %.2f of their bound, want about a half", i+1, mean)
			}
		}
	})
}

func TestJitterLeavesRetryAfterAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: inTurn(keeping(plain(503, "", "", "Retry-After-Ms: 4321")), keeping(answered("a")))}
		c := newClient(t, s, client.Config{RateLimit: client.Off, Jitter: true})
		x := c.Send(t.Context(), hello(false))
		if wait := x.Attempts[1].Started.Sub(x.Attempts[0].Started); wait != 4321*ms {
			t.Errorf("waited %v, want 4.321s", wait)
		}
	})
}

func TestHowOften(t *testing.T) {
	quota := plain(429, "application/json", `{"error":{"message":"no money","code":"insufficient_quota"}}`)
	for sentence, tt := range map[string]struct {
		answers  []string
		attempts int
		kind     string
	}{
		"429, 429, 200":             {[]string{plain(429, "", ""), plain(429, "", ""), answered("a")}, 3, "ok"},
		"a quota that is exhausted": {[]string{quota}, 1, "api 429"},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: func(n int, conn net.Conn) bool { return keeping(tt.answers[n])(n, conn) }}
				x := newClient(t, s, client.Config{}).Send(t.Context(), hello(false))
				if _, err := x.Decode(); kind(err) != tt.kind || len(x.Attempts) != tt.attempts || len(s.got()) != tt.attempts {
					t.Errorf("%v after %d attempts (the server saw %d), want %s after %d", err, len(x.Attempts), len(s.got()), tt.kind, tt.attempts)
				}
			})
		})
	}
}
