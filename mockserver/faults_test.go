package mockserver_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/llmload/llmload/mockserver"
)

// seen is what a plain net/http client sees of an answer.
type seen struct {
	status  int
	kind    string // content type
	body    string
	err     error // of the body
	callErr error
}

func look(t *testing.T, s *mockserver.Server, body string) (seen, http.Header) {
	t.Helper()
	srv := httptest.NewServer(s)
	defer srv.Close()
	c := srv.Client()
	r, err := call(t.Context(), c, srv.URL+chatPath, body)
	if err != nil {
		return seen{callErr: err}, nil
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return seen{status: r.StatusCode, kind: kind, body: string(b), err: err}, r.Header
}

const sse, js, html = "text/event-stream", "application/json", "text/html"

var faultCases = []struct {
	name, action string
	stream       bool
	status       int
	kind         string
	tokens       int    // content events seen
	contains     string // in the body
	lacks        string
	err          error // of reading the body, or of the call where status is 0
	outcome      string
	logged       string
}{
	{"a status with the error object", "{status: 500}", true, 500, js, 0, `"type":"server_error"`, "", nil, "fault", "status 500"},
	{"a status with a body of its own", "{status: 429, body: slow down}", false, 429, js, 0, "slow down", "error", nil, "fault", "status 429"},
	{"a reset at token 3 of a stream", "{at_token: 3, do: reset}", true, 200, sse, 3, "", "finish_reason\":\"", syscall.ECONNRESET, "fault", "reset@3"},
	{"a reset before the first token comes after the headers", "{do: reset}", true, 200, sse, 0, "", "data", syscall.ECONNRESET, "fault", "reset@0"},
	{"a reset past the end comes right after the last token", "{at_token: 99, do: reset}", true, 200, sse, 8, "", "finish_reason\":\"", syscall.ECONNRESET, "fault", "reset@99"},
	{"a reset of a plain answer comes instead of it", "{do: reset}", false, 0, "", 0, "", "", syscall.ECONNRESET, "fault", "reset@0"},
	{"a clean end without an end marker", "{at_token: 3, do: clean_eof}", true, 200, sse, 3, "", "finish_reason\":\"", nil, "fault", "clean_eof@3"},
	{"half of a plain answer", "{do: clean_eof}", false, 200, js, 0, `{"id"`, "usage", nil, "fault", "clean_eof@0"},
	{"everything but [DONE]", "{do: no_done}", true, 200, sse, 8, `"usage":{`, "[DONE]", nil, "fault", "no_done"},
	{"no_done leaves a plain answer whole", "{do: no_done}", false, 200, js, 0, `"usage":{`, "", nil, "done", "no_done"},
	{"an error object inside a stream", "{at_token: 5, do: error_event}", true, 200, sse, 5, `data: {"error":{"message":`, "[DONE]", nil, "fault", "error_event@5"},
	{"an error object instead of a plain answer", "{do: error_event}", false, 200, js, 0, `{"error":{"message":`, "choices", nil, "fault", "error_event@0"},
	{"a page of HTML instead of a stream", "{do: html_error}", true, 200, html, 0, "<html>", "data", nil, "fault", "html_error"},
	{"a page of HTML instead of a plain answer", "{do: html_error}", false, 200, html, 0, "<html>", "choices", nil, "fault", "html_error"},
	{"a status with blanks behind its body", "{status: 503, body: no, size: 200000}", true, 503, js, 0, "no  ", "", nil, "fault", "status 503"},
	{"an error event that is named", "{at_token: 5, do: error_event, kind: named}", true, 200, sse, 5, "event: error\ndata: {\"error\":{", "[DONE]", nil, "fault", "error_event@5 named"},
	{"an error event that is a text", "{at_token: 5, do: error_event, kind: text}", true, 200, sse, 5, `data: {"error":"The engine`, "[DONE]", nil, "fault", "error_event@5 text"},
	{"a plain answer that is an error as a text", "{do: error_event, kind: text}", false, 200, js, 0, `{"error":"The engine`, "choices", nil, "fault", "error_event@0 text"},
	{"an error object instead of a stream", "{do: json_error}", true, 200, js, 0, `{"error":{"message":`, "data", nil, "fault", "json_error"},
	{"a connection closed in the middle of an event", "{at_token: 3, do: short_body}", true, 200, sse, 3, "", "[DONE]", io.ErrUnexpectedEOF, "fault", "short_body@3"},
	{"a connection closed in the middle of the last event", "{at_token: 99, do: short_body}", true, 200, sse, 7, "", "finish_reason\":\"", io.ErrUnexpectedEOF, "fault", "short_body@99"},
	{"a plain answer shorter than its length", "{do: short_body}", false, 200, js, 0, `{"id"`, "usage", io.ErrUnexpectedEOF, "fault", "short_body@0"},
	{"an event with half of its JSON", "{at_token: 3, do: bad_json}", true, 200, sse, 7, "[DONE]", "", nil, "fault", "bad_json@3"},
	{"a plain answer that begins with two braces", "{do: bad_json}", false, 200, js, 0, `{{"id"`, "", nil, "fault", "bad_json@0"},
	{"two events that run together", "{at_token: 3, do: bad_sse}", true, 200, sse, 8, "}\ndata: {", "", nil, "fault", "bad_sse@3"},
	{"an event without its field name", "{at_token: 3, do: bad_sse, kind: no_data}", true, 200, sse, 8, "\n\n{\"id\"", "", nil, "fault", "bad_sse@3 no_data"},
	{"bad_sse leaves a plain answer whole", "{do: bad_sse}", false, 200, js, 0, `"usage":{`, "", nil, "done", "bad_sse@0"},
	{"a stream as plain text", "{do: wrong_content_type}", true, 200, "text/plain", 8, "[DONE]", "", nil, "fault", "wrong_content_type"},
	{"a plain answer as plain text", "{do: wrong_content_type}", false, 200, "text/plain", 0, `"usage":{`, "", nil, "fault", "wrong_content_type"},
	{"a character cut between two writes", "{at_token: 3, do: split_utf8, for: 1ms}", true, 200, sse, 8, `" 日本語"`, "", nil, "done", "split_utf8@3 1ms"},
	{"a character of the last token cut between two writes", "{at_token: 99, do: split_utf8, for: 1ms}", true, 200, sse, 8, `" 日本語"`, "", nil, "done", "split_utf8@99 1ms"},
	{"a character of a plain answer cut between two writes", "{at_token: 3, do: split_utf8, for: 1ms}", false, 200, js, 0, " 日本語 ", "", nil, "done", "split_utf8@3 1ms"},
	{"an event byte by byte", "{at_token: 3, do: slow_bytes, for: 2ms}", true, 200, sse, 8, "[DONE]", "", nil, "done", "slow_bytes@3 2ms"},
	{"a plain answer byte by byte", "{do: slow_bytes, for: 2ms}", false, 200, js, 0, `"usage":{`, "", nil, "done", "slow_bytes@0 2ms"},
	{"usage twice", "{do: dup_usage}", true, 200, sse, 8, "\"completion_tokens\":8}}\n\ndata: {\"id\"", "", nil, "done", "dup_usage"},
	{"dup_usage leaves a plain answer whole", "{do: dup_usage}", false, 200, js, 0, `"usage":{`, "", nil, "done", "dup_usage"},
	{"lines that end in CR LF", "{do: odd_stream}", true, 200, sse, 8, "data: [DONE]\r\n\r\n", "\n\n", nil, "done", "odd_stream"},
	{"lines that end in CR", "{do: odd_stream, kind: cr}", true, 200, sse, 8, "data: [DONE]\r\r", "\n", nil, "done", "odd_stream cr"},
	{"a byte order mark", "{do: odd_stream, kind: bom}", true, 200, sse, 8, "\ufeffdata: {", "\n\ufeff", nil, "done", "odd_stream bom"},
	{"keep-alive comments", "{do: odd_stream, kind: comments}", true, 200, sse, 8, ": keep-alive\n\ndata: {", "", nil, "done", "odd_stream comments"},
	{"two data lines an event", "{do: odd_stream, kind: multiline}", true, 200, sse, 8, "data: {\ndata: \"id\"", "data: {\"", nil, "done", "odd_stream multiline"},
	{"a big first event", "{do: odd_stream, kind: big_event}", true, 200, sse, 8, strings.Repeat("x", 128<<10), strings.Repeat("x", 128<<10+1), nil, "done", "odd_stream big_event"},
	{"a first event of a size", "{do: odd_stream, kind: big_event, size: 20}", true, 200, sse, 8, `"padding":"xxxxxxxxxxxxxxxxxxxx","id"`, "", nil, "done", "odd_stream big_event"},
	{"an error that is null in each event", "{do: odd_stream, kind: error_null}", true, 200, sse, 8, `data: {"error":null,"id"`, `data: {"id"`, nil, "done", "odd_stream error_null"},
	{"odd_stream leaves a plain answer whole", "{do: odd_stream, kind: bom}", false, 200, js, 0, `{"id"`, "\ufeff", nil, "done", "odd_stream bom"},
	{"a stall that goes on ends well", "{at_token: 4, do: stall, for: 1ms}", true, 200, sse, 8, "[DONE]", "", nil, "done", "stall@4 1ms then continue"},
	{"a stall and a reset", "{at_token: 4, do: stall, for: 1ms, then: reset}", true, 200, sse, 4, "", "[DONE]", syscall.ECONNRESET, "fault", "stall@4 1ms then reset"},
	{"a stall and a clean end", "{at_token: 4, do: stall, for: 1ms, then: clean_eof}", true, 200, sse, 4, "", "[DONE]", nil, "fault", "stall@4 1ms then clean_eof"},
	{"a stall and a reset of a plain answer", "{do: stall, for: 1ms, then: reset}", false, 0, "", 0, "", "", syscall.ECONNRESET, "fault", "stall@0 1ms then reset"},
	{"a stall and half of a plain answer", "{do: stall, for: 1ms, then: clean_eof}", false, 200, js, 0, `{"id"`, "usage", nil, "fault", "stall@0 1ms then clean_eof"},
}

func TestFaultsAsAClientSeesThem(t *testing.T) {
	for _, config := range []string{"", "stream: {tokens_per_chunk: 1}", "engine: {ttft: 2ms, itl: 1ms}"} {
		for _, c := range faultCases {
			t.Run(c.name+" "+config, func(t *testing.T) {
				engine := "engine: {model: none}\n"
				if strings.HasPrefix(config, "engine") {
					engine = ""
				}
				s := serve(t, engine+config+"\nfaults: [{action: "+c.action+"}]")
				more := `,"max_tokens":8`
				if c.stream {
					more += `,"stream":true,"stream_options":{"include_usage":true}`
				}
				got, _ := look(t, s, chat(5, more))
				if got.status != c.status || got.kind != c.kind {
					t.Errorf("status %d %s, want %d %s", got.status, got.kind, c.status, c.kind)
				}
				if n := strings.Count(got.body, `"delta":{"role":"assistant","content"`) + strings.Count(got.body, `"delta":{"content"`); n != c.tokens {
					t.Errorf("%d tokens, want %d", n, c.tokens)
				}
				if !strings.Contains(got.body, c.contains) || c.lacks != "" && strings.Contains(got.body, c.lacks) {
					t.Errorf("want %q and not %q in\n%s", c.contains, c.lacks, got.body)
				}
				if err := errors.Join(got.err, got.callErr); !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				checkLogged(t, s, c.status, c.outcome, c.logged)
			})
		}
	}
}

func checkLogged(t *testing.T, s *mockserver.Server, status int, outcome, action string) {
	t.Helper()
	if _, err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	recs := s.Truth(0)
	if len(recs) != 1 {
		t.Fatalf("%d records", len(recs))
	}
	r := recs[0]
	got := fmt.Sprint(r.Status, " ", r.Outcome, " ", r.Fault, " ", r.Action)
	if want := fmt.Sprint(status, " ", outcome, " ", "faults[0]", " ", action); got != want {
		t.Errorf("the ledger says %q, want %q", got, want)
	}
}

func TestAFaultCutsAChunkAtItsToken(t *testing.T) {
	s := serve(t, "engine: {model: none}\nstream: {tokens_per_chunk: 4}\nfaults: [{action: {at_token: 6, do: clean_eof}}]")
	w := post(s, chatPath, chat(5, `,"max_tokens":8,"stream":true`))
	var words int
	for _, e := range events(w.Body.Bytes()) {
		_, text, _ := strings.Cut(e, `"content":"`)
		text, _, _ = strings.Cut(text, `"`)
		words += len(strings.Fields(text))
	}
	if words != 6 {
		t.Errorf("%d tokens went before the fault", words)
	}
}

// Where no token is seen, what spoils an event spoils the one that says why the answer ends.
func TestAFaultOfAnAnswerThatShowsNoToken(t *testing.T) {
	for action, want := range map[string]struct {
		lines   int    // with data
		lacks   string // of the whole stream
		outcome mockserver.Outcome
	}{
		"{do: bad_json}":                     {2, `"finish_reason":"length"`, "fault"},
		"{do: bad_sse, kind: no_data}":       {1, `data: {`, "fault"},
		"{do: split_utf8}":                   {2, "日", "done"},
		"{do: slow_bytes, for: 1ms}":         {2, "日", "done"},
		"{do: short_body, at_token: 1}":      {1, "[DONE]", "fault"},
		"{do: clean_eof}":                    {0, "data", "fault"},
		"{do: error_event, at_token: 7}":     {1, "[DONE]", "fault"},
		"{do: stall, for: 1ms, at_token: 7}": {2, "日", "done"},
		"{do: odd_stream, kind: error_null}": {2, "日", "done"},
		"{do: odd_stream, kind: zero_usage}": {2, "zero", "done"},
		"{do: dup_usage}":                    {2, "日", "done"},
	} {
		for _, more := range []string{"", `,"n":2`} {
			t.Run(action+more, func(t *testing.T) {
				s := serve(t, "engine: {model: none}\noutput: {reasoning: 9, reasoning_mode: hidden}\nfaults: [{action: "+action+"}]")
				got, _ := look(t, s, chat(3, `,"stream":true,"max_tokens":4`+more))
				wanted := want.lines
				if more != "" && (want.lines == 2 || strings.Contains(action, "no_data")) {
					wanted++ // that of the second choice
				}
				if n := strings.Count(got.body, "data: "); n != wanted {
					t.Errorf("%d events, want %d: %q", n, wanted, got.body)
				}
				if more == "" && strings.Contains(got.body, want.lacks) {
					t.Errorf("%q in %q", want.lacks, got.body)
				}
				if _, err := s.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				if r := s.Truth(0)[0]; r.Outcome != want.outcome {
					t.Errorf("outcome %q", r.Outcome)
				}
			})
		}
	}
}

// What goes before a token, such as a role in an event of its own, is whole.
func TestAFaultSpoilsTheEventOfItsToken(t *testing.T) {
	for _, dialect := range []string{"openai", "vllm", "sglang"} {
		for action, want := range map[string]string{
			"{do: split_utf8, at_token: 0}":             "日本語",
			"{do: split_utf8, at_token: 1}":             "日本語",
			"{do: bad_sse, at_token: 0, kind: no_data}": "\n\n{",
			"{do: bad_json, at_token: 0}":               "",
		} {
			s := serve(t, "engine: {model: none}\ndialect: "+dialect+"\nfaults: [{action: "+action+"}]")
			body := post(s, chatPath, chat(3, `,"stream":true,"max_tokens":4`)).Body.String()
			whole := 0
			for _, e := range events([]byte(body)) {
				if json.Valid([]byte(e)) {
					whole++
				}
			}
			// Three tokens and the finish are whole whatever happens; the role too, where it is apart.
			least := map[string]int{"openai": 4, "vllm": 5, "sglang": 5}[dialect]
			if whole < least || !strings.Contains("\n\n"+body, want) || dialect != "openai" && !strings.Contains(strings.SplitN(body, "\n\n", 2)[0], `"role":"assistant"`) {
				t.Errorf("%s %s: %d whole events in %s", dialect, action, whole, body)
			}
		}
	}
}

func TestAFaultOfAPlainAnswerCountsTheTokensThatAreSeen(t *testing.T) {
	s := serve(t, "engine: {model: none}\noutput: {reasoning: 3, reasoning_mode: hidden}\nfaults: [{action: {do: split_utf8, at_token: 1}}]")
	if got := strings.Fields(ask(t, s, chat(1, `,"max_tokens":6`)).Choices[0].Message.Content); len(got) != 3 || got[1] != "日本語" {
		t.Errorf("%q", got)
	}
}

func TestZeroUsageIsInEveryDialect(t *testing.T) {
	for _, dialect := range []string{"openai", "vllm", "sglang"} {
		s := serve(t, "engine: {model: none}\ndialect: "+dialect+"\nfaults: [{action: {do: odd_stream, kind: zero_usage}}]")
		got := events(post(s, chatPath, chat(3, `,"stream":true,"max_tokens":4,"stream_options":{"include_usage":true}`)).Body.Bytes())
		for i, e := range got[:len(got)-2] {
			if !json.Valid([]byte(e)) || strings.Count(e, `"usage":{"prompt_tokens":0,`) != 1 || strings.Count(e, `"usage"`) != 1 {
				t.Errorf("%s: event %d is %s", dialect, i, e)
			}
		}
		if last := got[len(got)-2]; !strings.Contains(last, `"usage":{"prompt_tokens":3,`) {
			t.Errorf("%s: the last usage is %s", dialect, last)
		}
		if body := post(s, chatPath, chat(3, `,"stream":true`)).Body.String(); strings.Contains(body, "usage") {
			t.Errorf("%s: usage that nobody asked for: %s", dialect, body)
		}
	}
}

func TestAnActionAsText(t *testing.T) {
	for want, a := range map[string]mockserver.Action{
		"none": {}, "stall@17 20s then reset": {Do: "stall", AtToken: 17, For: 20 * time.Second, Then: "reset"}, "no such thing": {Do: "no such thing"}, "status 429": {Status: 429},
	} {
		if got := a.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestResetWithoutAConnectionAborts(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{action: {do: reset}}]")
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("panic %v", v)
		}
		if got := s.State().InFlight; got != 0 {
			t.Errorf("%d in flight", got)
		}
	}()
	post(s, chatPath, chat(1, ""))
}

