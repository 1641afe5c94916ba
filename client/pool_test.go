package client_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/llmload/llmload/client"
)

// counted is a real server that knows its connections.
type counted struct {
	*httptest.Server
	mu     sync.Mutex
	states map[net.Conn]http.ConnState // of those that are open
	opened int
	posts  int
	change chan struct{} // closed with each change, then another
}

func newCounted(t testing.TB, answer http.HandlerFunc) *counted {
	s := &counted{states: map[net.Conn]http.ConnState{}, change: make(chan struct{})}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.posts++
		s.mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, r)
	}))
	s.Config.ConnState = s.note
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *counted) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.opened++
		s.states[c] = state
	case http.StateClosed:
		delete(s.states, c)
	default:
		s.states[c] = state
	}
	close(s.change)
	s.change = make(chan struct{})
}

// until waits for something to become true of the connections.
func (s *counted) until(t testing.TB, what string, is func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		s.mu.Lock()
		ok, change := is(), s.change
		s.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-change:
		case <-late:
			t.Fatalf("still not: %s", what)
		}
	}
}

// hangUp closes the connections on which nothing is going on.
func (s *counted) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, state := range s.states {
		if state == http.StateIdle {
			c.Close()
		}
	}
}

func sayA(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`)
}

func (s *counted) client(t testing.TB, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(t.Context(), s.URL, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestTwoHundredCallsShareTenConnections(t *testing.T) {
	for name, cfg := range map[string]client.Config{
		"opened ahead":       {RateLimit: client.Off, MaxConcurrent: client.Off},
		"opened when needed": {RateLimit: client.Off, MaxConcurrent: client.Off, LazyInit: true},
	} {
		t.Run(name, func(t *testing.T) {
			full := make(chan struct{}) // closed when ten are being served at once
			var once sync.Once
			var mu sync.Mutex
			now, most := 0, 0
			s := newCounted(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				now++
				most = max(most, now)
				if now == 10 {
					once.Do(func() { close(full) })
				}
				mu.Unlock()
				<-full
				mu.Lock()
				now--
				mu.Unlock()
				sayA(w, r)
			})
			c := s.client(t, cfg)
			var all sync.WaitGroup
			for range 200 {
				all.Go(func() {
					if resp, err := c.Chat(context.Background(), hello(false)); err != nil || resp.Text != "a" {
						t.Errorf("%q, %v", resp.Text, err)
					}
				})
			}
			all.Wait()
			h := c.HealthCheck(t.Context())
			if h.Open != 10 || h.Available != 10 || h.InUse != 0 || h.Waiting != 0 || h.Dialling != 0 {
				t.Errorf("health after the calls: %+v", h)
			}
			c.Close()
			s.until(t, "no connection is left after Close", func() bool { return len(s.states) == 0 })
			if s.opened != 10 || most != 10 {
				t.Errorf("%d connections, at most %d in use at once; want 10 and 10", s.opened, most)
			}
		})
	}
}

// TestIdleConnectionsClosedUnderneath: the server hangs up at the moment when
// the next request goes out.
func TestIdleConnectionsClosedUnderneath(t *testing.T) {
	s := newCounted(t, sayA)
	c := s.client(t, client.Config{RateLimit: client.Off, LazyInit: true})
	attempts, failed := 0, 0
	for i := range 200 {
		x := c.Send(t.Context(), hello(false))
		if _, err := x.Decode(); err != nil {
			t.Errorf("try %d: %v", i, err)
		}
		for _, a := range x.Attempts {
			attempts++
			if a.Err != nil {
				failed++
			}
		}
		s.until(t, "idle", func() bool {
			for _, st := range s.states {
				if st == http.StateIdle {
					return true
				}
			}
			return false
		})
		for idle := time.Now(); time.Since(idle) < time.Millisecond; {
			// Not a wait for the server: the connection must have some age.
		}
		s.hangUp()
	}
	// A few may cross on the way; the others must be seen before they are used.
	if failed > 10 || attempts-failed != 200 || s.posts < 200 || s.posts > attempts {
		t.Errorf("%d attempts, %d of them on a dead connection; the server saw %d", attempts, failed, s.posts)
	}
}

// TestNoConnectionIsOpenedForNobody: without a pool each attempt has one, also
// where many dials end while many more are asked for.
func TestNoConnectionIsOpenedForNobody(t *testing.T) {
	s := &server{answer: keeping(answered("a"))}
	cfg := measuring
	cfg.PoolSize = client.Off
	c := newClient(t, s, cfg)
	const calls = 500
	sendAll(t, c, calls)
	if h := c.HealthCheck(canceled(t)); s.dialed() != calls || h.Open != 0 {
		t.Errorf("%d connections for %d calls, %d are left", s.dialed(), calls, h.Open)
	}
}
