package client_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// breaker is one way of a server to break clients that are not careful. The
// table of the guide is made of came, gets, attempts and kept: TestGuideTable
// compares them.
type breaker struct {
	came     string // for the guide
	stream   bool
	answer   func(int, net.Conn) bool
	gets     string // for the guide
	kind     string
	text     string
	attempts int
	kept     bool // the connection serves the next request
}

// minutes is a healthy stream that takes longer than Config.Timeout.
func minutes(_ int, conn net.Conn) bool {
	io.WriteString(conn, streamHead)
	for range 4 {
		io.WriteString(conn, httpChunk(says("a")))
		time.Sleep(20 * time.Second) // a virtual clock
	}
	io.WriteString(conn, httpChunk(done)+lastChunk)
	return true
}

// endless is an error whose body does not end.
func endless(_ int, conn net.Conn) bool {
	io.WriteString(conn, "HTTP/1.1 400 X\r\nContent-Type: application/json\r\nContent-Length: 67108864\r\n\r\n"+`{"error":{"message":"no `)
	filler := strings.Repeat("no ", 1<<18)
	for {
		if _, err := io.WriteString(conn, filler); err != nil {
			return false
		}
	}
}

var breakers = []breaker{
	{
		"a stream that ends cleanly, without `[DONE]`", true, keeping(streamed(says("a") + ends("stop"))),
		"`ErrTruncated`, and the text so far", "truncated", "a", 1, true,
	},
	{
		"`[DONE]` without a `finish_reason`: the server gave the answer up", true, keeping(streamed(says("a") + endMarker)),
		"`ErrTruncated`, and the text so far", "truncated", "a", 1, true,
	},
	{
		"a plain answer without a `finish_reason`", false, keeping(plain(200, "application/json", `{"choices":[{"message":{"content":"a"}}]}`)),
		"`ErrTruncated`, and the text so far", "truncated", "a", 1, true,
	},
	{
		"a plain answer whose first choice is missing or empty", false, keeping(plain(200, "application/json", `{"choices":[{}]}`)),
		"`ErrMalformed`", "malformed", "", 1, true,
	},
	{
		"a connection that is closed in the middle of the text", true, bytesOf(streamHead + httpChunk(says("a"))),
		"`ErrTruncated`, and the text so far", "truncated", "a", 1, false,
	},
	{
		"a connection that is reset in the middle of the text", true, resetting(streamHead + httpChunk(says("a"))),
		"`*ConnectionError`, kind reset, and the text so far", "connection reset", "a", 1, false,
	},
	{
		"a connection that is closed before the first text", true, bytesOf(streamHead + httpChunk(roleChunk)),
		"`ErrTruncated`", "truncated", "", 4, false,
	},
	{
		"a connection that is reset before the first text", true, resetting(streamHead + httpChunk(roleChunk)),
		"`*ConnectionError`, kind reset", "connection reset", "", 4, false,
	},
	{
		"a JSON error with status 200 in the place of a stream", true, keeping(plain(200, "application/json", `{"error":{"message":"no room","type":"server_error","code":503}}`)),
		"`*StreamError`", "stream error", "", 1, true,
	},
	{
		"`event: error`, and `[DONE]` behind it", true, keeping(streamed(says("a") + "event: error\ndata: {\"message\":\"boom\"}\n\n" + done)),
		"`*StreamError`, and the text so far", "stream error", "a", 1, true,
	},
	{
		"`\"error\": null` in each chunk", true, keeping(streamed(strings.Repeat(`data: {"error":null,"choices":[{"index":0,"delta":{"content":"a"}}]}`+"\n\n", 2) + done)),
		"the answer", "ok", "aa", 1, true,
	},
	{
		"a 400 whose `error` is a string", false, keeping(plain(400, "application/json", `{"error":"no such model"}`)),
		"`*APIError`, status 400, and the string", "api 400", "", 1, true,
	},
	{
		"an error with a body of 64 MiB", false, endless,
		"`*APIError`, and 64 KiB of the body", "api 400", "", 1, false,
	},
	{
		"a web page with status 200", false, keeping(plain(200, "text/html", "<html>log in</html>")),
		"`ErrContentType`", "content type", "", 1, true,
	},
	{
		"lines that end in a bare CR", true, keeping(streamed(strings.ReplaceAll(says("a")+says("b")+done, "\n", "\r"))),
		"the answer", "ok", "ab", 1, true,
	},
	{
		"CRLF, and a byte order mark", true, keeping(streamed("\xef\xbb\xbf" + strings.ReplaceAll(says("a")+says("b")+done, "\n", "\r\n"))),
		"the answer", "ok", "ab", 1, true,
	},
	{
		"comments that keep the connection alive", true, keeping(streamed(": wait\n\n" + says("a") + ": wait\n\n" + says("b") + done)),
		"the answer", "ok", "ab", 1, true,
	},
	{
		"a first chunk that only names the role", true, keeping(streamed(roleChunk + says("a") + done)),
		"the answer; the role is no first token", "ok", "a", 1, true,
	},
	{
		"reasoning before the text", true, keeping(streamed(delta(`{"reasoning_content":"hm"}`) + says("a") + done)),
		"both, apart", "ok", "a", 1, true,
	},
	{
		"several tokens in one chunk", true, keeping(streamed(says("one two three ") + says("four") + ends("stop") + counts(3, 4) + done)),
		"the answer, and the server's count of tokens", "ok", "one two three four", 1, true,
	},
	{
		"a last chunk with usage and no choices", true, keeping(streamed(says("a") + ends("stop") + counts(3, 1) + endMarker)),
		"the answer, and its usage", "ok", "a", 1, true,
	},
	{
		"usage in each chunk, all zero but the last", true, keeping(streamed(withUsage("a", 0, 0) + withUsage("b", 0, 0) + counts(7, 2) + done)),
		"the answer, and the last usage", "ok", "ab", 1, true,
	},
	{
		"an event of more than 64 KiB", true, keeping(streamed(says(strings.Repeat("x", 100<<10)) + done)),
		"the answer", "ok", strings.Repeat("x", 100<<10), 1, true,
	},
	{
		"a character that is split between two reads", true, keeping(splitAfter(streamed(says("\u4e2d")+done), "\xe4\xb8")...),
		"the answer", "ok", "\u4e2d", 1, true,
	},
	{
		"no answer within `Timeout`", false, silent(),
		"`*TimeoutError`, phase total", "timeout total", "", 4, false,
	},
	{
		"a healthy stream that takes longer than `Timeout`", true, minutes,
		"the answer", "ok", "aaaa", 1, true,
	},
}

