package client_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/llmload/llmload/client"
)

// server answers over net.Pipe, so that it works under testing/synctest. One
// Write of an answer is one Read of the client, as long as it is under 4 KiB.
type server struct {
	// answer writes the n-th answer (from 0) and returns whether the
	// connection stays open.
	answer func(n int, conn net.Conn) bool

	gathers  bool       // connections do, at the client's end
	gatherer *gatherEnd // the latest of them

	mu       sync.Mutex
	requests []request
	dials    int
	open     int // connections
}

// request is what came.
type request struct {
	at     time.Time
	method string
	target string
	host   string
	header http.Header
	body   string
	conn   net.Conn // that it came over
}

func (s *server) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	s.mu.Lock()
	s.dials++
	s.open++
	s.mu.Unlock()
	var reset atomic.Bool
	go s.serve(&serverEnd{far, &reset})
	end := &clientEnd{near, &reset}
	if !s.gathers {
		return end, nil
	}
	g := &gatherEnd{Conn: end}
	s.mu.Lock()
	s.gatherer = g
	s.mu.Unlock()
	return g, nil
}

// serverEnd of a pipe can end it with a reset, which clientEnd then reads, as
// from a socket.
type serverEnd struct {
	net.Conn
	reset *atomic.Bool
}

type clientEnd struct {
	net.Conn
	reset *atomic.Bool
}

func (c *clientEnd) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF && c.reset.Load() {
		err = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	}
	return n, err
}

func (s *server) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		s.open--
		s.mu.Unlock()
	}()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		n := len(s.requests)
		s.requests = append(s.requests, request{time.Now(), req.Method, req.RequestURI, req.Host, req.Header, string(body), conn})
		s.mu.Unlock()
		if !s.answer(n, conn) {
			return
		}
	}
}

func (s *server) got() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

func (s *server) dialed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dials
}

func (s *server) opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// measuring is the configuration of a load test: nothing that helps.
var measuring = client.Config{
	Timeout: client.Off, IdleTimeout: client.Off, MaxRetries: client.Off,
	RateLimit: client.Off, MaxConcurrent: client.Off, PoolSize: 100, LazyInit: true,
}

// newClient returns a client of the server that is closed with the test.
func newClient(t testing.TB, s *server, cfg client.Config) *client.Client {
	t.Helper()
	cfg.Dial = s.dial
	c, err := client.New(t.Context(), "http://test.invalid/v1", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// bytesOf is an answer whose bytes are written in the given parts; it then
// closes the connection.
func bytesOf(parts ...string) func(int, net.Conn) bool {
	return func(_ int, conn net.Conn) bool {
		for _, p := range parts {
			if _, err := io.WriteString(conn, p); err != nil {
				break
			}
		}
		return false
	}
}

// resetting is bytesOf, but ends the connection with a reset.
func resetting(parts ...string) func(int, net.Conn) bool {
	return func(n int, conn net.Conn) bool {
		bytesOf(parts...)(n, conn)
		conn.(*serverEnd).reset.Store(true)
		return false
	}
}

// keeping is bytesOf on a connection that stays open.
func keeping(parts ...string) func(int, net.Conn) bool {
	return func(n int, conn net.Conn) bool {
		bytesOf(parts...)(n, conn)
		return true
	}
}

// inTurn gives the n-th request the n-th answer, and the last one to all others.
func inTurn(answers ...func(int, net.Conn) bool) func(int, net.Conn) bool {
	return func(n int, conn net.Conn) bool { return answers[min(n, len(answers)-1)](n, conn) }
}

// plain is a complete answer with a body of known length.
func plain(status int, contentType, body string, headers ...string) string {
	head := fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n", status, len(body))
	if contentType != "" {
		head += "Content-Type: " + contentType + "\r\n"
	}
	for _, h := range headers {
		head += h + "\r\n"
	}
	return head + "\r\n" + body
}

const (
	streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
	lastChunk  = "0\r\n\r\n"
	endMarker  = "data: [DONE]\n\n"
	done       = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\n" + endMarker
)

// httpChunk frames bytes in the chunked transfer coding.
func httpChunk(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

// streamed is a complete streamed answer, all in one write.
func streamed(body string) string { return streamHead + httpChunk(body) + lastChunk }

// says is a chat chunk with content.
func says(content string) string {
	return fmt.Sprintf(`data: {"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":%q},"finish_reason":null}]}`+"\n\n", content)
}

// ends is the chat chunk with the finish reason.
func ends(reason string) string {
	return fmt.Sprintf(`data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{},"finish_reason":%q}]}`+"\n\n", reason)
}

// counts is the usage chunk.
func counts(in, out int) string {
	return fmt.Sprintf(`data: {"id":"c1","choices":[],"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`+"\n\n", in, out, in+out)
}

const roleChunk = `data: {"id":"c1","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}` + "\n\n"

// hello is a chat request.
func hello(stream bool) client.Request {
	return client.Request{Model: "m", Messages: []client.Message{{Role: "user", Content: "hello"}}, Stream: stream}
}

// answered is a whole chat answer.
func answered(text string) string {
	return plain(200, "application/json", fmt.Sprintf(`{"id":"c1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":%q},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`, text))
}

// shorten keeps failures readable.
func shorten(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}
