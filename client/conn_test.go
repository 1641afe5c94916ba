package client_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// unlimited is the configuration of an ordinary program, but for the rate.
var unlimited = client.Config{RateLimit: client.Off, MaxRetries: client.Off}

// checkConns compares what health tells with what the server sees.
func checkConns(t *testing.T, c *client.Client, s *server, open, inUse int) {
	t.Helper()
	synctest.Wait()
	h := c.HealthCheck(canceled(t)) // which opens nothing
	if h.Open != open || h.InUse != inUse || h.Available != open-inUse || s.opened() != open {
		t.Errorf("health tells of %d open, %d in use, %d available; the server of %d open; want %d and %d", h.Open, h.InUse, h.Available, s.opened(), open, inUse)
	}
}

func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestConnectionsAreOpenedAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		c := newClient(t, s, unlimited)
		checkConns(t, c, s, 10, 0)
		if len(s.got()) != 0 {
			t.Error("something was sent")
		}
		x := c.Send(t.Context(), hello(false))
		if a := x.Attempts[0]; a.Reused || a.Connected.IsZero() || a.Connected != a.Started {
			t.Errorf("on a connection opened ahead: reused %v, connected at %v", a.Reused, a.Connected)
		}
		checkConns(t, c, s, 10, 0)
	})
}

// TestIdleConnectionsExpire: one that has served is closed before a server with
// an idle time-out of 5 s would do it; those that have not stay for longer.
func TestIdleConnectionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		c := newClient(t, s, unlimited)
		synctest.Wait()
		time.Sleep(10 * time.Second)
		sendAll(t, c, 1)
		begun := time.Now()
		for _, step := range []struct {
			at   time.Duration
			open int
		}{
			{3999 * ms, 10},
			{4001 * ms, 9},
			{34999 * ms, 9}, // 45 s after they were opened
			{35001 * ms, 0},
		} {
			time.Sleep(step.at - time.Since(begun))
			checkConns(t, c, s, step.open, 0)
		}
		if err := c.Warm(t.Context()); err != nil {
			t.Error(err)
		}
		checkConns(t, c, s, 10, 0)
		if s.dialed() != 20 {
			t.Errorf("%d dials, want 20", s.dialed())
		}
	})
}

func TestABusyConnectionDoesNotExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: paced(step{3 * time.Second, answered("a")})}
		cfg := unlimited
		cfg.LazyInit = true
		c := newClient(t, s, cfg)
		for range 5 {
			sendAll(t, c, 1)
			time.Sleep(3 * time.Second)
		}
		if s.dialed() != 1 {
			t.Errorf("%d connections, want 1", s.dialed())
		}
	})
}

func TestFailedDialsAreNotFatal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		broken := true
		var mu sync.Mutex
		cfg := unlimited
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if broken {
				return nil, &net.OpError{Op: "dial", Err: errors.New("the cable is out")}
			}
			return s.dial(ctx, network, addr)
		}
		c, err := client.New(t.Context(), "http://test.invalid", cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		synctest.Wait()
		if h := c.HealthCheck(t.Context()); h.Healthy || kind(h.Err) != "connection other" || h.DialErr == nil || h.Open != 0 || h.PoolSize != 10 {
			t.Errorf("health: %+v", h)
		}
		if err := c.Warm(t.Context()); kind(err) != "connection other" {
			t.Errorf("Warm: %v", err)
		}
		mu.Lock()
		broken = false
		mu.Unlock()
		if _, err := c.Chat(t.Context(), hello(false)); err != nil {
			t.Errorf("when the cable is in again: %v", err)
		}
		if err := c.Warm(t.Context()); err != nil {
			t.Errorf("Warm: %v", err)
		}
		if h := c.HealthCheck(t.Context()); h.DialErr != nil || h.Open != 10 {
			t.Errorf("health: %+v", h)
		}
	})
}

