package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// kind names an error as a caller would tell it apart.
func kind(err error) string {
	var api *client.APIError
	var stream *client.StreamError
	var timeout *client.TimeoutError
	var conn *client.ConnectionError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &api):
		return fmt.Sprint("api ", api.Status)
	case errors.As(err, &stream):
		return "stream error"
	case errors.As(err, &timeout):
		return "timeout " + timeout.Phase
	case errors.As(err, &conn):
		return "connection " + conn.Kind
	case errors.Is(err, client.ErrTruncated):
		return "truncated"
	case errors.Is(err, client.ErrMalformed):
		return "malformed"
	case errors.Is(err, client.ErrContentType):
		return "content type"
	case errors.Is(err, client.ErrTooLarge):
		return "too large"
	case errors.Is(err, client.ErrClosed):
		return "closed"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	}
	return "unknown: " + err.Error()
}

// outcome is one row: what the server sends, what the caller gets.
type outcome struct {
	sentence string
	stream   bool
	answer   func(int, net.Conn) bool

	kind     string
	text     string
	says     string // part of the error's message
	finish   string
	usage    client.Usage
	attempts int // with three retries
}

var misbehaviours = []outcome{
	{
		sentence: "a whole stream is a success", stream: true, answer: bytesOf(streamed(roleChunk + says("a") + says("b") + ends("stop") + counts(3, 2) + done)),
		kind: "ok", text: "ab", finish: "stop", usage: client.Usage{InputTokens: 3, OutputTokens: 2}, attempts: 1,
	},
	{
		sentence: "a clean end without the end marker is no success", stream: true, answer: bytesOf(streamed(says("a") + ends("stop"))),
		kind: "truncated", text: "a", finish: "stop", attempts: 1,
	},
	{
		sentence: "an end marker without any answer is no success", stream: true, answer: bytesOf(streamed(endMarker)),
		kind: "truncated", attempts: 1,
	},
	{
		sentence: "an end marker without a finish reason is no success: the server gave the answer up", stream: true, answer: bytesOf(streamed(says("a") + says("b") + endMarker)),
		kind: "truncated", text: "ab", says: "no finish_reason", attempts: 1,
	},
	{
		sentence: "nor where only the other choice finished", stream: true, answer: bytesOf(streamed(`data: {"choices":[{"index":1,"delta":{"role":"assistant"}}]}` + "\n\n" + done)),
		kind: "truncated", finish: "stop", says: "choice 1", attempts: 1,
	},
	{
		sentence: "an empty stream is no success", stream: true, answer: bytesOf(streamHead + lastChunk),
		kind: "truncated", attempts: 1,
	},
	{
		sentence: "a connection that breaks after content is not tried again", stream: true, answer: bytesOf(streamHead + httpChunk(says("a"))),
		kind: "truncated", text: "a", attempts: 1,
	},
	{
		sentence: "a connection that breaks before content is", stream: true, answer: bytesOf(streamHead + httpChunk(roleChunk)),
		kind: "truncated", attempts: 4,
	},
	{
		sentence: "a connection that breaks in the middle of an event is truncated, not malformed", stream: true, answer: bytesOf(streamHead + httpChunk(says("a")+`data: {"choi`)),
		kind: "truncated", text: "a", attempts: 1,
	},
	{
		sentence: "so is a stream that ends there", stream: true, answer: bytesOf(streamed(says("a") + `data: {"choi`)),
		kind: "truncated", text: "a", attempts: 1,
	},
	{
		sentence: "a JSON error in a 200 on a stream is no empty success", stream: true, answer: bytesOf(plain(200, "application/json", `{"error":{"message":"no room","type":"server_error","code":503}}`)),
		kind: "stream error", says: "server_error 503: no room", attempts: 1,
	},
	{
		sentence: "nor where the type says event stream", stream: true, answer: bytesOf(streamed(`{"error":"no room"}` + "\n")),
		kind: "stream error", says: "no room", attempts: 1,
	},
	{
		sentence: "a plain answer to a stream is of the wrong type", stream: true, answer: bytesOf(answered("a")),
		kind: "content type", attempts: 1,
	},
	{
		sentence: "an error in a plain 200 is no success", answer: bytesOf(plain(200, "application/json", `{"error":{"message":"no room"}}`)),
		kind: "stream error", says: "no room", attempts: 1,
	},
	{
		sentence: `"error":null is no error`, stream: true, answer: bytesOf(streamed(`data: {"error":null,"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}` + "\n\n" + done)),
		kind: "ok", text: "a", finish: "stop", attempts: 1,
	},
	{
		sentence: `nor in a plain answer`, answer: bytesOf(plain(200, "application/json", `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"error":null}`)),
		kind: "ok", text: "a", finish: "stop", attempts: 1,
	},
	{
		sentence: "an error event is an error, even before the end marker", stream: true, answer: bytesOf(streamed(says("a") + "event: error\ndata: {\"message\":\"boom\",\"code\":\"overloaded\"}\n\n" + done)),
		kind: "stream error", text: "a", says: "overloaded: boom", attempts: 1,
	},
	{
		sentence: "an error event of bare text is one too", stream: true, answer: bytesOf(streamed("event: error\ndata: boom\n\n")),
		kind: "stream error", says: "boom", attempts: 1,
	},
	{
		sentence: "an error object in the place of a chunk is an error", stream: true, answer: bytesOf(streamed(says("a") + `data: {"error": {"message":"boom","type":"BadRequest","code":400}}` + "\n\n" + done)),
		kind: "stream error", text: "a", says: "BadRequest 400: boom", attempts: 1,
	},
	{
		sentence: "the same in old vLLM's words", stream: true, answer: bytesOf(streamed(`data: {"object":"error","message":"boom","type":"BadRequest","code":400}` + "\n\n" + done)),
		kind: "stream error", says: "boom", attempts: 1,
	},
	{
		sentence: "an error explains the broken connection behind it", stream: true, answer: bytesOf(streamHead + httpChunk(says("a")+`data: {"error":"boom"}`+"\n\n")),
		kind: "stream error", text: "a", says: "boom", attempts: 1,
	},
	{
		sentence: "even where the connection broke in the middle of the error", stream: true, answer: bytesOf(streamHead + httpChunk(`data: {"error":"boom"}`)),
		kind: "stream error", says: "boom", attempts: 1,
	},
	{
		sentence: "a malformed event is what is wrong, not the broken connection behind it", stream: true, answer: bytesOf(streamHead + httpChunk(says("a")+"data: {oops\n\n")),
		kind: "malformed", text: "a", attempts: 1,
	},
	{
		sentence: "a connection that breaks right behind the end marker does not matter", stream: true, answer: bytesOf(streamHead + httpChunk(says("a")+ends("stop")+"data: [DONE]")),
		kind: "ok", text: "a", finish: "stop", attempts: 1,
	},
	{
		sentence: "a 400 with a string for an error keeps its status", answer: bytesOf(plain(400, "application/json", `{"error":"no such thing"}`)),
		kind: "api 400", says: "no such thing", attempts: 1,
	},
	{
		sentence: "a web page with an error status keeps it too", stream: true, answer: bytesOf(plain(403, "text/html", "<html>\n<b>go away</b></html>")),
		kind: "api 403", says: "go away", attempts: 1,
	},
	{
		sentence: "a web page in a 200 is of the wrong type", stream: true, answer: bytesOf(plain(200, "text/html", "<html>log in</html>")),
		kind: "content type", says: "log in", attempts: 1,
	},
	{
		sentence: "for a plain call as well", answer: bytesOf(plain(200, "text/html", "<html>log in</html>")),
		kind: "content type", attempts: 1,
	},
	{
		sentence: "a missing content type is tolerated where the stream parses", stream: true, answer: bytesOf("HTTP/1.1 200 OK\r\n\r\n" + says("a") + done),
		kind: "ok", text: "a", finish: "stop", attempts: 1,
	},
	{
		sentence: "and where the JSON does", answer: bytesOf(plain(200, "", `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`)),
		kind: "ok", text: "a", finish: "stop", attempts: 1,
	},
	{
		sentence: "a plain answer whose end has no reason was given up", answer: bytesOf(plain(200, "application/json", `{"choices":[{"message":{"content":"a"},"finish_reason":null}]}`)),
		kind: "truncated", text: "a", attempts: 1,
	},
	{
		sentence: "a choice of nothing is no answer", answer: bytesOf(plain(200, "application/json", `{"choices":[{}]}`)),
		kind: "malformed", attempts: 1,
	},
	{
		sentence: "nor is another one than was asked for", answer: bytesOf(plain(200, "application/json", `{"choices":[{"index":3,"message":{"content":"a"},"finish_reason":"stop"}]}`)),
		kind: "malformed", attempts: 1,
	},
	{
		sentence: "a redirect is an error, and nobody follows it with the key", answer: bytesOf(plain(307, "", "", "Location: http://me:pw@elsewhere.invalid/v1?sig=1")),
		kind: "api 307", says: "redirected to http://[redacted]@elsewhere.invalid/v1", attempts: 1,
	},
	{
		sentence: "bare CR ends lines", stream: true, answer: bytesOf(streamed(strings.ReplaceAll(says("a")+says("b")+done, "\n", "\r"))),
		kind: "ok", text: "ab", finish: "stop", attempts: 1,
	},
	{
		sentence: "CRLF and a byte order mark are fine", stream: true, answer: bytesOf(streamed("\xef\xbb\xbf" + strings.ReplaceAll(says("a")+says("b")+done, "\n", "\r\n"))),
		kind: "ok", text: "ab", finish: "stop", attempts: 1,
	},
	{
		sentence: "keep-alive comments are passed over", stream: true, answer: bytesOf(streamed(": OPENROUTER PROCESSING\n\n" + says("a") + ":\n\n" + done)),
		kind: "ok", text: "a", finish: "stop", attempts: 1,
	},
	{
		sentence: "the last event may lack its blank line", stream: true, answer: bytesOf(streamed(says("a") + ends("stop") + "data: [DONE]")),
		kind: "ok", text: "a", finish: "stop", attempts: 1,
	},
	{
		sentence: "usage in every chunk counts once, and the last one", stream: true, answer: bytesOf(streamed(withUsage("a", 0, 0) + withUsage("b", 0, 0) + counts(7, 2) + done)),
		kind: "ok", text: "ab", finish: "stop", usage: client.Usage{InputTokens: 7, OutputTokens: 2}, attempts: 1,
	},
	{
		sentence: "an event over 64 KiB is read", stream: true, answer: bytesOf(streamHead + httpChunk(says(strings.Repeat("x", 100<<10))) + httpChunk(done) + lastChunk),
		kind: "ok", text: strings.Repeat("x", 100<<10), finish: "stop", attempts: 1,
	},
	{
		sentence: "a character split between reads is whole", stream: true, answer: bytesOf(splitAfter(streamed(says("\u4e2d\U0001f600")+done), "\xe4\xb8", "\xf0\x9f")...),
		kind: "ok", text: "\u4e2d\U0001f600", finish: "stop", attempts: 1,
	},
	{
		sentence: "an error body of 1 MiB is read up to 64 KiB", answer: bytesOf(plain(400, "text/plain", strings.Repeat("no ", 350_000))),
		kind: "api 400", says: "no no", attempts: 1,
	},
	{
		sentence: "JSON that is none is malformed", answer: bytesOf(plain(200, "application/json", `{"choices":[{]}`)),
		kind: "malformed", attempts: 1,
	},
	{
		sentence: "an answer without choices is malformed", answer: bytesOf(plain(200, "application/json", `{"id":"x"}`)),
		kind: "malformed", attempts: 1,
	},
	{
		sentence: "an event that is no JSON is malformed", stream: true, answer: bytesOf(streamed(says("a") + "data: {oops\n\n" + done)),
		kind: "malformed", text: "a", attempts: 1,
	},
	{
		sentence: "a choice with an absurd index is malformed", stream: true, answer: bytesOf(streamed(`data: {"choices":[{"index":2000000000,"delta":{"content":"a"}}]}` + "\n\n" + done)),
		kind: "malformed", attempts: 1,
	},
	{
		sentence: "a body shorter than announced is tried again, then truncated", answer: bytesOf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"choices\":[]"),
		kind: "truncated", attempts: 4,
	},
	{
		sentence: "a body of unknown length that stops short is truncated", answer: bytesOf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"choices\":["),
		kind: "truncated", attempts: 1,
	},
	{
		sentence: "an answer that is not HTTP is malformed", answer: bytesOf("SSH-2.0-OpenSSH_9.6\r\n"),
		kind: "malformed", attempts: 1,
	},
	{
		sentence: "a broken chunk length is malformed", stream: true, answer: bytesOf(streamHead + httpChunk(says("a")) + "zz\r\n"),
		kind: "malformed", text: "a", attempts: 1,
	},
	{
		sentence: "a connection closed instead of an answer is tried again", answer: inTurn(bytesOf(), bytesOf(answered("a"))),
		kind: "ok", text: "a", finish: "stop", usage: client.Usage{InputTokens: 3, OutputTokens: 2}, attempts: 2,
	},
	{
		sentence: "and is a reset when nothing is left", answer: bytesOf(),
		kind: "connection reset", says: "4 attempts", attempts: 4,
	},
	{
		sentence: "429, 429, 200 is three attempts", answer: inTurn(bytesOf(plain(429, "", "")), bytesOf(plain(429, "", "")), bytesOf(answered("a"))),
		kind: "ok", text: "a", finish: "stop", usage: client.Usage{InputTokens: 3, OutputTokens: 2}, attempts: 3,
	},
	{
		sentence: "no quota is one attempt", answer: bytesOf(plain(429, "application/json", `{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}`)),
		kind: "api 429", says: "pay", attempts: 1,
	},
	{sentence: "408 is tried again", answer: bytesOf(plain(408, "", "")), kind: "api 408", attempts: 4},
	{sentence: "409 is tried again", answer: bytesOf(plain(409, "", "")), kind: "api 409", attempts: 4},
	{sentence: "500 is tried again", answer: bytesOf(plain(500, "", "")), kind: "api 500", attempts: 4},
	{sentence: "529 is tried again", answer: bytesOf(plain(529, "", "")), kind: "api 529", attempts: 4},
	{sentence: "501 is not", answer: bytesOf(plain(501, "", "")), kind: "api 501", attempts: 1},
	{sentence: "404 is not", answer: bytesOf(plain(404, "", "")), kind: "api 404", attempts: 1},
	{sentence: "a server may forbid it", answer: bytesOf(plain(500, "", "", "X-Should-Retry: false")), kind: "api 500", attempts: 1},
	{sentence: "or ask for it", answer: bytesOf(plain(400, "", "", "X-Should-Retry: true")), kind: "api 400", attempts: 4},
	{sentence: "a wait of an hour is left to the caller", answer: bytesOf(plain(429, "", "", "Retry-After: 3600")), kind: "api 429", attempts: 1},
}