func TestWhatBreaksOtherClients(t *testing.T) {
	for _, tt := range breakers {
		t.Run(tt.came, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var well atomic.Bool
				s := &server{answer: func(n int, conn net.Conn) bool {
					if well.Load() {
						return keeping(answered("fine"))(n, conn)
					}
					return tt.answer(n, conn)
				}}
				c := newClient(t, s, client.Config{RateLimit: client.Off, PoolSize: 1})
				x := c.Send(t.Context(), hello(tt.stream))
				resp, err := x.Decode()
				if kind(err) != tt.kind || resp.Text != tt.text || len(x.Attempts) != tt.attempts {
					t.Errorf("got %q, %v after %d attempts; want %q, %s after %d", shorten(resp.Text), err, len(x.Attempts), shorten(tt.text), tt.kind, tt.attempts)
				}
				var api *client.APIError
				if errors.As(err, &api) && len(api.Body) > 64<<10 {
					t.Errorf("%d bytes of the body are kept", len(api.Body))
				}
				well.Store(true)
				next := c.Send(t.Context(), hello(false))
				if resp, err := next.Decode(); err != nil || resp.Text != "fine" {
					t.Fatalf("the next request: %q, %v", resp.Text, err)
				}
				got := s.got()
				if kept := got[len(got)-1].conn == got[len(got)-2].conn; kept != tt.kept || len(got) != tt.attempts+1 {
					t.Errorf("the connection serves again: %v, want %v", kept, tt.kept)
				}
			})
		})
	}
}
