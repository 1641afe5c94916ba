package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// gatherEnd is the client's end of a pipe, and gathers: it reads ahead while its reader waits.
type gatherEnd struct {
	net.Conn
	awaited func([]byte) bool
	held    []heldRead
	at      time.Time
	waits   int
}

type heldRead struct {
	data []byte
	err  error
	at   time.Time
}

func (g *gatherEnd) Gather(awaited func([]byte) bool) { g.awaited = awaited }
func (g *gatherEnd) ReadAt() time.Time                { return g.at }

func (g *gatherEnd) Wait() {
	if len(g.held) > 0 {
		return
	}
	for begin := time.Now(); g.awaited != nil && len(g.held) < 8; {
		g.Conn.SetReadDeadline(begin.Add(2 * time.Second))
		p := make([]byte, 4<<10)
		n, err := g.Conn.Read(p)
		g.Conn.SetReadDeadline(time.Time{})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		g.held = append(g.held, heldRead{p[:n], err, time.Now()})
		if err != nil || g.awaited(p[:n]) {
			break
		}
	}
	g.waits++
}

func (g *gatherEnd) Read(p []byte) (int, error) {
	if len(g.held) == 0 {
		n, err := g.Conn.Read(p)
		g.at = time.Now()
		return n, err
	}
	first := &g.held[0]
	n, err := copy(p, first.data), first.err
	g.at = first.at
	if first.data = first.data[n:]; len(first.data) == 0 {
		g.held = g.held[1:]
	}
	return n, err
}

// A long answer that gathers is read in some waits, with the stamps and the text of one that does not, and its connection
// serves the next call.
func TestAnAnswerThatGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := []step{{0, streamHead}}
		for range 100 {
			steps = append(steps, step{10 * ms, httpChunk(says("word "))})
		}
		s := &server{answer: paced(append(steps, step{10 * ms, httpChunk(done) + lastChunk})...)}
		s.gathers = true
		c := newClient(t, s, measuring)
		for range 2 {
			x := c.Send(t.Context(), hello(true))
			r, err := x.Decode()
			if err != nil || r.Text != strings.Repeat("word ", 100) {
				t.Fatalf("got %q, %v", r.Text, err)
			}
			arrivals := x.Attempts[0].Arrivals
			for i, a := range arrivals {
				if want := time.Duration(i+1) * 10 * ms; a.At != want || a.Events != 1 {
					t.Errorf("arrival %d is %+v, want one event at %v", i, a, want)
				}
			}
			conn := s.gatherer
			if len(arrivals) != 100 || conn.waits == 0 || conn.waits > 50 || conn.awaited != nil {
				t.Errorf("%d arrivals, %d waits, gathering on: %v", len(arrivals), conn.waits, conn.awaited != nil)
			}
			conn.waits = 0
			synctest.Wait()
		}
		if s.dialed() != 1 {
			t.Errorf("%d connections for two calls in turn", s.dialed())
		}
	})
}

// Somebody who reads along gets each piece as it comes, and a time-out that a gathering connection could trip is kept by reading.
func TestWhoeverMustNotWaitDoesNotGather(t *testing.T) {
	answer := paced(step{0, streamHead}, step{10 * ms, httpChunk(says("a"))}, step{10 * ms, httpChunk(says("b"))}, step{10 * ms, httpChunk(done) + lastChunk})
	for name, use := range map[string]func(*testing.T, *client.Client){
		"a stream that is read along": func(t *testing.T, c *client.Client) {
			for range c.Stream(t.Context(), hello(true)).All() {
			}
		},
		"a short idle time-out": func(t *testing.T, c *client.Client) { c.Send(t.Context(), hello(true)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: answer, gathers: true}
				cfg := measuring
				cfg.IdleTimeout = time.Second
				use(t, newClient(t, s, cfg))
				if n := s.gatherer.waits; n > 0 {
					t.Errorf("%d waits", n)
				}
			})
		})
	}
}

// The reads of an encrypted connection bring records, not events: it is not even asked.
func TestAnEncryptedConnectionDoesNotGather(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			io.WriteString(w, says("a"))
			w.(http.Flusher).Flush()
		}
		io.WriteString(w, done)
	}))
	defer srv.Close()
	asked := make(chan struct{}, 100)
	cfg := measuring
	cfg.TLS = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &askedEnd{gatherEnd{Conn: conn}, asked}, err
	}
	c, err := client.New(t.Context(), srv.URL, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if r, err := c.Send(t.Context(), hello(true)).Decode(); err != nil || r.Text != "aaa" {
		t.Errorf("%v, %v", r, err)
	}
	if len(asked) > 0 {
		t.Error("it was asked to gather")
	}
}

// askedEnd tells when it is asked to gather.
type askedEnd struct {
	gatherEnd
	asked chan<- struct{}
}

func (a *askedEnd) Gather(func([]byte) bool) { a.asked <- struct{}{} }
