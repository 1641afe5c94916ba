package client_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/llmload/llmload/client"
)

// transcript returns a real server's answer as it is on the wire: the files
// keep the bodies without their chunked coding.
func transcript(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("%s has no end of headers", name)
	}
	if bytes.Contains(bytes.ToLower(head), []byte("transfer-encoding: chunked")) {
		body = []byte(httpChunk(string(body)) + lastChunk)
	}
	return slices.Concat(head, []byte("\r\n\r\n"), body)
}

var (
	chat        = client.Request{API: client.Chat, Model: "tiny", Messages: []client.Message{{Role: "user", Content: "hi"}}}
	completion  = client.Request{API: client.Completions, Model: "tiny", Prompts: []string{"hi"}}
	embedding   = client.Request{API: client.Embeddings, Model: "tiny", Prompts: []string{"hi"}}
	chatStream  = asStream(chat)
	completions = asStream(completion)
)

func asStream(r client.Request) client.Request {
	r.Stream = true
	return r
}

// transcripts are what a real server sent. The expected values were read off
// the files by eye.
var transcripts = []struct {
	file     string
	request  client.Request
	text     string
	finish   string
	usage    client.Usage
	events   int // content events
	arrivals int // their tokens, in all
	vectors  int
	dims     int
	status   int // 0: success
	message  string
}{
	{file: "chat_nonstream.txt", request: chat, text: "ver rajidonkit abou syst wh wat answe gapardutfolcus r", finish: "length", usage: client.Usage{InputTokens: 13, OutputTokens: 16}},
	{file: "chat_stream.txt", request: chatStream, text: " otherzardur whworin stone re nowlul huwoputpaworin br anbajul please questvir numbe", finish: "length", usage: client.Usage{InputTokens: 13, OutputTokens: 24}, events: 24, arrivals: 24},
	{file: "chat_stream_nousage.txt", request: chatStream, text: " pleasewosmervut", finish: "length", events: 4},
	{file: "completions.txt", request: completion, text: "jal villag peowur ston pamun describe", finish: "length", usage: client.Usage{InputTokens: 13, OutputTokens: 8}},
	{file: "completions_stream.txt", request: completions, text: "ver wate it with", finish: "length", usage: client.Usage{InputTokens: 13, OutputTokens: 4}, events: 4, arrivals: 4},
	{file: "embeddings.txt", request: embedding, usage: client.Usage{InputTokens: 6}, vectors: 2, dims: 256},
	{file: "err_404.txt", request: chat, status: 404, message: "404 page not found"},
	{file: "err_bad_json.txt", request: chat, status: 400, message: "unexpected EOF"},
	{file: "err_get_method.txt", request: chat, status: 405, message: "405 method not allowed"},
	{file: "err_no_messages.txt", request: chat, status: 400, message: "[] is too short - 'messages'"},
	{file: "err_no_model.txt", request: chat, status: 400, message: "model is required"},
	{file: "err_type.txt", request: chat, status: 400, message: "json: cannot unmarshal string into Go struct field ChatCompletionRequest.messages of type []openai.Message"},
	{file: "err_unknown_model.txt", request: chat, status: 404, message: "model 'nope' not found"},
	{file: "llama-cpp-python/chat_nonstream.txt", request: chat, text: "ver watehi up whatzulwurgis", finish: "length", usage: client.Usage{InputTokens: 19, OutputTokens: 8}},
	{file: "llama-cpp-python/chat_stream_nousage.txt", request: chatStream, text: " longtur ji find assi answe shoret", finish: "length", events: 8},
	{file: "llama-cpp-python/completions.txt", request: completion, text: "hun somsilkensustan pleashin", finish: "length", usage: client.Usage{InputTokens: 3, OutputTokens: 8}},
	{file: "llama-cpp-python/completions_stream.txt", request: completions, text: "hunparkonver thibunsothun", finish: "length", events: 8},
	{file: "llama-cpp-python/embeddings.txt", request: embedding, status: 500, message: "Llama model must be created with embedding=True to call this method"},
	{file: "llama-cpp-python/err_404.txt", request: chat, status: 404, message: "Not Found"},
	{file: "llama-cpp-python/err_request_id.txt", request: chat, status: 400, message: ""},
	{file: "llama-cpp-python/err_type.txt", request: chat, status: 500, message: "1 validation error:\n  {'type': 'int_parsing', 'loc': ('body', 'max_tokens'), 'msg': 'Input should be a valid integer, unable to parse string as an integer', 'input': 'x'}\n\n  File \".../llama_cpp/server/app.py\", line 376, in create_chat_completion\n    POST /v1/chat/completions"},
	{file: "stream_unknown_model.txt", request: chatStream, status: 404, message: "model 'nope' not found"},
}