// hanging is a dialler that never gets through.
func hanging(ctx context.Context, _, _ string) (net.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestWarmTellsOfEachDial: one that failed is not forgotten for another that
// went well later, and the pool must be full in the end.
func TestWarmTellsOfEachDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		var n atomic.Int32
		cfg := unlimited
		cfg.PoolSize, cfg.LazyInit = 3, true
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			i := n.Add(1)
			if i == 1 {
				return nil, &net.OpError{Op: "dial", Err: errors.New("the cable is out")}
			}
			time.Sleep(time.Duration(i) * time.Second)
			near, err := s.dial(ctx, network, addr)
			if i == 4 { // the server thinks better of it
				time.AfterFunc(time.Second, func() { near.Close() })
			}
			return near, err
		}
		c, err := client.New(t.Context(), "http://test.invalid", cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		begun := time.Now()
		if err := c.Warm(t.Context()); kind(err) != "connection other" || !strings.Contains(err.Error(), "cable") || time.Since(begun) != 3*time.Second {
			t.Errorf("%v after %v, want that the cable is out, after all dials", err, time.Since(begun))
		}
		if h := c.HealthCheck(canceled(t)); h.Open != 2 {
			t.Errorf("%+v, want 2 connections", h)
		}
		if err := c.Warm(t.Context()); err != nil {
			t.Errorf("when the last is opened: %v", err)
		}
		time.Sleep(2 * time.Second) // the one that the server closes
		if err := c.Warm(t.Context()); err != nil {
			t.Errorf("when it is opened again: %v", err)
		}
	})
}

func TestWarmTellsOfConnectionsThatDoNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		cfg := unlimited
		cfg.PoolSize, cfg.LazyInit = 2, true
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if n.Add(1) != 2 {
				time.Sleep(2 * time.Second)
			}
			near, far := net.Pipe()
			time.AfterFunc(time.Second, func() { far.Close() })
			return near, nil
		}
		c, err := client.New(t.Context(), "http://test.invalid", cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Warm(t.Context()); kind(err) != "connection other" || !strings.Contains(err.Error(), "do not stay open") || n.Load() != 4 {
			t.Errorf("%v after %d dials, want that they do not stay after 4", err, n.Load())
		}
	})
}

func TestHangingDials(t *testing.T) {
	for sentence, tt := range map[string]struct {
		cfg  client.Config
		kind string
		at   time.Duration
	}{
		"are given up after 30 s, which is tried again": {
			client.Config{Timeout: client.Off, MaxRetries: 1, RateLimit: client.Off, PoolSize: 1}, "timeout connect", 61 * time.Second,
		},
		"and so they are by net/http's own pool": {
			client.Config{Timeout: client.Off, MaxRetries: 1, RateLimit: client.Off, PoolSize: 1, HTTP2: true}, "timeout connect", 61 * time.Second,
		},
		"the attempt's time-out comes first": {
			client.Config{Timeout: 5 * time.Second, MaxRetries: client.Off, RateLimit: client.Off}, "timeout connect", 5 * time.Second,
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.cfg.Dial, tt.cfg.LazyInit = hanging, true
				c, err := client.New(t.Context(), "http://test.invalid", tt.cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				begun := time.Now()
				_, err = c.Chat(t.Context(), hello(false))
				if kind(err) != tt.kind || time.Since(begun) != tt.at {
					t.Errorf("%v after %v, want %s after %v", err, time.Since(begun), tt.kind, tt.at)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := c.Warm(ctx); kind(err) != "timeout connect" && !tt.cfg.HTTP2 {
					t.Errorf("Warm: %v", err)
				}
			})
		})
	}
}

// TestWaitingForAConnection: first come, first served; one who leaves the line
// leaves no gap.
func TestWaitingForAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: paced(step{time.Second, answered("a")})}
		cfg := unlimited
		cfg.PoolSize = 1
		c := newClient(t, s, cfg)
		synctest.Wait()
		var all sync.WaitGroup
		call := func(ctx context.Context, id string) {
			r := hello(false)
			r.ID = id
			all.Go(func() {
				if _, err := c.Chat(ctx, r); !errors.Is(err, ctx.Err()) {
					t.Errorf("%s: %v", id, err)
				}
			})
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		call(t.Context(), "1")
		call(t.Context(), "2")
		call(ctx, "leaves")
		call(t.Context(), "3")
		if h := c.HealthCheck(canceled(t)); h.Waiting != 3 || h.InUse != 1 || h.Open != 1 {
			t.Errorf("health: %+v", h)
		}
		cancel()
		call(t.Context(), "4")
		all.Wait()
		var order []string
		for _, r := range s.got() {
			order = append(order, r.header.Get("X-Request-Id"))
		}
		if !slices.Equal(order, []string{"1", "2", "3", "4"}) || s.dialed() != 1 {
			t.Errorf("served %v on %d connections", order, s.dialed())
		}
	})
}

