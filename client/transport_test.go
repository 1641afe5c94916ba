package client_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/llmload/llmload/client"
)

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(sayA)}
	go srv.Serve(l)
	defer srv.Close()
	c, err := client.New(t.Context(), "http://whatever.invalid", client.Config{
		UnixSocket: path, MaxRetries: client.Off,
		Proxy: func(*http.Request) (*url.URL, error) { t.Error("a proxy was asked for"); return nil, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if resp, err := c.Chat(t.Context(), hello(false)); err != nil || resp.Text != "a" {
		t.Errorf("%q, %v", resp.Text, err)
	}
}

func TestAUnixSocketThatIsNotThere(t *testing.T) {
	cfg := unlimited
	cfg.UnixSocket, cfg.LazyInit = filepath.Join(t.TempDir(), "s"), true
	c, err := client.New(t.Context(), "http://whatever.invalid", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Chat(t.Context(), hello(false)); kind(err) != "connection refused" {
		t.Errorf("got %v", err)
	}
}

func TestProxy(t *testing.T) {
	var asked []string
	var mu sync.Mutex
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
		mu.Unlock()
		sayA(w, r)
	}))
	defer proxy.Close()
	cfg := unlimited
	cfg.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Host != "far.invalid" {
			t.Errorf("asked for a proxy to %q", r.URL.Host)
		}
		u, err := url.Parse(proxy.URL)
		u.User = url.UserPassword("me", "pw")
		return u, err
	}
	c, err := client.New(t.Context(), "http://far.invalid/v1", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if resp, err := c.Chat(t.Context(), hello(false)); err != nil || resp.Text != "a" {
		t.Errorf("%q, %v", resp.Text, err)
	}
	if len(asked) != 1 || asked[0] != "POST http://far.invalid/v1/chat/completions Basic bWU6cHc=" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

// TestAProxyErrorShowsNoPassword: an address in the environment may be wrong.
func TestAProxyErrorShowsNoPassword(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		cfg := unlimited
		cfg.HTTP2 = http2
		cfg.Proxy = func(*http.Request) (*url.URL, error) {
			return nil, errors.New(`invalid proxy address "http://me:s3cret/x@h:x"`)
		}
		c, err := client.New(t.Context(), "http://far.invalid/v1", cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Chat(t.Context(), hello(false))
		shown := fmt.Sprintf("%v %+v", err, c.HealthCheck(t.Context()))
		if kind(err) != "connection other" || strings.Contains(shown, "s3cret") || !strings.Contains(shown, "http://[redacted]@h:x") {
			t.Errorf("got %s", shown)
		}
	}
}

// TestProxyTunnel: an https endpoint is reached through CONNECT.
func TestProxyTunnel(t *testing.T) {
	far := httptest.NewTLSServer(http.HandlerFunc(sayA))
	defer far.Close()
	tunnels := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tunnels <- r.Method + " " + r.Host
		tunnel(t, w, far.Listener.Addr().String())
	}))
	defer proxy.Close()
	cfg := unlimited
	cfg.LazyInit = true
	cfg.TLS = far.Client().Transport.(*http.Transport).TLSClientConfig
	cfg.Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	c, err := client.New(t.Context(), "https://example.com", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if resp, err := c.Chat(t.Context(), hello(false)); err != nil || resp.Text != "a" {
		t.Fatalf("%q, %v", resp.Text, err)
	}
	if got := <-tunnels; got != "CONNECT example.com:443" {
		t.Errorf("the proxy was asked for %q", got)
	}
}

// tunnel joins a proxy's client with where it wants to go.
func tunnel(t *testing.T, w http.ResponseWriter, to string) {
	there, err := net.Dial("tcp", to)
	if err != nil {
		t.Error(err)
		return
	}
	here, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		io.Copy(there, buffered)
		there.Close()
	}()
	go func() {
		io.Copy(here, there)
		here.Close()
	}()
}

// TestHTTP2: twenty requests at once share what is one connection, and nothing
// of it is left after Close, not even below an open stream.
func TestHTTP2(t *testing.T) {
	var all sync.WaitGroup
	together := make(chan struct{}) // closed when all are being served
	var mu sync.Mutex
	now := 0
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("spoken to in %s", r.Proto)
		}
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, `{"data":[]}`)
			return
		}
		if bytes.Contains(body, []byte(`"stream":true`)) {
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, says("a"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return
		}
		mu.Lock()
		if now++; now == 20 {
			close(together)
		}
		mu.Unlock()
		<-together
		sayA(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	var sockets countedSockets
	c, err := client.New(t.Context(), srv.URL, client.Config{
		RateLimit: client.Off, MaxConcurrent: client.Off, HTTP2: true, Dial: sockets.dial,
		TLS: &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		all.Go(func() {
			if resp, err := c.Chat(t.Context(), hello(false)); err != nil || resp.Text != "a" {
				t.Errorf("%q, %v", resp.Text, err)
			}
		})
	}
	all.Wait()
	st := c.Stream(t.Context(), hello(true))
	if !st.Next() {
		t.Fatal(st.Err())
	}
	if h := c.HealthCheck(canceled(t)); h.Open > sockets.now() || h.Open+h.Dialling < sockets.now() || h.Open == 0 || h.Open > 10 || h.InUse > 1 {
		t.Errorf("health tells of %+v, there are %d", h, sockets.now())
	}
	if h := c.HealthCheck(t.Context()); !h.Healthy || h.PoolSize != 10 {
		t.Errorf("health: %+v", h)
	}
	c.Close()
	if n := sockets.now(); n != 0 {
		t.Errorf("%d connections are left after Close", n)
	}
}

// countedSockets counts what it dials until it is closed.
type countedSockets struct {
	mu   sync.Mutex
	open int
}

type countedSocket struct {
	net.Conn
	once sync.Once
	of   *countedSockets
}

func (s *countedSockets) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s.add(1)
	return &countedSocket{Conn: conn, of: s}, nil
}

func (s *countedSockets) add(n int) {
	s.mu.Lock()
	s.open += n
	s.mu.Unlock()
}

func (s *countedSockets) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (c *countedSocket) Close() error {
	c.once.Do(func() { c.of.add(-1) })
	return c.Conn.Close()
}

// TestTLSIsTheCallers: what it lists does not decide the protocol, and it stays
// as it is, though many clients share it.
func TestTLSIsTheCallers(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if (r.ProtoMajor == 2) != http2 {
				t.Errorf("HTTP2 %v: spoken to in %s", http2, r.Proto)
			}
			sayA(w, r)
		}))
		srv.EnableHTTP2 = true
		srv.StartTLS()
		defer srv.Close()
		shared := &tls.Config{
			RootCAs:    srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs,
			NextProtos: append(make([]string, 0, 4), "h2"),
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				cfg := unlimited
				cfg.TLS, cfg.HTTP2 = shared, http2
				c, err := client.New(t.Context(), srv.URL, cfg)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				if resp, err := c.Chat(t.Context(), hello(false)); err != nil || resp.Text != "a" {
					t.Errorf("HTTP2 %v: %q, %v", http2, resp.Text, err)
				}
			})
		}
		all.Wait()
		if len(shared.NextProtos) != 1 || shared.NextProtos[:2][1] != "" {
			t.Errorf("HTTP2 %v: the caller's NextProtos is %q now", http2, shared.NextProtos[:2])
		}
	}
}
