package mockserver_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

// A view is all that a client sees of one answer.
type view struct {
	status int
	kind   string
	body   string
	err    error
}

// watch asks a server of a config once, in a bubble.
func watch(t *testing.T, config string, stream bool) view {
	t.Helper()
	more := `,"max_tokens":5`
	if stream {
		more += `,"stream":true,"stream_options":{"include_usage":true}`
	}
	c := pipe(t, serve(t, "engine: {model: none}\n"+config))
	r, err := call(t.Context(), c, "http://h"+chatPath, chat(5, more))
	if err != nil {
		return view{err: err}
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return view{r.StatusCode, r.Header.Get("Content-Type"), string(b), err}
}

// An answer without faults, cut into its events: five tokens, the finish, the
// usage and the end.
type whole []string

func (w whole) join(from, to int) string { return strings.Join(w[from:to], "") }

func (w whole) all() string { return w.join(0, len(w)) }

func (w whole) each(edit func(event string) string) string {
	var out strings.Builder
	for _, e := range w {
		out.WriteString(edit(e))
	}
	return out.String()
}

const (
	died    = `{"error":{"message":"The engine died while it generated (injected)","type":"server_error","param":null,"code":"internal_error"}}`
	failed  = `{"error":{"message":"The server had an error while processing your request (injected)","type":"server_error","param":null,"code":null}}`
	page    = "<!DOCTYPE html>\n<html><head><title>Welcome</title></head><body><h1>Please sign in</h1><p>This page is not an answer.</p></body></html>\n"
	events8 = 8
)

var word = regexp.MustCompile(`" [a-z]+"`)

// byteCases say what each fault makes of a stream and of a plain answer; nil is nothing.
var byteCases = []struct {
	action string
	stream func(w whole) string
	plain  func(body string) string
}{
	{"{status: 500}", func(whole) string { return failed }, func(string) string { return failed }},
	{"{status: 500, size: 300}", func(whole) string { return fmt.Sprintf("%-300s", failed) }, func(string) string { return fmt.Sprintf("%-300s", failed) }},
	{"{do: stall, at_token: 2, for: 1s}", nil, nil},
	{"{do: stall, at_token: 2, for: 1s, then: clean_eof}", func(w whole) string { return w.join(0, 2) }, func(b string) string { return b[:len(b)/2] }},
	{"{do: reset, at_token: 2}", func(w whole) string { return w.join(0, 2) }, func(string) string { return "" }},
	{"{do: clean_eof, at_token: 2}", func(w whole) string { return w.join(0, 2) }, func(b string) string { return b[:len(b)/2] }},
	{"{do: clean_eof, at_token: 5}", func(w whole) string { return w.join(0, 5) }, func(b string) string { return b[:len(b)/2] }},
	{"{do: short_body, at_token: 2}", func(w whole) string { return w.join(0, 2) + w[2][:len(w[2])/2] }, func(b string) string { return b[:len(b)/2] }},
	{"{do: short_body, at_token: 5}", func(w whole) string { return w.join(0, 4) + w[4][:len(w[4])/2] }, func(b string) string { return b[:len(b)/2] }},
	{"{do: no_done}", func(w whole) string { return w.join(0, 7) }, nil},
	{"{do: error_event, at_token: 2}", func(w whole) string { return w.join(0, 2) + "data: " + died + "\n\n" }, func(string) string { return died }},
	{"{do: error_event, kind: named}", func(whole) string { return "event: error\ndata: " + died + "\n\n" }, func(string) string { return died }},
	{"{do: error_event, at_token: 9, kind: text}", func(w whole) string {
		return w.join(0, 5) + `data: {"error":"The engine died while it generated (injected)"}` + "\n\n"
	}, func(string) string { return `{"error":"The engine died while it generated (injected)"}` }},
	{"{do: bad_json, at_token: 2}", func(w whole) string {
		return w.join(0, 2) + w[2][:len(w[2])/2] + "\n\n" + w.join(3, events8)
	}, func(b string) string { return "{" + b }},
	{"{do: bad_sse, at_token: 2}", func(w whole) string { return w.join(0, 2) + strings.TrimSuffix(w[2], "\n") + w.join(3, events8) }, nil},
	{"{do: bad_sse, at_token: 2, kind: no_data}", func(w whole) string { return w.join(0, 2) + strings.TrimPrefix(w[2], "data: ") + w.join(3, events8) }, nil},
	{"{do: wrong_content_type}", nil, nil},
	{"{do: html_error}", func(whole) string { return page }, func(string) string { return page }},
	{"{do: json_error}", func(whole) string { return died }, func(string) string { return died }},
	{"{do: split_utf8, at_token: 2}", func(w whole) string {
		return w.join(0, 2) + word.ReplaceAllString(w[2], `" 日本語"`) + w.join(3, events8)
	}, func(b string) string {
		head, rest, _ := strings.Cut(b, `"content":"`)
		text, tail, _ := strings.Cut(rest, `"`)
		words := strings.Fields(text)
		words[2] = "日本語"
		return head + `"content":"` + strings.Join(words, " ") + `"` + tail
	}},
	{"{do: slow_bytes, at_token: 2, for: 1s}", nil, nil},
	{"{do: dup_usage}", func(w whole) string { return w.join(0, 7) + w.join(6, events8) }, nil},
	{"{do: odd_stream}", func(w whole) string { return strings.ReplaceAll(w.all(), "\n", "\r\n") }, nil},
	{"{do: odd_stream, kind: cr}", func(w whole) string { return strings.ReplaceAll(w.all(), "\n", "\r") }, nil},
	{"{do: odd_stream, kind: bom}", func(w whole) string { return "\ufeff" + w.all() }, nil},
	{"{do: odd_stream, kind: comments}", func(w whole) string { return ": keep-alive\n\n" + w.all() }, nil},
	{"{do: odd_stream, kind: multiline}", func(w whole) string {
		return w.each(func(e string) string { return strings.Replace(e, "data: {", "data: {\ndata: ", 1) })
	}, nil},
	{"{do: odd_stream, kind: big_event, size: 70000}", func(w whole) string {
		return strings.Replace(w[0], "{", `{"padding":"`+strings.Repeat("x", 70000)+`",`, 1) + w.join(1, events8)
	}, nil},
	{"{do: odd_stream, kind: zero_usage}", func(w whole) string {
		return strings.ReplaceAll(w.all(), `"usage":null`, `"usage":{"prompt_tokens":0,"total_tokens":0,"completion_tokens":0}`)
	}, nil},
	{"{do: odd_stream, kind: error_null}", func(w whole) string {
		return w.each(func(e string) string { return strings.Replace(e, "data: {", `data: {"error":null,`, 1) })
	}, nil},
}

// cut says whether the body breaks off: a pipe has no RST, so a client sees an end that came too early.
func cut(action string) bool {
	return strings.Contains(action, "reset") || strings.Contains(action, "short_body")
}

func TestEveryFaultIsSeenToTheByte(t *testing.T) {
	for _, c := range byteCases {
		for _, stream := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s stream=%v", c.action, stream), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					want := watch(t, "", stream)
					events := whole(strings.SplitAfter(want.body, "\n\n"))
					switch {
					case stream && len(events) != events8+1:
						t.Fatalf("%d events without a fault", len(events))
					case stream && c.stream != nil:
						want.body = c.stream(events[:events8])
					case !stream && c.plain != nil:
						want.body = c.plain(want.body)
					}
					expect(&want, c.action)
					got := watch(t, "faults: [{action: "+c.action+"}]", stream)
					if got.body != want.body {
						t.Errorf("got\n%.2000s\nwant\n%.2000s", got.body, want.body)
					}
					if want.body != "" && (got.status != want.status || got.kind != want.kind) {
						t.Errorf("%d %s, want %d %s", got.status, got.kind, want.status, want.kind)
					}
					if broken := got.err != nil; broken != cut(c.action) {
						t.Errorf("error %v", got.err)
					}
				})
			})
		}
	}
}

