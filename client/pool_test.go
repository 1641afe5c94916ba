package client_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
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

// TestTwoHundredCallsShareTenConnections is in virtual time: net/http gives a
// connection up whose request has not been written 50 ms after its answer came,
// which happens where the machine is busy.
func TestTwoHundredCallsShareTenConnections(t *testing.T) {
	for name, lazy := range map[string]bool{"opened ahead": false, "opened when needed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const calls, each = 200, time.Second
				answer := keeping(answered("a"))
				s := &server{answer: func(n int, conn net.Conn) bool {
					time.Sleep(each)
					return answer(n, conn)
				}}
				c := newClient(t, s, client.Config{RateLimit: client.Off, MaxConcurrent: client.Off, Timeout: client.Off, LazyInit: lazy})
				begun := time.Now()
				sendAll(t, c, calls)
				if took := time.Since(begun); took != calls/10*each {
					t.Errorf("%d calls took %s; ten at once take %s", calls, took, calls/10*each)
				}
				checkConns(t, c, s, 10, 0)
				c.Close()
				checkConns(t, c, s, 0, 0)
				if s.dialed() != 10 {
					t.Errorf("%d connections, want 10", s.dialed())
				}
			})
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
