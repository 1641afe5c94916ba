package mockserver_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

// listen serves a mock on a socket of its own, as people do in their tests.
func listen(t *testing.T, config string) (*mockserver.Server, *httptest.Server) {
	t.Helper()
	s := serve(t, config)
	srv := httptest.NewUnstartedServer(s)
	srv.Listener = s.Listen(srv.Listener)
	srv.Start()
	t.Cleanup(srv.Close)
	return s, srv
}

// begin starts a stage with faults in YAML.
func begin(t *testing.T, s *mockserver.Server, name, faults string) {
	t.Helper()
	cfg, err := parse("faults: " + faults)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginStage(name, cfg.Faults); err != nil {
		t.Fatal(err)
	}
}

// fresh asks once on a connection of its own.
func fresh(t *testing.T, srv *httptest.Server) error {
	t.Helper()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	r, err := call(t.Context(), &http.Client{Transport: tr}, srv.URL+chatPath, chat(1, `,"max_tokens":1`))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return err
}

func TestARefusedDialIsRefusedByTheKernel(t *testing.T) {
	s, srv := listen(t, "engine: {model: none}")
	kept := srv.Client()
	ask := func() error {
		r, err := call(t.Context(), kept, srv.URL+chatPath, chat(1, `,"max_tokens":1`))
		if err == nil {
			readAll(t, r)
		}
		return err
	}
	for round := range 3 { // shut and open again, and again
		if err := errors.Join(fresh(t, srv), ask()); err != nil {
			t.Fatalf("round %d, without a fault: %v", round, err)
		}
		begin(t, s, "down", "[{name: off, action: {connect: refuse}}]")
		if err := fresh(t, srv); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("round %d: got %v", round, err)
		}
		if err := ask(); err != nil {
			t.Errorf("round %d: a connection that was open is not: %v", round, err)
		}
		begin(t, s, "up", "[]")
	}
	if err := fresh(t, srv); err != nil {
		t.Errorf("after all: %v", err)
	}
	if got := s.State().ConnectFaults; got != 3 {
		t.Errorf("%d connect faults", got)
	}
	checkConnections(t, s, "0 down off connect refuse fault", 3)
}

// checkConnections compares the ledger's records without a request.
func checkConnections(t *testing.T, s *mockserver.Server, want string, n int) {
	t.Helper()
	for _, r := range s.Truth(0) {
		if r.Path != "" {
			continue
		}
		n--
		if got := fmt.Sprint(r.Seq, " ", r.Stage, " ", r.Fault, " ", r.Action, " ", r.Outcome); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if r.ArrivedNS == 0 || r.DoneNS < r.ArrivedNS {
			t.Errorf("from %d to %d", r.ArrivedNS, r.DoneNS)
		}
	}
	if n != 0 {
		t.Errorf("%d records of connections too few", n)
	}
}

func TestARefusalFromTheStartHoldsUntilTheStageEnds(t *testing.T) {
	s, srv := listen(t, "engine: {model: none}\nfaults: [{action: {connect: refuse}}]")
	if err := fresh(t, srv); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
	begin(t, s, "up", "[]")
	if err := fresh(t, srv); err != nil {
		t.Error(err)
	}
	checkConnections(t, s, "0  faults[0] connect refuse fault", 1)
}

func TestClosingWhileRefusingEndsTheServer(t *testing.T) {
	s, srv := listen(t, "faults: [{action: {connect: refuse}}]")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	checkConnections(t, s, "0  faults[0] connect refuse fault", 1)
	srv.Close() // hangs where Accept does not end
	if err := srv.Listener.Close(); err != nil {
		t.Errorf("closing it again: %v", err)
	}
}

func TestAConnectionIsResetBeforeAnyHeader(t *testing.T) {
	s, srv := listen(t, "engine: {model: none}\nfaults: [{when: {every: 2}, action: {connect: reset}}]")
	for i := 1; i <= 6; i++ {
		// The RST may come before the request is written, or after.
		err := fresh(t, srv)
		if reset := errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF); reset != (i%2 == 0) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	checkConnections(t, s, "0  faults[0] connect reset fault", 3)
	if got := s.State(); got.Attempts != 3 || got.ConnectFaults != 3 {
		t.Errorf("%+v", got)
	}
}