// withUsage is a completions chunk with usage, as a real local server sends it.
func withUsage(text string, in, out int) string {
	return fmt.Sprintf(`data: {"choices":[{"text":%q,"delta":{"content":%q},"index":0,"finish_reason":null}],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`+"\n\n", "", text, in, out)
}

// splitAfter cuts s behind the first of each mark.
func splitAfter(s string, marks ...string) []string {
	var parts []string
	for _, m := range marks {
		i := strings.Index(s, m) + len(m)
		parts = append(parts, s[:i])
		s = s[i:]
	}
	return append(parts, s)
}

var retrying = client.Config{RateLimit: client.Off}

func TestOutcomesOfSend(t *testing.T) {
	for _, tt := range misbehaviours {
		t.Run(tt.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: tt.answer}
				c := newClient(t, s, retrying)
				x := c.Send(t.Context(), hello(tt.stream))
				resp, err := x.Decode()
				tt.check(t, resp.Text, resp.FinishReason, resp.Usage, err)
				if again, err2 := x.Decode(); again != resp || err2 != err {
					t.Error("a second Decode returns something else")
				}
				if len(x.Attempts) != tt.attempts || len(s.got()) != tt.attempts {
					t.Errorf("%d attempts told of, %d seen by the server, want %d", len(x.Attempts), len(s.got()), tt.attempts)
				}
				last := x.Attempts[len(x.Attempts)-1]
				if last.Err != err {
					t.Errorf("the last attempt's error is %v, Decode's is %v", last.Err, err)
				}
			})
		})
	}
}

