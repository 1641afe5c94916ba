package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/llmload/llmload/client"
)

// receive sends one request to a server that answers with body as a stream.
func receive(t testing.TB, body string) (*client.Response, error) {
	t.Helper()
	s := &server{answer: bytesOf(streamed(body))}
	cfg := measuring
	cfg.Dial = s.dial
	c, err := client.New(t.Context(), "http://test.invalid", cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.Chat(t.Context(), hello(true))
}

// TestTextIsExact: events are decoded by their likeness to the one before where
// that is possible. Whatever the text, the field and the surroundings, nothing
// may come out different from what was put in.
func TestTextIsExact(t *testing.T) {
	texts := []string{
		"a", "b", " hello", "", "a\"b", `back\slash`, "new\nline", "tab\t", "\u4e2d\u6587", "\U0001f600", "<&>", "\u2028", "\x00",
		`"content":"x"`, `","content":"y`, `{"choices":[]}`, "data: [DONE]", `\"}]}`, "x", "y", "[DONE]",
	}
	shapes := map[string]string{
		"chat":          `{"id":"1","model":"m","choices":[{"index":0,"delta":{"content":%s},"finish_reason":null}]}`,
		"spaced":        `{"choices": [{"index": 0, "delta": {"role": "assistant", "content": %s}, "logprobs": null, "finish_reason": null}], "usage": null}`,
		"name twice":    `{"choices":[{"index":0,"delta":{"content":%s},"logprobs":{"content":[{"token":"a","content":"a"}]}}]}`,
		"completions":   `{"choices":[{"index":0,"text":%s,"finish_reason":null}],"usage":{"prompt_tokens":0}}`,
		"content last":  `{"choices":[{"delta":{"content":%s}}]}`,
		"second choice": `{"choices":[{"index":1,"delta":{"content":%s},"finish_reason":"stop"}]}`,
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			var body strings.Builder
			for _, text := range append(texts, texts...) {
				quoted, err := json.Marshal(text)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&body, "data: "+shape+"\n\n", quoted)
			}
			resp, err := receive(t, body.String()+done)
			if err != nil {
				t.Fatal(err)
			}
			got := resp.Choices[len(resp.Choices)-1].Text
			if want := strings.Join(append(texts, texts...), ""); got != want {
				t.Errorf("got %q\nwant %q", got, want)
			}
			if want := 2 * (len(texts) - 1); resp.ContentEvents != want {
				t.Errorf("%d content events, want %d: the empty text is none", resp.ContentEvents, want)
			}
		})
	}
}

// TestLikenessIsNotTrusted: cases where a careless comparison takes the wrong
// part of an event for its content.
func TestLikenessIsNotTrusted(t *testing.T) {
	noted := `data: {"note":{"content":"%s"},"choices":[{"index":0,"delta":{"content":"%s"}}]}` + "\n\n"
	tests := []struct{ sentence, body, want string }{
		{"another field of the same name and value", fmt.Sprintf(noted, "a", "a") + fmt.Sprintf(noted, "b", "a"), "aa"},
		{"bytes that are no UTF-8", says("a") + strings.Replace(says("X"), "X", "\xff", 1), "a\ufffd"},
		{"an error event in a chunk's clothes", says("a") + "event: error\n" + says("b"), "a"},
		{"an event that begins like the last and ends in nothing", says("a") + strings.TrimSuffix(says("b"), "\"},\"finish_reason\":null}]}\n\n") + "\n\n", "a"},
	}
	for _, tt := range tests {
		t.Run(tt.sentence, func(t *testing.T) {
			if resp, _ := receive(t, tt.body+done); resp.Text != tt.want {
				t.Errorf("got %q, want %q", resp.Text, tt.want)
			}
		})
	}
}

func delta(s string) string { return `data: {"choices":[{"index":0,"delta":` + s + `}]}` + "\n\n" }

