package client_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

func TestEndpoint(t *testing.T) {
	tests := []struct{ given, target string }{
		{"http://h:1", "/v1/chat/completions"},
		{"http://h:1/", "/v1/chat/completions"},
		{"http://h:1/v1", "/v1/chat/completions"},
		{"http://h:1/v1/", "/v1/chat/completions"},
		{" http://h:1/v1\n", "/v1/chat/completions"},
		{"http://h:1/openai", "/openai/v1/chat/completions"},
		{"http://h:1/api/v3", "/api/v3/chat/completions"},
		{"http://h:1/v1beta/openai", "/v1beta/openai/chat/completions"},
		{"http://h:1/v1/chat/completions", "/v1/chat/completions"},
		{"http://h:1/v1?api-version=2", "/v1/chat/completions?api-version=2"},
	}
	for _, tt := range tests {
		s := &server{answer: bytesOf(answered("a"))}
		cfg := measuring
		cfg.Dial = s.dial
		c, err := client.New(t.Context(), tt.given, cfg)
		if err != nil {
			t.Errorf("%q: %v", tt.given, err)
			continue
		}
		c.Send(t.Context(), hello(false))
		if got := s.got(); len(got) != 1 || got[0].target != tt.target {
			t.Errorf("%q: asked for %+v, want %s", tt.given, got, tt.target)
		}
		c.Close()
	}
}