// expect sets the status and the content type that go with an action.
func expect(v *view, action string) {
	switch {
	case strings.Contains(action, "status"):
		v.status, v.kind = 500, "application/json"
	case strings.Contains(action, "html_error"):
		v.kind = "text/html; charset=utf-8"
	case strings.Contains(action, "json_error"):
		v.kind = "application/json"
	case strings.Contains(action, "wrong_content_type"):
		v.kind = "text/plain; charset=utf-8"
	}
}

func TestEveryActionOfTheCatalogueIsHeldToTheByte(t *testing.T) {
	var all strings.Builder
	for _, c := range byteCases {
		all.WriteString(c.action)
	}
	for _, e := range mockserver.Catalogue() {
		if !strings.HasPrefix(e.Action, "connect") && !strings.Contains(all.String(), "{"+e.Action) {
			t.Errorf("no case has %s", e.Action)
		}
		if e.Does == "" || e.Client == "" {
			t.Errorf("%s says nothing", e.Action)
		}
	}
}

// A stamp is one read of a client: its bytes, and when it came.
type stamp struct {
	at   time.Duration
	text string
}

// reads collects what a client reads, one write of the server a read.
func reads(t *testing.T, config, body string) (got []stamp) {
	t.Helper()
	c := pipe(t, serve(t, config))
	start := time.Now()
	r, err := call(t.Context(), c, "http://h"+chatPath, body)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	buf := make([]byte, 1<<20)
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			got = append(got, stamp{time.Since(start), string(buf[:n])})
		}
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestACharacterIsCutBetweenTwoWrites(t *testing.T) {
	for _, c := range []struct {
		name, action, more string
		first, second      time.Duration
	}{
		{"a stream, the default apart", "{do: split_utf8, at_token: 2}", `,"stream":true`, 240 * ms, 250 * ms},
		{"a stream", "{do: split_utf8, at_token: 2, for: 3ms}", `,"stream":true`, 240 * ms, 243 * ms},
		{"a plain answer", "{do: split_utf8, at_token: 2, for: 3ms}", "", 280 * ms, 283 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := reads(t, "faults: [{action: "+c.action+"}]", chat(5, `,"max_tokens":5`+c.more))
				i := slices.IndexFunc(got, func(s stamp) bool { return strings.HasSuffix(s.text, "\xe6") })
				if i < 0 || i+1 == len(got) || !strings.HasPrefix(got[i+1].text, "\x97\xa5本語") {
					t.Fatalf("no read ends inside 日: %v", got)
				}
				if got[i].at != c.first || got[i+1].at != c.second {
					t.Errorf("at %v and %v, want %v and %v", got[i].at, got[i+1].at, c.first, c.second)
				}
			})
		})
	}
}

