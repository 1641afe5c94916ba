package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// sent returns the body of the n-th request.
func sent(t testing.TB, s *server, n int) map[string]any {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal([]byte(s.got()[n].body), &body); err != nil {
		t.Fatal(err)
	}
	return body
}

func TestGenerate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: inTurn(
			keeping(plain(429, "", "", "Retry-After: 3")),
			func(_ int, conn net.Conn) bool {
				time.Sleep(250 * time.Millisecond) // a virtual clock
				return keeping(plain(200, "application/json",
					`{"model":"m-2026","choices":[{"message":{"content":"hi","reasoning_content":"hm"},"finish_reason":"length"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}`,
					"X-Request-Id: r9", "X-Ratelimit-Limit-Requests: 60", "X-Ratelimit-Remaining-Requests: 0", "X-Ratelimit-Reset-Requests: 1m2s",
					"X-Ratelimit-Remaining-Tokens: 149984", "X-Ratelimit-Reset-Tokens: 12ms"))(0, conn)
			},
		)}
		g, err := newClient(t, s, client.Config{Model: "m"}).Generate(t.Context(), "greet", client.GenerateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want := client.Generation{
			Text: "hi", Reasoning: "hm", TokensUsed: 10, Usage: client.Usage{InputTokens: 7, OutputTokens: 3},
			Latency: 250 * time.Millisecond, Model: "m-2026", FinishReason: "length",
			Metadata: client.Metadata{RequestID: "r9", Attempts: g.Metadata.Attempts, RateLimit: &client.RateLimit{
				LimitRequests: 60, LimitTokens: -1, RemainingRequests: 0, RemainingTokens: 149984,
				ResetRequests: 62 * time.Second, ResetTokens: 12 * time.Millisecond,
			}},
		}
		if !reflect.DeepEqual(*g, want) {
			t.Errorf("got  %+v\nwant %+v", *g, want)
		}
		if a := g.Metadata.Attempts; len(a) != 2 || a[0].Status != 429 || a[1].Status != 200 || a[1].Started.Sub(a[0].Done) != 3*time.Second {
			t.Errorf("attempts: %+v", a)
		}
	})
}

func TestGenerateAsks(t *testing.T) {
	tests := []struct {
		sentence string
		opts     client.GenerateOptions
		body     string
	}{
		{"by default", client.GenerateOptions{}, `{"model":"m","messages":[{"role":"user","content":"p"}],"max_tokens":100,"temperature":0.3}`},
		{"with options", client.GenerateOptions{Model: "n", MaxTokens: 5, Temperature: new(0.0), Stop: []string{"x"}}, `{"model":"n","messages":[{"role":"user","content":"p"}],"max_tokens":5,"temperature":0,"stop":["x"]}`},
		{"without a bound", client.GenerateOptions{MaxTokens: client.Off}, `{"model":"m","messages":[{"role":"user","content":"p"}],"temperature":0.3}`},
		{"with further fields", client.GenerateOptions{Extra: map[string]any{"top_k": 1}}, `{"model":"m","messages":[{"role":"user","content":"p"}],"max_tokens":100,"temperature":0.3,"top_k":1}`},
	}
	for _, tt := range tests {
		s := &server{answer: keeping(answered("a"))}
		cfg := measuring
		cfg.Model = "m"
		if _, err := newClient(t, s, cfg).Generate(t.Context(), "p", tt.opts); err != nil {
			t.Fatal(err)
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(tt.body), &want); err != nil {
			t.Fatal(err)
		}
		if got := sent(t, s, 0); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", tt.sentence, got, want)
		}
	}
}

func TestGenerateFails(t *testing.T) {
	s := &server{answer: keeping(plain(400, "application/json", `{"error":"no"}`, "X-Request-Id: r9"))}
	g, err := newClient(t, s, measuring).Generate(t.Context(), "p", client.GenerateOptions{Model: "m"})
	if g != nil || kind(err) != "api 400" || !strings.Contains(err.Error(), "r9") {
		t.Errorf("got %v, %v", g, err)
	}
}

func TestRateLimitHeaders(t *testing.T) {
	tests := []struct {
		sentence string
		headers  []string
		want     *client.RateLimit
	}{
		{"no headers, no limits", nil, nil},
		{"headers that say nothing are none", []string{"X-Ratelimit-Limit-Requests: many", "X-Ratelimit-Reset-Tokens: soon"}, nil},
		{"a bare number is seconds", []string{"X-Ratelimit-Reset-Requests: 1.5"}, &client.RateLimit{-1, -1, -1, -1, 1500 * time.Millisecond, -1}},
	}
	for _, tt := range tests {
		s := &server{answer: keeping(plain(200, "application/json", `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}`, tt.headers...))}
		g, err := newClient(t, s, measuring).Generate(t.Context(), "p", client.GenerateOptions{Model: "m"})
		if err != nil || !reflect.DeepEqual(g.Metadata.RateLimit, tt.want) || g.Model != "m" {
			t.Errorf("%s: %+v, %v", tt.sentence, g, err)
		}
	}
}