func TestBadEndpoint(t *testing.T) {
	tests := []struct{ given, says string }{
		{"", "is empty: write it as http://"},
		{"localhost:8000", "does not begin with http:// or https://"},
		{"ftp://h", "does not begin with http:// or https://"},
		{"http://", "names no host"},
		{"http://:80/v1", "names no host"},
		{"http://h:x/", "is not a URL"},
		{"https://me:s3cret@h/v1", "Config.APIKey"},
		{"https://me:s3cret@h:x/v1", "is not a URL"},
		{"https://me:s3cret/x@h/v1", "is not a URL"},
		{"https://s3cret@h/v1", "Config.APIKey"},
		{"https://me@h/v1?api_key=s3cret", "endpoint https://[redacted]@h/v1 holds"},
		{"h/v1?api_key=s3cret", `endpoint "h/v1" does not begin with http://`},
		{"h/v1#s3cret", "does not begin with http://"},
		{"me:s3cret@h/v1", `endpoint "[redacted]@h/v1" does not begin with http://`},
		{"http:///v1?api_key=s3cret", "names no host"},
	}
	for _, tt := range tests {
		c, err := client.New(t.Context(), tt.given, client.Config{})
		if c != nil || err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%q: %v, want an error that says %q", tt.given, err, tt.says)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

var (
	temperature, seed = 0.0, int64(7)
	msgs              = []client.Message{{Role: "user", Content: "<a> & \"b\""}}
)

var bodies = []struct {
	sentence string
	request  client.Request
	target   string
	body     string
}{
	{
		"what is unset is left out",
		client.Request{Messages: msgs},
		"/v1/chat/completions",
		`{"model":"default","messages":[{"role":"user","content":"<a> & \"b\""}]}`,
	},
	{
		"what is set is sent, zero temperature too",
		client.Request{Model: "m", Messages: msgs, MaxTokens: 5, MinTokens: 4, IgnoreEOS: true, Temperature: &temperature, Seed: &seed, Stop: []string{"x"}},
		"/v1/chat/completions",
		`{"model":"m","messages":[{"role":"user","content":"<a> & \"b\""}],"max_tokens":5,"min_tokens":4,"ignore_eos":true,"temperature":0,"seed":7,"stop":["x"]}`,
	},
	{
		"a stream asks for its usage",
		client.Request{Model: "m", Messages: msgs, Stream: true},
		"/v1/chat/completions",
		`{"model":"m","messages":[{"role":"user","content":"<a> & \"b\""}],"stream":true,"stream_options":{"include_usage":true}}`,
	},
	{
		"one prompt is a string",
		client.Request{API: client.Completions, Model: "m", Prompts: []string{"a"}},
		"/v1/completions",
		`{"model":"m","prompt":"a"}`,
	},
	{
		"several are a list",
		client.Request{API: client.Embeddings, Model: "m", Prompts: []string{"a", "b"}},
		"/v1/embeddings",
		`{"model":"m","input":["a","b"]}`,
	},
	{
		"extra fields win, the request's over the configuration's",
		client.Request{Model: "m", Messages: msgs, MaxTokens: 5, Extra: map[string]any{"max_tokens": nil, "top_k": 2, "n": 3}},
		"/v1/chat/completions",
		`{"model":"m","messages":[{"role":"user","content":"<a> & \"b\""}],"max_tokens":null,"top_k":2,"n":3}`,
	},
}

func TestBody(t *testing.T) {
	for _, tt := range bodies {
		t.Run(tt.sentence, func(t *testing.T) {
			s := &server{answer: bytesOf(answered("a"))}
			cfg := measuring
			cfg.Model = "default"
			if tt.request.Extra != nil {
				cfg.ExtraBody = map[string]any{"top_k": 1}
			}
			newClient(t, s, cfg).Send(t.Context(), tt.request)
			got := s.got()[0]
			var have, want any
			if err := errors.Join(json.Unmarshal([]byte(got.body), &have), json.Unmarshal([]byte(tt.body), &want)); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(have, want) || got.target != tt.target || got.method != "POST" {
				t.Errorf("%s %s %s, want %s", got.method, got.target, got.body, tt.body)
			}
		})
	}
}

func TestBadRequests(t *testing.T) {
	s := &server{answer: bytesOf(answered("a"))}
	c := newClient(t, s, measuring)
	for sentence, r := range map[string]client.Request{
		"a chat without messages":        {},
		"a completion without prompts":   {API: client.Completions},
		"embeddings as a stream":         {API: client.Embeddings, Prompts: []string{"a"}, Stream: true},
		"an API that does not exist":     {API: 9, Messages: []client.Message{{}}},
		"tokens below zero, and not Off": {Model: "m", Messages: []client.Message{{}}, MaxTokens: -5},
		"an ID with a line break":        {Model: "m", Messages: []client.Message{{}}, ID: "a\nb"},
		"a header with one":              {Model: "m", Messages: []client.Message{{}}, Header: http.Header{"X-A": {"a\nb"}}},
		"a header whose name is none":    {Model: "m", Messages: []client.Message{{}}, Header: http.Header{"X(": {"a"}}},
		"an extra field that is no JSON": {Model: "m", Messages: []client.Message{{}}, Extra: map[string]any{"f": func() {}}},
	} {
		x := c.Send(t.Context(), r)
		if _, err := x.Decode(); err == nil || len(x.Attempts) != 0 || strings.Contains(err.Error(), "\n") || c.Metrics().Requests != 0 {
			t.Errorf("%s: %v after %d attempts, want an error and none", sentence, err, len(x.Attempts))
		}
		if st := c.Stream(t.Context(), r); r.API != client.Embeddings && (st.Next() || st.Err() == nil) {
			t.Errorf("%s: the stream says %v", sentence, st.Err())
		}
	}
	if n := len(s.got()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestHeaders(t *testing.T) {
	s := &server{answer: keeping(answered("a"))}
	cfg := measuring
	cfg.APIKey = "sk-1"
	cfg.Header = http.Header{"X-Tenant": {"a"}, "X-Both": {"cfg"}}
	c := newClient(t, s, cfg)
	cfg.Header.Set("X-Tenant", "what is changed after New does not count")
	r := hello(false)
	r.ID, r.Header = "run-7", http.Header{"X-Both": {"req"}}
	c.Send(t.Context(), r)
	c.Send(t.Context(), hello(true))
	got := s.got()
	for name, want := range map[string]string{
		"Authorization": "Bearer sk-1", "X-Request-Id": "run-7", "X-Tenant": "a", "X-Both": "req",
		"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "llmload",
		"Idempotency-Key": "", "Accept-Encoding": "",
	} {
		if v := got[0].header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if v := got[1].header; v.Get("Accept") != "text/event-stream" || v.Get("X-Request-Id") != "" || v.Get("X-Both") != "cfg" {
		t.Errorf("the second request's headers: %v", v)
	}
	s = &server{answer: bytesOf(answered("a"))}
	newClient(t, s, measuring).Send(t.Context(), hello(false))
	if v, ok := s.got()[0].header["Authorization"]; ok {
		t.Errorf("no key, and yet Authorization is %q", v)
	}
}

// TestHost: of all headers, net/http has a place of its own for this one.
func TestHost(t *testing.T) {
	s := &server{answer: keeping(plain(200, "application/json", `{"data":[]}`))}
	cfg := measuring
	for i, header := range []http.Header{nil, {"host": {"models.example"}}} {
		cfg.Header = header
		c := newClient(t, s, cfg)
		c.Send(t.Context(), hello(false))
		c.Models(t.Context())
		r := hello(false)
		r.Header = http.Header{"Host": {"mine.example"}}
		c.Send(t.Context(), r)
		every := []string{"test.invalid", "models.example"}[i]
		for j, want := range []string{every, every, "mine.example"} {
			if got := s.got()[3*i+j]; got.host != want {
				t.Errorf("%s to %q, want %q", got.target, got.host, want)
			}
		}
	}
}

func TestRequestIDFallsBackToOurs(t *testing.T) {
	s := &server{answer: bytesOf(answered("a"))}
	r := hello(false)
	r.ID = "run-7"
	if x := newClient(t, s, measuring).Send(t.Context(), r); x.Attempts[0].RequestID != "run-7" {
		t.Errorf("request id %q, want ours", x.Attempts[0].RequestID)
	}
}

func TestKeyIsNeverShown(t *testing.T) {
	const key = "sk-very-secret"
	cfg := client.Config{
		APIKey: key, RateLimit: client.Off, MaxRetries: client.Off,
		Header: http.Header{"X-Key": {key}}, ExtraBody: map[string]any{"k": key},
	}
	s := &server{answer: bytesOf(plain(401, "application/json", `{"error":{"message":"bad key `+key+`"}}`))}
	cfg.Dial = s.dial
	c, err := client.New(t.Context(), "http://h/v1?sig="+key, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, failure := c.Chat(t.Context(), hello(false))
	var api *client.APIError
	if !errors.As(failure, &api) || !strings.Contains(api.Message, "bad key") {
		t.Fatalf("got %v", failure)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "cfg", cfg, "client", c)
	shown := log.String() + string(api.Body)
	for _, v := range []any{cfg, &cfg, c, failure, *api} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if api, ok := v.(client.APIError); ok {
				v = api.Message // its body prints as numbers
			}
			shown += fmt.Sprintf(verb, v)
		}
	}
	shown += reflectPrint(c)
	if strings.Contains(shown, key) {
		t.Errorf("the key is shown: %s", shown)
	}
	if !strings.Contains(shown, "[redacted]") || !strings.Contains(cfg.String(), "X-Key") {
		t.Errorf("nothing says that there is a key: %s", shown)
	}
}

func TestAnEchoedKeyIsTakenOutOfEveryErrorObject(t *testing.T) {
	const key = "sk-very/secret"
	object := `{"error":{"message":"bad key sk-very\/secret","type":"\u0073k-very\u002Fsecret"}}`
	beyond := strings.Repeat("x", 180) + " bad key " // an excerpt ends in the middle of the key
	shows := func(text string) bool { return strings.Contains(text, "sk-very") || strings.Contains(text, "k-very") }
	for sentence, tt := range map[string]struct {
		request client.Request
		answer  string
	}{
		"an error status":                {hello(false), plain(401, "application/json", object)},
		"an error in a plain 200":        {hello(false), plain(200, "application/json", object)},
		"an error instead of a stream":   {hello(true), plain(200, "application/json", object)},
		"an error event inside a stream": {hello(true), streamed(says("a") + "data: " + object + "\n\n")},
		"a web page, cut in the key":     {hello(false), plain(200, "text/html", beyond+key)},
		"a plain text, cut in the key":   {hello(false), plain(500, "text/plain", beyond+key)},
		"an answer without choices":      {hello(false), plain(200, "application/json", `{"detail":"bad key sk-very\/secret"}`)},
		"an event that is no JSON":       {hello(true), streamed(`data: {"a": bad key sk-very\/secret` + "\n\n")},
	} {
		t.Run(sentence, func(t *testing.T) {
			cfg := measuring
			cfg.APIKey = key
			c := newClient(t, &server{answer: bytesOf(tt.answer)}, cfg)
			_, err := c.Chat(t.Context(), tt.request)
			if err == nil || shows(err.Error()) || !strings.Contains(err.Error(), "bad key [redacted]") {
				t.Errorf("Chat: %v", err)
			}
			if api, ok := err.(*client.APIError); ok && (shows(string(api.Body)) || shows(api.Type) || shows(api.Message)) {
				t.Errorf("the fields of the error show the key: %s, %q, %q", api.Body, api.Type, api.Message)
			}
			if !tt.request.Stream {
				return
			}
			st := c.Stream(t.Context(), tt.request)
			for st.Next() {
			}
			if err := st.Err(); err == nil || shows(err.Error()) {
				t.Errorf("Stream: %v", err)
			}
		})
	}
}

// reflectPrint prints the fields of a Client that is part of something else.
func reflectPrint(c *client.Client) string {
	return fmt.Sprintf("%+v %#v", struct{ c *client.Client }{c}, struct{ c *client.Client }{c}) +
		fmt.Sprintf("%+v", reflect.ValueOf(c).Elem())
}

func TestCloseEndsWhatIsInFlight(t *testing.T) {
	for sentence, tt := range map[string]struct {
		cfg    client.Config
		answer func(int, net.Conn) bool
	}{
		"waiting for headers":      {measuring, silent()},
		"waiting for content":      {measuring, silent(streamHead)},
		"in the middle of content": {measuring, silent(streamHead, httpChunk(says("a")))},
		"in back-off":              {client.Config{RateLimit: client.Off}, bytesOf(plain(500, "", "", "Retry-After: 100"))},
		"waiting for the rate":     {client.Config{RateLimit: 1}, bytesOf(plain(500, "", ""))},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: tt.answer}
				c := newClient(t, s, tt.cfg)
				time.AfterFunc(10*time.Second, func() { c.Close() })
				begun := time.Now()
				_, err := c.Chat(t.Context(), hello(true))
				if !errors.Is(err, client.ErrClosed) || time.Since(begun) != 10*time.Second {
					t.Errorf("%v after %v, want ErrClosed at once", err, time.Since(begun))
				}
				if err := c.Close(); err != nil {
					t.Errorf("the second Close: %v", err)
				}
				if _, err := c.Chat(t.Context(), hello(true)); !errors.Is(err, client.ErrClosed) {
					t.Errorf("a call after Close: %v", err)
				}
				if _, err := c.Models(t.Context()); !errors.Is(err, client.ErrClosed) {
					t.Errorf("Models after Close: %v", err)
				}
				st := c.Stream(t.Context(), hello(true))
				if st.Next() || !errors.Is(st.Err(), client.ErrClosed) {
					t.Errorf("a stream after Close: %v", st.Err())
				}
			})
		})
	}
}

func TestCloseEndsAnOpenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: silent(streamHead, httpChunk(says("a")))}
		c := newClient(t, s, measuring)
		st := c.Stream(t.Context(), hello(true))
		if !st.Next() {
			t.Fatal(st.Err())
		}
		c.Close() // does not wait for the stream, which this goroutine holds
		if st.Next() || !errors.Is(st.Err(), client.ErrClosed) {
			t.Errorf("after Close the stream says %v", st.Err())
		}
	})
}

func TestCancellation(t *testing.T) {
	reason := errors.New("the user has left")
	for sentence, tt := range map[string]struct {
		cfg    client.Config
		answer func(int, net.Conn) bool
	}{
		"waiting for headers":      {measuring, silent()},
		"waiting for content":      {measuring, silent(streamHead)},
		"in the middle of content": {measuring, silent(streamHead, httpChunk(says("a")))},
		"in an error's body":       {measuring, silent(plain(500, "", "xxxxxx")[:40])},
		"in back-off":              {client.Config{RateLimit: client.Off}, bytesOf(plain(500, "", "", "Retry-After: 100"))},
		"waiting for the rate":     {client.Config{RateLimit: 1}, bytesOf(plain(500, "", ""))},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newClient(t, &server{answer: tt.answer}, tt.cfg)
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(10*time.Second, func() { cancel(reason) })
				begun := time.Now()
				_, err := c.Chat(ctx, hello(true))
				if !errors.Is(err, context.Canceled) || !errors.Is(err, reason) || time.Since(begun) != 10*time.Second {
					t.Errorf("%v after %v, want context.Canceled and its cause at once", err, time.Since(begun))
				}
				ctx, stop := context.WithCancel(t.Context())
				time.AfterFunc(10*time.Second, stop)
				st := c.Stream(ctx, hello(true))
				for st.Next() {
				}
				if !errors.Is(st.Err(), context.Canceled) {
					t.Errorf("stream: %v, want context.Canceled", st.Err())
				}
			})
		})
	}
}