func TestTranscripts(t *testing.T) {
	for _, tt := range transcripts {
		t.Run(tt.file, func(t *testing.T) {
			s := &server{answer: bytesOf(string(transcript(t, tt.file)))}
			x := newClient(t, s, measuring).Send(t.Context(), tt.request)
			resp, err := x.Decode()
			if tt.status != 0 {
				var api *client.APIError
				if !errors.As(err, &api) || api.Status != tt.status || api.Message != tt.message || api.Code != "" {
					t.Errorf("got %#v, want status %d, %q", err, tt.status, tt.message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			tokens := 0
			for _, a := range x.Attempts[0].Arrivals {
				tokens += a.Tokens
			}
			if resp.Text != tt.text || resp.FinishReason != tt.finish || resp.Usage != tt.usage || resp.UsageKnown != (tt.usage != client.Usage{}) ||
				resp.ContentEvents != tt.events || tokens != tt.arrivals || resp.Embeddings != tt.vectors || resp.Dimensions != tt.dims {
				t.Errorf("got %+v, %d tokens in arrivals", resp, tokens)
			}
		})
	}
}

// A server that gives an answer up for the sake of the next request ends its stream as if nothing had happened.
func TestAnInterruptedStreamIsTruncated(t *testing.T) {
	s := &server{answer: bytesOf(string(transcript(t, "llama-cpp-python/chat_stream_interrupted.txt")))}
	resp, err := newClient(t, s, measuring).Chat(t.Context(), chatStream)
	if !errors.Is(err, client.ErrTruncated) || resp.ContentEvents == 0 {
		t.Errorf("got %v after %d events, want truncated after some", err, resp.ContentEvents)
	}
}

func TestModels(t *testing.T) {
	s := &server{answer: bytesOf(string(transcript(t, "models.txt")))}
	models, err := newClient(t, s, measuring).Models(t.Context())
	want := []client.Model{{ID: "tiny:latest", OwnedBy: "library"}}
	if err != nil || !slices.Equal(models, want) {
		t.Errorf("got %v, %v; want %v", models, err, want)
	}
	if r := s.got()[0]; r.method != "GET" || r.target != "/v1/models" || r.body != "" {
		t.Errorf("asked by %s %s with body %q", r.method, r.target, r.body)
	}

	s = &server{answer: bytesOf(plain(200, "application/json", `{"data":[{"id":"a","max_model_len":8192},{"id":"b"}]}`))}
	models, err = newClient(t, s, measuring).Models(t.Context())
	if err != nil || len(models) != 2 || models[0].MaxLength != 8192 {
		t.Errorf("vLLM's list: got %v, %v", models, err)
	}

	for _, tt := range []struct{ sentence, answer, kind string }{
		{"no such page", string(transcript(t, "err_404.txt")), "api 404"},
		{"an answer without a list", string(transcript(t, "model_one.txt")), "malformed"},
		{"the list of a Responses API", string(transcript(t, "responses.txt")), "malformed"},
		{"a web page", plain(200, "text/html", "<html>"), "content type"},
	} {
		s = &server{answer: bytesOf(tt.answer)}
		if _, err := newClient(t, s, measuring).Models(t.Context()); kind(err) != tt.kind {
			t.Errorf("%s: got %v, want %s", tt.sentence, err, tt.kind)
		}
	}
}

// TestTranscriptsSplitAtEveryByte: however the network cuts a stream, the answer
// is the same. The middle of a long one is like its beginning, and left out.
func TestTranscriptsSplitAtEveryByte(t *testing.T) {
	for _, body := range bodiesOf(t, "*_stream*.txt") {
		at := 0
		s := &server{answer: func(_ int, conn net.Conn) bool {
			if at == 0 { // an empty chunk would be the last
				return keeping(streamed(body))(0, conn)
			}
			return keeping(streamHead, httpChunk(body[:at]), httpChunk(body[at:])+lastChunk)(0, conn)
		}}
		c := newClient(t, s, measuring)
		want, failure := c.Chat(t.Context(), chatStream)
		const edge = 600
		for at = 1; at < len(body); at++ {
			if at == edge && len(body) > 2*edge {
				at = len(body) - edge
			}
			resp, err := c.Chat(t.Context(), chatStream)
			if kind(err) != kind(failure) || !reflect.DeepEqual(resp, want) {
				t.Fatalf("%.40q, split at %d: %+v, %v; want %+v, %v", body, at, resp, err, want, failure)
			}
			text := ""
			for chunk, err := range c.Stream(t.Context(), chatStream).All() {
				if kind(err) != "ok" && kind(err) != kind(failure) {
					t.Fatalf("%.40q, split at %d: stream: %v", body, at, err)
				}
				text += chunk.Text
			}
			if text != want.Text {
				t.Fatalf("%.40q, split at %d: stream gives %q", body, at, text)
			}
		}
	}
}