var answers = []struct {
	sentence string
	body     string
	check    func(*client.Response) bool
}{
	{
		"reasoning is apart from the text, in vLLM's words",
		delta(`{"reasoning_content":"h"}`) + delta(`{"reasoning_content":"m"}`) + delta(`{"content":"a"}`),
		func(r *client.Response) bool { return r.Reasoning == "hm" && r.Text == "a" },
	},
	{
		"and in Ollama's",
		delta(`{"content":"","reasoning":"h"}`) + delta(`{"content":"","reasoning":"m"}`) + delta(`{"content":"a"}`),
		func(r *client.Response) bool { return r.Reasoning == "hm" && r.Text == "a" },
	},
	{
		"a server that sends both words says it once",
		delta(`{"reasoning_content":"h","reasoning":"h"}`) + delta(`{"reasoning_content":"m","reasoning":"m"}`),
		func(r *client.Response) bool { return r.Reasoning == "hm" },
	},
	{
		"a chunk may bring reasoning and text",
		delta(`{"reasoning_content":"h","content":"a"}`) + delta(`{"reasoning_content":"m","content":"b"}`),
		func(r *client.Response) bool { return r.Reasoning == "hm" && r.Text == "ab" },
	},
	{
		"a refusal is apart too", delta(`{"refusal":"n"}`) + delta(`{"refusal":"o"}`),
		func(r *client.Response) bool { return r.Refusal == "no" && r.Text == "" },
	},
	{
		"tool calls are put together by their index",
		delta(`{"tool_calls":[{"index":0,"id":"t1","function":{"name":"f","arguments":"{"}}]}`) +
			delta(`{"tool_calls":[{"index":1,"id":"t2","function":{"name":"g","arguments":"[]"}}]}`) +
			delta(`{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}`),
		func(r *client.Response) bool {
			return slices.Equal(r.ToolCalls, []client.ToolCall{{Index: 0, ID: "t1", Name: "f", Arguments: "{}"}, {Index: 1, ID: "t2", Name: "g", Arguments: "[]"}})
		},
	},
	{
		"choices are apart",
		`data: {"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}` + "\n\n" +
			`data: {"choices":[{"index":1,"delta":{"content":"d"},"finish_reason":"length"}]}` + "\n\n",
		func(r *client.Response) bool {
			return r.Text == "a" && len(r.Choices) == 2 && r.Choices[1].Text == "bd" && r.Choices[1].FinishReason == "length" && r.FinishReason == "stop"
		},
	},
	{
		"cached and reasoning tokens are told apart",
		delta(`{"content":"a"}`) + `data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}}` + "\n\n",
		func(r *client.Response) bool {
			return r.UsageKnown && r.Usage == client.Usage{InputTokens: 9, CachedTokens: 4, OutputTokens: 5, ReasoningTokens: 3}
		},
	},
	{
		"usage that is all zero is not known", withUsage("a", 0, 0),
		func(r *client.Response) bool { return !r.UsageKnown },
	},
	{
		"usage may have null parts", delta(`{"content":"a"}`) + `data: {"choices":null,"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_tokens_details":null}}` + "\n\n",
		func(r *client.Response) bool { return r.Usage.InputTokens == 9 },
	},
}

func TestWhatAnAnswerHolds(t *testing.T) {
	for _, tt := range answers {
		t.Run(tt.sentence, func(t *testing.T) {
			if resp, err := receive(t, tt.body+done); err != nil || !tt.check(resp) {
				t.Errorf("got %+v, %v", resp, err)
			}
		})
	}
}