// TestCallersDeadline: it names the phase that it met, with the client's own
// time-outs on and off.
func TestCallersDeadline(t *testing.T) {
	defaults := client.Config{RateLimit: client.Off, PoolSize: 1}
	for _, cfg := range []client.Config{measuring, defaults} {
		for sentence, tt := range map[string]struct {
			stream bool
			answer func(int, net.Conn) bool
			change func(*client.Config)
			others int // calls that are under way
			phase  string
		}{
			"a dial that hangs":                      {change: func(c *client.Config) { c.Dial = hanging }, phase: "connect"},
			"all connections are in use":             {answer: silent(), change: func(c *client.Config) { c.PoolSize = 1 }, others: 1, phase: "queue"},
			"the headers of a plain answer":          {answer: silent(), phase: "total"},
			"its body":                               {answer: silent(answered("a")[:150]), phase: "total"},
			"the headers of a stream":                {stream: true, answer: silent(), phase: "first_token"},
			"its first content":                      {stream: true, answer: silent(streamHead), phase: "first_token"},
			"a stream that falls silent":             {stream: true, answer: silent(streamHead, httpChunk(says("a"))), phase: "idle"},
			"the same of net/http's own pool":        {answer: silent(), change: func(c *client.Config) { c.PoolSize, c.HTTP2 = 1, true }, others: 1, phase: "queue"},
			"a place among the calls":                {answer: silent(), change: func(c *client.Config) { c.MaxConcurrent = 1 }, others: 1, phase: "queue"},
			"a stream in line for a connection, too": {stream: true, answer: silent(), change: func(c *client.Config) { c.PoolSize = 1 }, others: 1, phase: "queue"},
		} {
			t.Run(sentence, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &server{answer: tt.answer}
					cfg := cfg
					cfg.Dial = s.dial
					if tt.change != nil {
						tt.change(&cfg)
					}
					c, err := client.New(t.Context(), "http://test.invalid/v1", cfg)
					if err != nil {
						t.Fatal(err)
					}
					defer c.Close()
					for range tt.others {
						go c.Send(t.Context(), hello(false))
						synctest.Wait()
					}
					ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
					defer cancel()
					_, err = c.Chat(ctx, hello(tt.stream))
					if kind(err) != "timeout "+tt.phase || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("got %v, want phase %s, and context.DeadlineExceeded", err, tt.phase)
					}
				})
			})
		}
	}
}

func TestLeavingALoopClosesTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: silent(streamHead, httpChunk(says("a")+says("b")))}
		c := newClient(t, s, client.Config{MaxConcurrent: 1, RateLimit: client.Off})
		for range c.Stream(t.Context(), hello(true)).All() {
			break
		}
		synctest.Wait() // the bubble reports whatever were left behind
	})
}

// TestNothingIsLeftBehind: over real sockets, which no bubble watches.
func TestNothingIsLeftBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			fmt.Fprint(w, says("a"))
			w.(http.Flusher).Flush()
		}
		fmt.Fprint(w, done)
	}))
	c, err := client.New(t.Context(), srv.URL, client.Config{RateLimit: client.Off, PoolSize: 50})
	if err != nil {
		t.Fatal(err)
	}
	sendAll(t, c, 50)
	st := c.Stream(t.Context(), hello(true))
	st.Next() // left open on purpose
	c.Close()
	srv.Close()
	if n := settle(before); n > before {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after Close:\n%s", before, n, buf[:runtime.Stack(buf, true)])
	}
}

// settle lets goroutines that are on their way out get there.
func settle(want int) int {
	deadline := time.Now().Add(2 * time.Second)
	for runtime.NumGoroutine() > want && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	return runtime.NumGoroutine()
}