// A hijackHook sees the moment in which the connection is cut.
type hijackHook struct {
	*httptest.ResponseRecorder
	inFlight func() int
	seen     int
}

func (h *hijackHook) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.seen = h.inFlight()
	a, _ := net.Pipe()
	return a, nil, nil
}

func TestAnAttemptHasLeftBeforeItsConnectionIsReset(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{action: {do: reset}}]")
	h := &hijackHook{httptest.NewRecorder(), func() int { return s.State().InFlight }, -1}
	s.ServeHTTP(h, httptest.NewRequest("POST", chatPath, strings.NewReader(chat(1, ""))))
	if h.seen != 0 {
		t.Errorf("%d in flight at the reset", h.seen)
	}
}

func TestResetOverTLS(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{action: {do: reset, at_token: 1}}]")
	srv := httptest.NewTLSServer(s)
	defer srv.Close()
	r, err := call(t.Context(), srv.Client(), srv.URL+chatPath, chat(1, `,"stream":true`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if _, err := io.ReadAll(r.Body); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
}

func TestRetryAfterHeaders(t *testing.T) {
	for _, c := range []struct{ after, seconds, ms string }{
		{"2s", "2", "2000"}, {"100ms", "1", "100"}, {"2001ms", "3", "2001"},
	} {
		s := serve(t, "faults: [{action: {status: 429, retry_after: "+c.after+"}}]")
		_, h := look(t, s, chat(1, ""))
		if h.Get("Retry-After") != c.seconds || h.Get("Retry-After-Ms") != c.ms {
			t.Errorf("%s: Retry-After %q, Retry-After-Ms %q", c.after, h.Get("Retry-After"), h.Get("Retry-After-Ms"))
		}
	}
}

// hits posts n requests and returns which of them were hit, from 1.
func hits(s *mockserver.Server, n int, header func(i int) []string) (hit []int) {
	for i := 1; i <= n; i++ {
		var h []string
		if header != nil {
			h = header(i)
		}
		if post(s, chatPath, chat(1, `,"max_tokens":1`), h...).Code != 200 {
			hit = append(hit, i)
		}
	}
	return hit
}

func TestWhenFaultsHit(t *testing.T) {
	idOf := func(i int) []string { return []string{"X-Request-Id", fmt.Sprint("r", i%3)} }
	for _, c := range []struct {
		name, faults string
		header       func(i int) []string
		want         []int
	}{
		{"without when, always", "[{action: {status: 500}}]", nil, []int{1, 2, 3, 4, 5, 6, 7}},
		{"the first two", "[{when: {first: 2}, action: {status: 500}}]", nil, []int{1, 2}},
		{"the first of each id", "[{when: {first: 1, per: 'header:x-request-id'}, action: {status: 500}}]", idOf, []int{1, 2, 3}},
		{"the first two of each id", "[{when: {first: 2, per: 'header:x-request-id'}, action: {status: 500}}]", idOf, []int{1, 2, 3, 4, 5, 6}},
		{"every third", "[{when: {every: 3}, action: {status: 500}}]", nil, []int{3, 6}},
		{"a path that matches", "[{match: {path: '/v1/chat/*'}, when: {first: 1}, action: {status: 500}}]", nil, []int{1}},
		{"a path that does not", "[{match: {path: '/v1/embeddings'}, action: {status: 500}}]", nil, nil},
		{"a header that matches", "[{match: {header: {x-request-id: r1}}, action: {status: 500}}]", idOf, []int{1, 4, 7}},
		{"streams alone", "[{match: {stream: true}, action: {status: 500}}]", nil, nil},
		{"plain answers alone", "[{match: {stream: false}, when: {first: 1}, action: {status: 500}}]", nil, []int{1}},
		{
			"what an earlier fault hit is not counted by a later one",
			"[{when: {first: 2}, action: {status: 500}}, {when: {every: 2}, action: {status: 503}}]", nil,
			[]int{1, 2, 4, 6},
		},
		{"certain by probability", "[{when: {probability: 1}, action: {status: 500}}]", nil, []int{1, 2, 3, 4, 5, 6, 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, "engine: {model: none}\nfaults: "+c.faults)
			if got := hits(s, 7, c.header); !slices.Equal(got, c.want) {
				t.Errorf("hit %v, want %v", got, c.want)
			}
		})
	}
}