func TestAHungConnectionIsHeld(t *testing.T) {
	for _, c := range []struct {
		name, action string
		leave        time.Duration // 0: the client stays
		close        time.Duration // of the server; 0: never
		want         time.Duration
		outcome      string
	}{
		{"for its time", "{connect: accept_hang, for: 7s}", 0, 0, 7 * time.Second, "connect accept_hang 7s fault"},
		{"until the client leaves", "{connect: accept_hang}", 3 * time.Second, 0, 3 * time.Second, "connect accept_hang client_gone"},
		{"until the server closes", "{connect: accept_hang, for: 1h}", 0, 2 * time.Second, 2 * time.Second, "connect accept_hang 1h0m0s closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, "engine: {model: none}\nfaults: [{when: {first: 1}, action: "+c.action+"}]")
				client := pipe(t, s)
				client.Timeout = c.leave
				if c.close > 0 {
					time.AfterFunc(c.close, func() {
						if err := s.Close(); err != nil {
							t.Error(err)
						}
						checkConnections(t, s, "0  faults[0] "+c.outcome, 1) // complete by now
					})
				}
				start := time.Now()
				if r, err := call(t.Context(), client, "http://h"+chatPath, chat(1, "")); err == nil {
					t.Errorf("an answer: %d", r.StatusCode)
				}
				if got := time.Since(start); got != c.want {
					t.Errorf("it ended after %v, want %v", got, c.want)
				}
				synctest.Wait()
				checkConnections(t, s, "0  faults[0] "+c.outcome, 1)
				if r := s.Truth(0)[0]; time.Duration(r.DoneNS-r.ArrivedNS) != c.want {
					t.Errorf("the ledger says %v", time.Duration(r.DoneNS-r.ArrivedNS))
				}
				if c.close == 0 {
					if r, err := call(t.Context(), client, "http://h"+chatPath, chat(1, `,"max_tokens":1`)); err != nil || r.StatusCode != 200 {
						t.Errorf("the second connection: %v", err)
					}
				}
			})
		})
	}
}

// Where there is no socket, a refused connection ends as soon as it is accepted.
func TestWindowsOfRefusing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: none}\nfaults: [{when: {window: {start: 2s, for: 1s, repeat: 5s}}, action: {connect: refuse}}]")
		client := pipe(t, s)
		client.Transport.(*http.Transport).DisableKeepAlives = true
		var got strings.Builder
		time.Sleep(250 * ms) // away from the edges
		for range 26 {       // every half second
			r, err := call(t.Context(), client, "http://h"+chatPath, chat(1, `,"max_tokens":1`))
			if err != nil {
				got.WriteByte('x')
			} else {
				readAll(t, r)
				got.WriteByte('.')
			}
			time.Sleep(500 * ms)
		}
		if want := "....xx........xx........xx"; got.String() != want {
			t.Errorf("got  %s\nwant %s", got.String(), want)
		}
		time.Sleep(time.Second)
		var held []string
		for _, r := range s.Truth(0) {
			if r.Path == "" {
				held = append(held, time.Duration(r.DoneNS-r.ArrivedNS).String())
			}
		}
		if fmt.Sprint(held) != "[1s 1s 1s]" {
			t.Errorf("refusing for %v", held)
		}
	})
}

func TestSeveralWindowsOfRefusingInAStageThatBeginsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: none}")
		client := pipe(t, s)
		client.Transport.(*http.Transport).DisableKeepAlives = true
		time.Sleep(time.Minute)
		begin(t, s, "late", "[{name: one, when: {window: {start: 1s, for: 1s}}, action: {connect: refuse}}, "+
			"{name: two, when: {window: {start: 4s, for: 1s}}, action: {connect: refuse}}]")
		var got strings.Builder
		time.Sleep(500 * ms)
		for range 6 { // in the middle of every second
			if r, err := call(t.Context(), client, "http://h"+chatPath, chat(1, `,"max_tokens":1`)); err != nil {
				got.WriteByte('x')
			} else {
				readAll(t, r)
				got.WriteByte('.')
			}
			time.Sleep(time.Second)
		}
		if want := ".x..x."; got.String() != want {
			t.Errorf("got  %s\nwant %s", got.String(), want)
		}
	})
}

// Connections that come at the very edge of a window race with the gate. One
// that is refused is dropped in silence or never accepted; the server counts each
// time of refusing once, and nothing more.
func TestOnlyTheGateRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: none}\nfaults: [{when: {window: {start: 1s, for: 1s, repeat: 2s}}, action: {connect: refuse}}]")
		client := pipe(t, s)
		client.Transport.(*http.Transport).DisableKeepAlives = true
		const windows = 100
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range windows {
					time.Sleep(time.Second)
					if r, err := call(t.Context(), client, "http://h"+chatPath, chat(1, `,"max_tokens":1`)); err == nil {
						r.Body.Close()
					}
					time.Sleep(time.Second)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if got := s.State().ConnectFaults; got != windows {
			t.Errorf("%d times of refusing, want %d", got, windows)
		}
	})
}

func TestAConnectFaultWithoutAListenerIsNoSilence(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{action: {connect: reset}}]")
	w := post(s, chatPath, chat(1, ""))
	if w.Code != 500 || !strings.Contains(w.Body.String(), "Server.Listen") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTheListenersAddressStays(t *testing.T) {
	s, srv := listen(t, "engine: {model: none}")
	before := srv.Listener.Addr().String()
	begin(t, s, "down", "[{action: {connect: refuse}}]")
	if got := srv.Listener.Addr().String(); got != before {
		t.Errorf("%s, before %s", got, before)
	}
}

// A listener that its owner closed under the gate ends Accept, also while it refuses.
func TestAListenerThatFailsEndsAccept(t *testing.T) {
	for _, faults := range []string{"[]", "[{action: {connect: refuse}}]"} {
		s := serve(t, "faults: "+faults)
		p := &pipeNet{make(chan net.Conn), make(chan struct{})}
		l := s.Listen(p)
		p.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: got %v", faults, err)
		}
	}
}