func TestPlainAnswers(t *testing.T) {
	tests := []struct {
		sentence string
		request  client.Request
		body     string
		check    func(*client.Response) bool
	}{
		{
			"two tool calls without an index are two", chat,
			`{"choices":[{"message":{"content":null,"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"[]"}}]},"finish_reason":"tool_calls"}]}`,
			func(r *client.Response) bool { return len(r.ToolCalls) == 2 && r.ToolCalls[1].Arguments == "[]" },
		},
		{
			"completions of several prompts come in order of their index", completion,
			`{"choices":[{"index":1,"text":"b","finish_reason":"stop"},{"index":0,"text":"a","finish_reason":"stop"}]}`,
			func(r *client.Response) bool { return len(r.Choices) == 2 && r.Choices[1].Text == "b" && r.Text == "a" },
		},
		{
			"embeddings may be base64", embedding, `{"data":[{"embedding":"AACAPwAAAEA="}],"usage":{"prompt_tokens":2}}`,
			func(r *client.Response) bool {
				return r.Embeddings == 1 && r.Dimensions == 2 && r.Usage.InputTokens == 2
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.sentence, func(t *testing.T) {
			s := &server{answer: bytesOf(plain(200, "application/json; charset=utf-8", tt.body))}
			if resp, err := newClient(t, s, measuring).Chat(t.Context(), tt.request); err != nil || !tt.check(resp) {
				t.Errorf("got %+v, %v", resp, err)
			}
		})
	}
	for _, body := range []string{`{"data":[]}`, `{"data":[{"embedding":{}}]}`, `{"data":[{"embedding":"AAA="}]}`} {
		s := &server{answer: bytesOf(plain(200, "application/json", body))}
		if _, err := newClient(t, s, measuring).Chat(t.Context(), embedding); kind(err) != "malformed" {
			t.Errorf("%s: %v, want malformed", body, err)
		}
	}
}

// bodiesOf returns what two real servers sent, without the headers.
func bodiesOf(t testing.TB, pattern string) (bodies []string) {
	t.Helper()
	for _, server := range []string{"", "llama-cpp-python"} {
		files, err := filepath.Glob(filepath.Join("testdata", server, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no transcripts: %v", err)
		}
		for _, name := range files {
			_, body, ok := strings.Cut(readFile(t, name), "\r\n\r\n")
			if !ok {
				t.Fatalf("%s has no end of headers", name)
			}
			bodies = append(bodies, body)
		}
	}
	return bodies
}

// FuzzStream: whatever a server sends, both ways of reading agree, wherever the
// bytes are split, and nothing panics.
func FuzzStream(f *testing.F) {
	for _, body := range bodiesOf(f, "*.txt") {
		f.Add(body, uint(len(body)/3))
	}
	f.Add("event: error\ndata: x\n\n", uint(3))
	f.Add(says("a")+says(`b"`)+ends("stop")+counts(1, 2)+done, uint(40))
	f.Fuzz(func(t *testing.T, body string, cut uint) {
		at := int(cut % uint(len(body)+1))
		s := &server{answer: func(_ int, conn net.Conn) bool {
			io.WriteString(conn, streamHead)
			for _, part := range []string{body[:at], body[at:]} {
				if part != "" {
					io.WriteString(conn, httpChunk(part))
				}
			}
			io.WriteString(conn, lastChunk)
			return true
		}}
		cfg := measuring
		cfg.Dial = s.dial
		c, err := client.New(t.Context(), "http://test.invalid", cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		x := c.Send(t.Context(), hello(true))
		resp, err := x.Decode()
		texts := map[int]string{}
		var failure error
		for chunk, err := range c.Stream(t.Context(), hello(true)).All() {
			failure = err
			texts[chunk.Index] += chunk.Text
		}
		if kind(err) != kind(failure) {
			t.Fatalf("Send says %v, Stream says %v", err, failure)
		}
		for _, choice := range resp.Choices {
			if texts[choice.Index] != choice.Text {
				t.Fatalf("choice %d: Send has %q, Stream %q", choice.Index, choice.Text, texts[choice.Index])
			}
		}
		events := 0
		for _, a := range x.Attempts[0].Arrivals {
			events += a.Events
		}
		if events != resp.ContentEvents {
			t.Fatalf("%d events in arrivals, %d in the response", events, resp.ContentEvents)
		}
	})
}

// FuzzPlain: whatever a server sends, there is an answer or an error.
func FuzzPlain(f *testing.F) {
	for _, body := range bodiesOf(f, "*.txt") {
		f.Add(200, body)
		f.Add(429, body)
	}
	f.Add(200, `{"data":[{"index":0,"embedding":"AACAPwAAAEA="}]}`)
	f.Add(200, `{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		s := &server{answer: keeping(plain(200+(status&0x7fff)%400, "application/json", body))}
		c := newClient(t, s, measuring)
		for _, r := range []client.Request{chat, embedding} {
			resp, err := c.Chat(t.Context(), r)
			if resp == nil || err == nil && len(resp.Choices) == 0 && resp.Embeddings == 0 {
				t.Fatalf("neither an answer nor an error: %+v", resp)
			}
		}
		if vectors, _, err := c.Embed(t.Context(), embedding); err == nil && (len(vectors) != 1 || vectors[0] == nil) {
			t.Fatalf("neither a vector nor an error: %v", vectors)
		}
		_, _ = c.Models(t.Context())
	})
}