func TestOutcomesOfStream(t *testing.T) {
	for _, tt := range misbehaviours {
		if !tt.stream {
			continue
		}
		t.Run(tt.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: tt.answer}
				c := newClient(t, s, retrying)
				var text, finish string
				var usage client.Usage
				var failure error
				for chunk, err := range c.Stream(t.Context(), hello(true)).All() {
					text += chunk.Text
					failure = err
					if chunk.FinishReason != "" {
						finish = chunk.FinishReason
					}
					if chunk.Usage != nil {
						usage = *chunk.Usage
					}
				}
				tt.check(t, text, finish, usage, failure)
				if len(s.got()) != tt.attempts {
					t.Errorf("%d attempts, want %d", len(s.got()), tt.attempts)
				}
			})
		})
	}
}

func (tt *outcome) check(t *testing.T, text, finish string, usage client.Usage, err error) {
	t.Helper()
	if got := kind(err); got != tt.kind {
		t.Errorf("outcome %s, want %s (error: %v)", got, tt.kind, err)
	}
	if text != tt.text || finish != tt.finish || usage != tt.usage {
		t.Errorf("text %q, finish %q, usage %+v; want %q, %q, %+v", shorten(text), finish, usage, shorten(tt.text), tt.finish, tt.usage)
	}
	if err != nil && (!strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "http://test.invalid/v1/chat/completions")) {
		t.Errorf("error %q does not say %q and where", err, tt.says)
	}
	if err != nil && len(err.Error()) > 1000 {
		t.Errorf("the error is %d bytes long", len(err.Error()))
	}
}

