package mockserver_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
)

// parse reads a config as a user writes it.
func parse(src string) (mockserver.Config, error) {
	n, err := strictyaml.Parse("mock.yaml", []byte(src), nil)
	if err != nil {
		return mockserver.Config{}, err
	}
	return mockserver.ParseConfig(n)
}

// serve makes a server from YAML that is closed with the test.
func serve(t testing.TB, src string) *mockserver.Server {
	t.Helper()
	cfg, err := parse(src)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mockserver.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

const chatPath, completionsPath = "/v1/chat/completions", "/v1/completions"

// chat is the body of a chat request of n prompt tokens with more fields behind.
func chat(n int, more string) string {
	prompt := strings.TrimSpace(strings.Repeat("word ", n))
	return fmt.Sprintf(`{"model":"demo-8b","messages":[{"role":"user","content":%q}]%s}`, prompt, more)
}

// post calls a handler without a network.
func post(h http.Handler, path, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// events are the payloads of a stream.
func events(body []byte) []string {
	var out []string
	for sc := bufio.NewScanner(bytes.NewReader(body)); sc.Scan(); {
		if data, ok := strings.CutPrefix(sc.Text(), "data: "); ok {
			out = append(out, data)
		}
	}
	return out
}

// A pipeNet is a network inside a synctest bubble, where real sockets hang.
type pipeNet struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipeNet) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipeNet) Close() error   { close(p.done); return nil }
func (p *pipeNet) Addr() net.Addr { return &net.TCPAddr{} }

// pipe serves h inside a bubble, on a listener of its own where it has one, and returns a client of it.
func pipe(t *testing.T, h http.Handler) *http.Client {
	p := &pipeNet{make(chan net.Conn), make(chan struct{})}
	srv := &http.Server{Handler: h}
	var l net.Listener = p
	if s, ok := h.(*mockserver.Server); ok {
		l = s.Listen(p)
	}
	go srv.Serve(l)
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, s := net.Pipe()
		select {
		case p.conns <- s:
			return c, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		srv.Close()
	})
	return &http.Client{Transport: tr}
}

// call posts over a client and returns the answer with its body unread.
func call(ctx context.Context, c *http.Client, url, body string, header ...string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return c.Do(r)
}

func readAll(t *testing.T, r *http.Response) []byte {
	t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