// TestAConnectionForOneWhoJustLeft: it must go to the next, whoever is quicker.
func TestAConnectionForOneWhoJustLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: paced(step{time.Second, answered("a")})}
		cfg := unlimited
		cfg.PoolSize, cfg.MaxConcurrent = 1, client.Off
		c := newClient(t, s, cfg)
		for range 20 {
			var all sync.WaitGroup
			all.Go(func() { c.Send(t.Context(), hello(false)) })
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			for range 100 { // they give up in the moment when the connection comes free
				all.Go(func() { c.Send(ctx, hello(false)) })
			}
			all.Wait()
			cancel()
			synctest.Wait()
			checkConns(t, c, s, s.opened(), 0)
		}
	})
}

// TestAConnectionThatHasServedComesFirst, even if others came later: it is warm.
func TestAConnectionThatHasServedComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		cfg := unlimited
		var dials atomic.Int64
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if dials.Add(1) > 1 {
				time.Sleep(time.Second)
			}
			return s.dial(ctx, network, addr)
		}
		c, err := client.New(t.Context(), "http://test.invalid", cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.Send(t.Context(), hello(false))
		time.Sleep(2 * time.Second)
		if x := c.Send(t.Context(), hello(false)); !x.Attempts[0].Reused {
			t.Error("the second call took a new connection")
		}
	})
}

func TestATimeoutInTheLineIsOneOfTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: silent(streamHead, httpChunk(says("a")))}
		cfg := unlimited
		cfg.PoolSize, cfg.Timeout = 1, 5*time.Second
		c := newClient(t, s, cfg)
		st := c.Stream(t.Context(), hello(true))
		defer st.Close()
		if !st.Next() {
			t.Fatal(st.Err())
		}
		if _, err := c.Chat(t.Context(), hello(false)); kind(err) != "timeout queue" {
			t.Errorf("got %v", err)
		}
		checkConns(t, c, s, 1, 1)
	})
}

// TestADialOutlivesTheCallThatAskedForIt: the next one takes its connection.
func TestADialOutlivesTheCallThatAskedForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: keeping(answered("a"))}
		cfg := unlimited
		cfg.LazyInit = true
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			time.Sleep(3 * time.Second)
			return s.dial(ctx, network, addr)
		}
		c, err := client.New(t.Context(), "http://test.invalid", cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if _, err := c.Chat(ctx, hello(false)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the first: %v", err)
		}
		if _, err := c.Chat(t.Context(), hello(false)); err != nil || time.Since(begun) != 3*time.Second || s.dialed() != 1 {
			t.Errorf("the second: %v after %v, with %d dials", err, time.Since(begun), s.dialed())
		}
	})
}

// TestAnAnswerNotReadToItsEndCostsItsConnection, and no more than that.
func TestAnAnswerNotReadToItsEndCostsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: silent(streamHead, httpChunk(says("a")))}
		c := newClient(t, s, unlimited)
		for range 3 {
			st := c.Stream(t.Context(), hello(true))
			if !st.Next() {
				t.Fatal(st.Err())
			}
			synctest.Wait()
			checkConns(t, c, s, s.opened(), 1)
			st.Close()
		}
		checkConns(t, c, s, 7, 0)
	})
}

func TestCloseLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a goroutine that is left fails the bubble
		s := &server{answer: inTurn(keeping(answered("a")), silent(streamHead, httpChunk(says("a"))))}
		cfg := unlimited
		cfg.PoolSize, cfg.MaxConcurrent = 3, client.Off
		c := newClient(t, s, cfg)
		sendAll(t, c, 1)
		st := c.Stream(t.Context(), hello(true))
		if !st.Next() {
			t.Fatal(st.Err())
		}
		var all sync.WaitGroup
		for range 5 { // two are served, three in line
			all.Go(func() {
				if _, err := c.Chat(t.Context(), hello(true)); !errors.Is(err, client.ErrClosed) {
					t.Errorf("got %v, want ErrClosed", err)
				}
			})
		}
		synctest.Wait()
		checkConns(t, c, s, 3, 3)
		var closers sync.WaitGroup
		for range 3 {
			closers.Go(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		closers.Wait()
		all.Wait()
		synctest.Wait()
		if s.opened() != 0 {
			t.Errorf("%d connections are left, one of them below an open stream", s.opened())
		}
		if st.Next() || !errors.Is(st.Err(), client.ErrClosed) {
			t.Errorf("the stream: %v", st.Err())
		}
		if err := c.Warm(t.Context()); !errors.Is(err, client.ErrClosed) {
			t.Errorf("Warm after Close: %v", err)
		}
		if h := c.HealthCheck(t.Context()); h.Healthy || !errors.Is(h.Err, client.ErrClosed) || h.Open != 0 {
			t.Errorf("health after Close: %+v", h)
		}
	})
}

func TestCloseEndsDialsOfHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := unlimited
		cfg.HTTP2 = true
		ended := false
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			_, err := hanging(ctx, network, addr)
			ended = true
			return nil, err
		}
		c, err := client.New(t.Context(), "http://test.invalid", cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { c.Chat(ctx, hello(false)) })
		synctest.Wait()
		leave()
		all.Wait()
		if h := c.HealthCheck(canceled(t)); h.Dialling != 1 {
			t.Errorf("health: %+v", h)
		}
		begun := time.Now()
		c.Close()
		if took := time.Since(begun); took != 0 || !ended {
			t.Errorf("Close took %v, and the dial has ended: %v", took, ended)
		}
	})
}

func TestCloseEndsDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := unlimited
		cfg.Dial = hanging
		c, err := client.New(t.Context(), "http://test.invalid", cfg)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if h := c.HealthCheck(canceled(t)); h.Dialling != 10 || h.Open != 0 {
			t.Errorf("health: %+v", h)
		}
		begun := time.Now()
		c.Close()
		if took := time.Since(begun); took != 0 {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestShutdown(t *testing.T) {
	for sentence, tt := range map[string]struct {
		patience time.Duration
		left     error // what Shutdown returns
		call     error // what the call and the stream end with
	}{
		"lets calls and streams end":                 {10 * time.Second, nil, nil},
		"cuts them off when its own context is over": {2 * time.Second, context.DeadlineExceeded, client.ErrClosed},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: paced(step{0, streamHead}, step{4 * time.Second, httpChunk(says("a")+done) + lastChunk})}
				c := newClient(t, s, unlimited)
				var all sync.WaitGroup
				all.Go(func() {
					if _, err := c.Chat(t.Context(), hello(true)); !errors.Is(err, tt.call) {
						t.Errorf("the call: %v", err)
					}
				})
				all.Go(func() {
					st := c.Stream(t.Context(), hello(true))
					for st.Next() {
					}
					if !errors.Is(st.Err(), tt.call) {
						t.Errorf("the stream: %v", st.Err())
					}
				})
				synctest.Wait()
				all.Go(func() { // while it waits, others are turned away
					time.Sleep(time.Second)
					if _, err := c.Chat(t.Context(), hello(false)); !errors.Is(err, client.ErrClosed) {
						t.Errorf("a call during Shutdown: %v", err)
					}
				})
				begun := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
				defer cancel()
				err := c.Shutdown(ctx)
				if took := time.Since(begun); !errors.Is(err, tt.left) || took != min(tt.patience, 4*time.Second) {
					t.Errorf("Shutdown: %v after %v", err, took)
				}
				all.Wait()
				synctest.Wait()
				if s.opened() != 0 {
					t.Errorf("%d connections are left", s.opened())
				}
			})
		})
	}
}