// promptOf returns the prompt of a chat request's body.
func promptOf(body string) string {
	var w struct {
		Messages []struct{ Content string } `json:"messages"`
	}
	if json.Unmarshal([]byte(body), &w) != nil || len(w.Messages) == 0 {
		return ""
	}
	return w.Messages[0].Content
}

func TestGenerateBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy, most atomic.Int64
		s := &server{}
		s.answer = func(n int, conn net.Conn) bool {
			prompt := promptOf(s.got()[n].body)
			for now := busy.Add(1); now > most.Load(); {
				most.Store(now)
			}
			var number int
			fmt.Sscanf(prompt, "p%d", &number)
			time.Sleep(time.Duration(20-number) * time.Second) // the first comes last
			busy.Add(-1)
			if prompt == "p3" {
				return keeping(plain(400, "text/plain", "not that one"))(0, conn)
			}
			return keeping(answered(prompt))(0, conn)
		}
		c := newClient(t, s, client.Config{Model: "m", RateLimit: client.Off, MaxConcurrent: 4})
		prompts := make([]string, 12)
		for i := range prompts {
			prompts[i] = fmt.Sprintf("p%d", i)
		}
		for i, r := range c.GenerateBatch(t.Context(), prompts, client.GenerateOptions{}) {
			switch {
			case i == 3 && (kind(r.Err) != "api 400" || r.Generation != nil):
				t.Errorf("prompt 3: %+v, want an error alone", r)
			case i != 3 && (r.Err != nil || r.Generation.Text != prompts[i]):
				t.Errorf("prompt %d: %+v, %v", i, r.Generation, r.Err)
			}
		}
		if most.Load() != 4 {
			t.Errorf("%d requests at once, want 4", most.Load())
		}
		if got := c.GenerateBatch(t.Context(), nil, client.GenerateOptions{}); len(got) != 0 {
			t.Errorf("nothing asked, %d results", len(got))
		}
	})
}

func TestGenerateBatchIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &server{answer: func(n int, conn net.Conn) bool {
			if n < 3 {
				return keeping(answered("a"))(0, conn)
			}
			if n == 3 {
				time.Sleep(time.Second) // a virtual clock: the others are answered by then
				cancel()
			}
			io.Copy(io.Discard, conn) // until the client gives up
			return false
		}}
		c := newClient(t, s, client.Config{Model: "m", RateLimit: client.Off, MaxConcurrent: 2})
		results := c.GenerateBatch(ctx, make([]string, 50), client.GenerateOptions{})
		good := 0
		for i, r := range results {
			if r.Err == nil {
				good++
			} else if !errors.Is(r.Err, context.Canceled) || r.Generation != nil {
				t.Errorf("prompt %d: %v, want the context's error", i, r.Err)
			}
		}
		if good != 3 || len(s.got()) != 5 {
			t.Errorf("%d good results of 3, %d requests sent", good, len(s.got()))
		}
	})
}

func TestGenerateBatchRequest(t *testing.T) {
	usage := `"usage":{"prompt_tokens":9,"completion_tokens":4}`
	tests := []struct {
		sentence string
		answer   string
		want     []string // texts; one in <> is the kind of an error
	}{
		{"in order of their index", plain(200, "application/json", `{"choices":[{"index":2,"text":"c","finish_reason":"stop"},{"index":0,"text":"a","finish_reason":"stop"},{"index":1,"text":"b","finish_reason":"stop"}],`+usage+`}`), []string{"a", "b", "c"}},
		{"several a prompt: the first", plain(200, "application/json", `{"choices":[{"index":0,"text":"a","finish_reason":"stop"},{"index":1,"text":"A","finish_reason":"stop"},{"index":2,"text":"b","finish_reason":"stop"},{"index":3,"text":"B","finish_reason":"stop"},{"index":4,"text":"c","finish_reason":"stop"},{"index":5,"text":"C","finish_reason":"stop"}],`+usage+`}`), []string{"a", "b", "c"}},
		{"one is left out", plain(200, "application/json", `{"choices":[{"index":2,"text":"c","finish_reason":"stop"},{"index":0,"text":"a","finish_reason":"stop"}],`+usage+`}`), []string{"a", "<malformed>", "c"}},
		{"the last is left out", plain(200, "application/json", `{"choices":[{"index":0,"text":"a","finish_reason":"stop"}],`+usage+`}`), []string{"a", "<malformed>", "<malformed>"}},
		{"all fail together", plain(500, "text/plain", "no"), []string{"<api 500>", "<api 500>", "<api 500>"}},
	}
	for _, tt := range tests {
		s := &server{answer: keeping(tt.answer)}
		c := newClient(t, s, measuring)
		results, total := c.GenerateBatchRequest(t.Context(), []string{"x", "y", "z"}, client.GenerateOptions{Model: "m", MaxTokens: 4})
		for i, r := range results {
			got := "<" + kind(r.Err) + ">"
			if r.Err == nil {
				got = r.Generation.Text
			}
			if got != tt.want[i] {
				t.Errorf("%s: prompt %d has %q, want %q", tt.sentence, i, got, tt.want[i])
			}
		}
		if want := (client.Usage{InputTokens: 9, OutputTokens: 4}); tt.want[0] == "a" && total != want {
			t.Errorf("%s: usage %+v", tt.sentence, total)
		}
		want := map[string]any{"model": "m", "prompt": []any{"x", "y", "z"}, "max_tokens": 4.0, "temperature": 0.3}
		if got := sent(t, s, 0); !reflect.DeepEqual(got, want) || len(s.got()) != 1 || s.got()[0].target != "/v1/completions" {
			t.Errorf("%s: sent %v", tt.sentence, got)
		}
	}
}