func TestErrorBodyIsBounded(t *testing.T) {
	s := &server{answer: bytesOf(plain(400, "text/plain", strings.Repeat("x", 1<<20)))}
	_, err := newClient(t, s, measuring).Chat(t.Context(), hello(false))
	var api *client.APIError
	if !errors.As(err, &api) || len(api.Body) != 64<<10 {
		t.Fatalf("got %.100v, want an APIError with 64 KiB of body", err)
	}
}

func TestBodyIsBounded(t *testing.T) {
	part := httpChunk(": " + strings.Repeat("x", 1<<20) + "\n\n")
	parts := []string{streamHead}
	for range 70 {
		parts = append(parts, part)
	}
	s := &server{answer: bytesOf(parts...)}
	if _, err := newClient(t, s, measuring).Chat(t.Context(), hello(true)); kind(err) != "too large" {
		t.Errorf("70 MiB: %v, want ErrTooLarge", err)
	}
	long := httpChunk(strings.Repeat("x", 1<<20))
	s = &server{answer: bytesOf(streamHead+httpChunk("data: "), strings.Repeat(long, 17))}
	if _, err := newClient(t, s, measuring).Chat(t.Context(), hello(true)); kind(err) != "too large" {
		t.Errorf("an event of 17 MiB: %v, want ErrTooLarge", err)
	}
}

func TestAPIErrorFields(t *testing.T) {
	body := `{"error":{"message":"slow down","type":"rate_limit","param":null,"code":null}}`
	s := &server{answer: bytesOf(plain(429, "application/json", body, "X-Request-Id: r7", "Retry-After-Ms: 1500"))}
	c := newClient(t, s, measuring)
	x := c.Send(t.Context(), hello(false))
	_, err := x.Decode()
	var api *client.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want an APIError", err)
	}
	if api.Type != "rate_limit" || api.Code != "" || api.Message != "slow down" || api.RequestID != "r7" ||
		api.RetryAfter != 1500*time.Millisecond || string(api.Body) != body || api.Attempts != 1 {
		t.Errorf("got %+v", api)
	}
	a := x.Attempts[0]
	if a.Status != http.StatusTooManyRequests || a.RequestID != "r7" || a.RetryAfter != 1500*time.Millisecond || a.Header.Get("X-Request-Id") != "r7" {
		t.Errorf("attempt %+v", a)
	}
}