func TestProbabilityIsSeededAndKept(t *testing.T) {
	const faults = "engine: {model: none}\nfaults: [{when: {probability: 0.1}, action: {status: 500}}]\n"
	a := hits(serve(t, faults+"seed: 7"), 2000, nil)
	b := hits(serve(t, faults+"seed: 7"), 2000, nil)
	c := hits(serve(t, faults+"seed: 8"), 2000, nil)
	if !slices.Equal(a, b) {
		t.Error("the same seed hit other requests")
	}
	if slices.Equal(a, c) {
		t.Error("another seed hit the same requests")
	}
	// Binomial(2000, 0.1): mean 200, standard deviation 13.4; 4.5 of those either way.
	for _, h := range [][]int{a, c} {
		if len(h) < 140 || len(h) > 260 {
			t.Errorf("%d of 2000 hit at 0.1", len(h))
		}
	}
}

func TestAStageHasFaultsAndCountersOfItsOwn(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{when: {first: 1}, action: {status: 500}}]")
	var got [][]int
	var markers []int64
	begin := func(name string, faults []mockserver.Fault) {
		t.Helper()
		n, err := s.BeginStage(name, faults)
		if err != nil {
			t.Fatal(err)
		}
		markers = append(markers, n)
		got = append(got, hits(s, 4, nil))
	}
	begin("config", nil)
	begin("none", []mockserver.Fault{})
	begin("own", []mockserver.Fault{{When: mockserver.When{Every: 2}, Action: mockserver.Action{Status: 503}}})
	begin("config again", nil)
	if want := "[[1] [] [2 4] [1]]"; fmt.Sprint(got) != want {
		t.Errorf("hit %v, want %s", got, want)
	}
	if want := []int64{0, 4, 8, 12}; !slices.Equal(markers, want) {
		t.Errorf("markers %v, want %v", markers, want)
	}
	if stage := s.Truth(0)[5].Stage; stage != "none" {
		t.Errorf("the record's stage is %q", stage)
	}
	if _, err := s.BeginStage("bad", []mockserver.Fault{{}}); err == nil {
		t.Error("a fault without an action was taken")
	}
}