func TestComplete(t *testing.T) {
	s := &server{answer: keeping(string(transcript(t, "completions.txt")))}
	resp, err := newClient(t, s, measuring).Complete(t.Context(), client.Request{Model: "m", Prompts: []string{"a"}})
	if err != nil || resp.Text != "jal villag peowur ston pamun describe" || s.got()[0].target != "/v1/completions" {
		t.Errorf("got %+v, %v", resp, err)
	}
}

func TestEmbed(t *testing.T) {
	list := func(data string) string {
		return plain(200, "application/json", `{"data":[`+data+`],"usage":{"prompt_tokens":5}}`)
	}
	tests := []struct {
		sentence string
		answer   string
		want     [][]float32
		kind     string
	}{
		{"lists of numbers", list(`{"index":0,"embedding":[1,-2.5]},{"index":1,"embedding":[3]}`), [][]float32{{1, -2.5}, {3}}, "ok"},
		{"base64", list(`{"index":0,"embedding":"AACAPwAAAEA="},{"index":1,"embedding":[3]}`), [][]float32{{1, 2}, {3}}, "ok"},
		{"in the order of the inputs", list(`{"index":1,"embedding":[3]},{"index":0,"embedding":[1]}`), [][]float32{{1}, {3}}, "ok"},
		{"without an index", list(`{"embedding":[1]},{"embedding":[3]}`), [][]float32{{1}, {3}}, "ok"},
		{"too few", list(`{"index":0,"embedding":[1]}`), nil, "malformed"},
		{"one twice", list(`{"index":1,"embedding":[1]},{"index":1,"embedding":[1]}`), nil, "malformed"},
		{"one out of range", list(`{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}`), nil, "malformed"},
		{"a null", list(`{"index":0,"embedding":[1]},{"index":1,"embedding":null}`), nil, "malformed"},
		{"three bytes", list(`{"index":0,"embedding":"AAA="},{"index":1,"embedding":[1]}`), nil, "malformed"},
		{"an error", plain(400, "application/json", `{"error":"no"}`), nil, "api 400"},
	}
	for _, tt := range tests {
		s := &server{answer: keeping(tt.answer)}
		got, usage, err := newClient(t, s, measuring).Embed(t.Context(), client.Request{Model: "m", Prompts: []string{"a", "b"}})
		if kind(err) != tt.kind || !reflect.DeepEqual(got, tt.want) || err == nil && usage.InputTokens != 5 {
			t.Errorf("%s: %v, %+v, %v", tt.sentence, got, usage, err)
		}
	}
	s := &server{answer: keeping(string(transcript(t, "embeddings.txt")))}
	got, _, err := newClient(t, s, measuring).Embed(t.Context(), client.Request{Model: "m", Prompts: []string{"a", "b"}})
	if err != nil || len(got) != 2 || len(got[1]) != 256 {
		t.Errorf("a real server's: %d vectors, %v", len(got), err)
	}
}

// writes counts how often it is encoded.
type writes struct{ n atomic.Int64 }

func (w *writes) MarshalJSON() ([]byte, error) {
	w.n.Add(1)
	return []byte("1"), nil
}

// TestABatchThatIsOverEncodesNothing, and still counts each of its calls.
func TestABatchThatIsOverEncodesNothing(t *testing.T) {
	c := newClient(t, &server{answer: keeping(answered("a"))}, client.Config{Model: "m"})
	var extra writes
	for i, r := range c.GenerateBatch(canceled(t), make([]string, 50), client.GenerateOptions{Extra: map[string]any{"x": &extra}}) {
		if !errors.Is(r.Err, context.Canceled) {
			t.Errorf("prompt %d: %v", i, r.Err)
		}
	}
	if n, m := extra.n.Load(), c.Metrics(); n != 0 || m.Outcomes["cancelled"] != 50 {
		t.Errorf("%d encoded, metrics %+v", n, m)
	}
}
