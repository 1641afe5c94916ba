package mockserver_test

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"regexp"
	"sync/atomic"
	"testing"

	"github.com/llmload/llmload/mockserver"
)

// direct serves a mock as `llmload mock` does: with its kernel timers, writing to
// the connections itself.
func direct(t *testing.T, config string, on bool) (srv *httptest.Server, s *mockserver.Server, dials *atomic.Int32) {
	t.Helper()
	cfg, err := parse(config)
	if err != nil {
		t.Fatal(err)
	}
	cfg.KernelTimers = on
	if s, err = mockserver.New(cfg); err != nil {
		t.Fatal(err)
	}
	srv = httptest.NewUnstartedServer(s)
	dials = new(atomic.Int32)
	if on {
		srv.Config = s.HTTPServer()
	}
	srv.Listener = counting{srv.Listener, dials}
	srv.Start()
	t.Cleanup(srv.Close)
	t.Cleanup(func() { s.Close() })
	return srv, s, dials
}

type counting struct {
	net.Listener
	n *atomic.Int32
}

func (l counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

var created = regexp.MustCompile(`"created":\d+`)

func TestStreamsPastNetHTTPAreTheSame(t *testing.T) {
	const config = "engine: {ttft: 3ms, itl: 500us}"
	body := chat(5, `,"max_tokens":40,"stream":true,"stream_options":{"include_usage":true}`)
	read := func(past bool) (answers string, s *mockserver.Server, dials int32) {
		srv, s, n := direct(t, config, past)
		for range 3 {
			r, err := call(t.Context(), srv.Client(), srv.URL+chatPath, body)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(r.Body)
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			answers += string(text)
		}
		return created.ReplaceAllString(answers, ""), s, n.Load()
	}
	if srv := serve(t, "").HTTPServer(); srv.ConnContext == nil || srv.ReadHeaderTimeout == 0 {
		t.Fatalf("no streams past net/http: %+v", srv)
	}
	want, _, _ := read(false)
	got, s, dials := read(true)
	if got != want || len(want) < 3*40*100 {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if dials != 1 {
		t.Errorf("%d connections for three answers: one was spoiled", dials)
	}
	for _, rec := range s.Truth(0) {
		for i, due := range rec.PlannedNS {
			if rec.WrittenNS[i] < due {
				t.Errorf("token %d was written %d ns before it was due", i, due-rec.WrittenNS[i])
			}
		}
	}
}

func TestAFaultCutsAStreamPastNetHTTP(t *testing.T) {
	srv, _, _ := direct(t, "engine: {ttft: 1ms, itl: 100us}\nfaults: [{action: {do: clean_eof, at_token: 7}}]", true)
	r, err := call(t.Context(), srv.Client(), srv.URL+chatPath, chat(5, `,"max_tokens":40,"stream":true`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if got := len(events(text)); err != nil || got != 7 {
		t.Errorf("%d events, %v", got, err)
	}
}

// net/http takes a client that has sent all it wants, and says so, for one that left.
func TestAClientThatClosesItsSideGetsNoEmptySuccess(t *testing.T) {
	for _, more := range []string{"", `,"stream":true`} {
		srv, s, _ := direct(t, "engine: {ttft: 1h}", true)
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		body := chat(3, more)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", chatPath, len(body), body)
		conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn) // a reset is as good as an end
		if _, err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if recs := s.Truth(0); len(answer) != 0 || len(recs) != 1 || recs[0].Outcome != "client_gone" {
			t.Errorf("it got %q; the ledger has %+v", answer, recs)
		}
	}
}