func TestConnectionErrors(t *testing.T) {
	refused := "http://" + freeAddr(t)
	reset := listen(t, func(conn *net.TCPConn) {
		conn.Read(make([]byte, 1))
		conn.SetLinger(0)
	})
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	insecure := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(insecure.Close)
	tests := []struct {
		sentence string
		endpoint string
		dial     error
		kind     string
		attempts int
	}{
		{"nobody listens", refused, nil, "connection refused", 2},
		{"the server resets the connection", reset, nil, "connection reset", 2},
		{"a certificate that nobody vouches for is not tried again", secure.URL, nil, "connection tls", 1},
		{"nor a server that does not speak TLS", strings.Replace(insecure.URL, "http:", "https:", 1), nil, "connection tls", 1},
		{"nor a name that does not exist", "http://x", &net.DNSError{Err: "no such host", IsNotFound: true}, "connection dns", 1},
		{"a name server that fails is", "http://x", &net.DNSError{Err: "server misbehaving", IsTemporary: true}, "connection dns", 2},
		{"a network that is not there", "http://x", syscall.ENETUNREACH, "connection other", 2},
		{"a kernel that gave up connecting", "http://x", &net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, "timeout connect", 2},
	}
	for _, tt := range tests {
		t.Run(tt.sentence, func(t *testing.T) {
			t.Parallel() // each waits out a real back-off of 1 s
			cfg := client.Config{MaxRetries: 1, RateLimit: client.Off}
			if tt.dial != nil {
				cfg.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, tt.dial }
			}
			c, err := client.New(t.Context(), tt.endpoint, cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			x := c.Send(t.Context(), hello(true))
			if _, err := x.Decode(); kind(err) != tt.kind || len(x.Attempts) != tt.attempts {
				t.Errorf("%v (%T) after %d attempts, want %s after %d", err, err, len(x.Attempts), tt.kind, tt.attempts)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("spoken to in %s, want HTTP/1.1", r.Proto)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	cfg := measuring
	cfg.TLS = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	c, err := client.New(t.Context(), srv.URL, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if resp, err := c.Chat(t.Context(), hello(false)); err != nil || resp.Text != "a" {
		t.Errorf("%q, %v", resp.Text, err)
	}
}

func freeAddr(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// listen serves each connection with one call, and returns the endpoint.
func listen(t *testing.T, serve func(*net.TCPConn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // a connection may be opened ahead and bring nothing
				serve(conn.(*net.TCPConn))
				conn.Close()
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestAPreparedRequestMayBeSentAgain(t *testing.T) {
	s := &server{answer: keeping(answered("a"))}
	c := newClient(t, s, measuring)
	p := c.Prepare(t.Context(), hello(false))
	for range 2 {
		if resp, err := c.SendPrepared(t.Context(), p).Decode(); err != nil || resp.Text != "a" {
			t.Errorf("got %q, %v", resp.Text, err)
		}
	}
	if got := s.got(); len(got) != 2 || got[0].body != got[1].body || got[0].body == "" {
		t.Errorf("the server got %+v", got)
	}
	if _, err := c.SendPrepared(t.Context(), c.Prepare(t.Context(), client.Request{})).Decode(); err == nil {
		t.Error("a request without messages is sent")
	}
}

// TestExtraBodyIsWrittenOnce: what lies inside may change while requests are written.
func TestExtraBodyIsWrittenOnce(t *testing.T) {
	s := &server{answer: keeping(answered("a"))}
	inside := map[string]any{"k": 1}
	cfg := measuring
	cfg.ExtraBody = map[string]any{"nested": inside}
	c := newClient(t, s, cfg)
	var all sync.WaitGroup
	all.Go(func() { sendAll(t, c, 20) })
	for i := range 1000 {
		inside["k"] = i
	}
	all.Wait()
	if body := s.got()[19].body; !strings.Contains(body, `"nested":{"k":1}`) {
		t.Errorf("sent %s", body)
	}
}