func TestSlowBytesComeEvenlyOverTheirTime(t *testing.T) {
	for _, c := range []struct {
		name, more string
		tokens     int
		start      time.Duration
	}{{"an event", `,"stream":true`, 5, 240 * ms}, {"a plain answer", "", 5, 280 * ms}, {"at most 1000 writes", "", 900, 18180 * ms}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := reads(t, "faults: [{action: {do: slow_bytes, at_token: 2, for: 10s}}]", chat(5, fmt.Sprintf(`,"max_tokens":%d%s`, c.tokens, c.more)))
				var slow []stamp
				for _, s := range got {
					if s.at >= c.start {
						slow = append(slow, s)
					}
					if s.at == c.start+10*time.Second {
						break // the later tokens' turn
					}
				}
				n := len(slow)
				if n < 100 || n > 1000 {
					t.Fatalf("%d reads", n)
				}
				for i, s := range slow {
					if want := c.start + 10*time.Second*time.Duration(i)/time.Duration(n-1); s.at != want {
						t.Fatalf("read %d of %d came at %v, want %v", i, n, s.at, want)
					}
					if len(s.text) > max(len(slow[0].text), 1) && i < n-1 {
						t.Fatalf("read %d has %d bytes", i, len(s.text))
					}
				}
			})
		})
	}
}

func TestWhenAFaultOfAPlainAnswerActs(t *testing.T) {
	for _, c := range []struct {
		action string
		want   time.Duration
	}{
		{"{do: error_event, at_token: 2}", 240 * ms},
		{"{do: error_event, at_token: 99}", 280 * ms},
		{"{do: clean_eof, at_token: 2}", 280 * ms}, // half of an answer, which is there with its last token
		{"{do: bad_json, at_token: 2}", 280 * ms},
		{"{do: stall, at_token: 2, for: 1s, then: clean_eof}", 1280 * ms},
		{"{do: html_error}", 0},
	} {
		t.Run(c.action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := reads(t, "faults: [{action: "+c.action+"}]", chat(5, `,"max_tokens":5`)); got[0].at != c.want {
					t.Errorf("it came after %v, want %v", got[0].at, c.want)
				}
			})
		})
	}
}

// What follows a spoiled event keeps its plan.
func TestTheLedgerKnowsWhatASpoiledEventCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "faults: [{action: {do: split_utf8, at_token: 1, for: 5ms}}]")
		if w := post(s, chatPath, chat(1, `,"max_tokens":3,"stream":true`)); !bytes.Contains(w.Body.Bytes(), []byte("日本語")) {
			t.Fatal(w.Body)
		}
		r := s.Truth(0)[0]
		var late []time.Duration
		for i := range r.WrittenNS {
			late = append(late, time.Duration(r.WrittenNS[i]-r.PlannedNS[i]))
		}
		if want := []time.Duration{0, 5 * ms, 0}; !slices.Equal(late, want) {
			t.Errorf("late by %v, want %v", late, want)
		}
	})
}

func TestHalfATokenIsNoneInTheLedger(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{action: {do: short_body, at_token: 2}}]")
	func() {
		defer func() { _ = recover() }() // a recorder has no connection to close
		post(s, chatPath, chat(1, `,"max_tokens":5,"stream":true`))
	}()
	if r := s.Truth(0)[0]; len(r.PlannedNS) != 2 || len(r.WrittenNS) != 2 || r.Outcome != "fault" {
		t.Errorf("%d planned, %d written, %s", len(r.PlannedNS), len(r.WrittenNS), r.Outcome)
	}
}
