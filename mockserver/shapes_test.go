package mockserver_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	weatherSchema = `{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1,"maximum":7}},"required":["city","days"]}`
	weather       = `"tools":[{"type":"function","function":{"name":"get_weather","parameters":` + weatherSchema + `}}]`
)

var shapes = []struct {
	name, config string
	path, body   string // no body: GET
}{
	{"chat-plain", "", chatPath, chat(3, `,"max_tokens":4`)},
	{"chat-stream", "", chatPath, chat(3, `,"max_tokens":3,"stream":true`)},
	{"chat-stream-usage", "", chatPath, chat(3, `,"max_tokens":3,"stream":true,"stream_options":{"include_usage":true}`)},
	{"chat-stream-continuous-usage", "", chatPath, chat(3,
		`,"max_tokens":3,"stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}`)},
	{"chat-stream-role-early", "stream: {role_chunk: early}", chatPath, chat(3, `,"max_tokens":2,"stream":true`)},
	{"chat-stream-role-absent", "stream: {role_chunk: absent}", chatPath, chat(3, `,"max_tokens":2,"stream":true`)},
	{"chat-stream-three-tokens-a-chunk", "stream: {tokens_per_chunk: 3}", chatPath, chat(3, `,"max_tokens":7,"stream":true`)},
	{"chat-max-completion-tokens-wins", "", chatPath, chat(3, `,"max_tokens":9,"max_completion_tokens":2`)},
	{"chat-content-parts", "", chatPath, `{"model":"demo-8b","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"one two"},
		{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"three"}]},{"role":"assistant","content":null}]}`},
	{"chat-alias-without-v1", "", "/chat/completions", chat(3, `,"max_tokens":1`)},
	{"completions-plain", "", completionsPath, `{"model":"demo-8b","prompt":"one two","max_tokens":3}`},
	{"completions-plain-two-prompts", "", completionsPath, `{"model":"demo-8b","prompt":["one two","three"],"max_tokens":2}`},
	{
		"completions-stream-two-prompts", "", completionsPath,
		`{"model":"demo-8b","prompt":["one two","three"],"max_tokens":2,"stream":true,"stream_options":{"include_usage":true}}`,
	},
	{"embeddings", "", "/v1/embeddings", `{"model":"demo-8b","input":["one two","three"],"encoding_format":"float"}`},
	{"chat-plain-two-choices", "", chatPath, chat(3, `,"max_tokens":2,"n":2`)},
	{"chat-stream-two-choices", "", chatPath, chat(3, `,"max_tokens":2,"n":2,"stream":true`)},
	{"chat-stream-finish-with-last", "stream: {finish_chunk: with_last}", chatPath, chat(3, `,"max_tokens":2,"stream":true`)},
	{"chat-plain-reasoning", "output: {reasoning: 2}", chatPath, chat(3, `,"max_tokens":4`)},
	{"chat-stream-reasoning", "output: {reasoning: 2}", chatPath, chat(3, `,"max_tokens":4,"stream":true,"stream_options":{"include_usage":true}`)},
	{
		"chat-stream-reasoning-hidden", "output: {reasoning: 2, reasoning_mode: hidden}", chatPath,
		chat(3, `,"max_tokens":4,"stream":true,"stream_options":{"include_usage":true}`),
	},
	{"chat-plain-tool", "", chatPath, chat(3, `,"tool_choice":"required",`+weather)},
	{"chat-stream-tool", "", chatPath, chat(3, `,"stream":true,"tool_choice":"required",`+weather)},
	{"chat-plain-json-schema", "", chatPath, chat(3, `,"response_format":{"type":"json_schema","json_schema":{"name":"w","schema":`+weatherSchema+`}}`)},
	{"vllm-chat-plain", "dialect: vllm\noutput: {reasoning: 2}", chatPath, chat(3, `,"max_tokens":4`)},
	{"vllm-chat-stream", "dialect: vllm\noutput: {reasoning: 2}", chatPath, chat(3, `,"max_tokens":4,"stream":true,"stream_options":{"include_usage":true}`)},
	{"vllm-chat-stream-tool", "dialect: vllm", chatPath, chat(3, `,"stream":true,"tool_choice":"required",`+weather)},
	{"vllm-completions-stream", "dialect: vllm", completionsPath, `{"model":"demo-8b","prompt":"one two","max_tokens":2,"stream":true}`},
	{"sglang-chat-plain", "dialect: sglang\noutput: {reasoning: 2}", chatPath, chat(3, `,"max_tokens":4`)},
	{"sglang-chat-stream", "dialect: sglang\noutput: {reasoning: 2}", chatPath, chat(3, `,"max_tokens":4,"stream":true,"stream_options":{"include_usage":true}`)},
	{"sglang-chat-stream-tool", "dialect: sglang", chatPath, chat(3, `,"stream":true,"tool_choice":"required",`+weather)},
	{"completions-echo", "", completionsPath, `{"model":"demo-8b","prompt":"say \"hi\"","echo":true,"max_tokens":2}`},
	{"completions-stream-n", "", completionsPath, `{"model":"demo-8b","prompt":["a","b"],"n":2,"max_tokens":1,"stream":true}`},
	{"completions-token-ids", "", completionsPath, `{"model":"demo-8b","prompt":[[1,2],[3]],"max_tokens":2}`},
	{"embeddings-base64", "", "/v1/embeddings", `{"model":"demo-8b","input":[1,2],"encoding_format":"base64","dimensions":2}`},
	{"tokenize", "", "/tokenize", `{"prompt":"some band zzz"}`},
	{"detokenize", "", "/detokenize", `{"tokens":[1,2,2000000000]}`},
	{"vllm-models", "dialect: vllm", "/v1/models", ""},
	{"models", "models: [{id: a}, {id: org/b, max_model_len: 100}]", "/v1/models", ""},
	{"model", "models: [{id: a}, {id: org/b, max_model_len: 100}]", "/v1/models/org/b", ""},
	{"model-unknown", "", "/v1/models/nope", ""},
	{"health", "", "/health", ""},
	{"error-unknown-model", "", chatPath, `{"model":"nope","messages":[{"role":"user","content":"x"}]}`},
	{"error-no-model", "", chatPath, `{"messages":[{"role":"user","content":"x"}]}`},
	{"error-bad-json", "", chatPath, `{"model":`},
	{"error-no-messages", "", chatPath, `{"model":"demo-8b"}`},
	{"error-no-prompt", "", completionsPath, `{"model":"demo-8b"}`},
	{"error-no-input", "", "/v1/embeddings", `{"model":"demo-8b"}`},
	{"error-prompt-mixed", "", completionsPath, `{"model":"demo-8b","prompt":["a",7]}`},
	{"error-temperature-type", "", chatPath, chat(3, `,"temperature":"hot"`)},
	{"error-temperature-range", "", chatPath, chat(3, `,"temperature":2.5`)},
	{"error-no-role", "", chatPath, `{"model":"demo-8b","messages":[{"role":"user","content":"x"},{"content":"y"}]}`},
	{"error-tool-choice", "", chatPath, chat(3, `,"tool_choice":"required"`)},
	{"error-vllm", "dialect: vllm", chatPath, chat(3, `,"temperature":2.5`)},
	{"error-vllm-unknown-model", "dialect: vllm", chatPath, `{"model":"nope","messages":[{"role":"user","content":"x"}]}`},
	{"error-sglang", "dialect: sglang", chatPath, chat(3, `,"temperature":2.5`)},
	{"error-content-number", "", chatPath, `{"model":"demo-8b","messages":[{"role":"user","content":7}]}`},
	{"error-encoding-format", "", "/v1/embeddings", `{"model":"demo-8b","input":"x","encoding_format":"hex"}`},
	{"error-n", "", chatPath, chat(3, `,"n":129`)},
	{"error-max-tokens-zero", "", chatPath, chat(3, `,"max_tokens":0`)},
	{"error-min-over-max", "", chatPath, chat(3, `,"max_tokens":2,"min_tokens":3`)},
	{"error-context", "models: [{id: demo-8b, max_model_len: 10}]", chatPath, chat(7, `,"max_tokens":4`)},
	{"error-context-prompt-alone", "models: [{id: demo-8b, max_model_len: 10}]", chatPath, chat(10, ``)},
	{"error-url", "", "/v1/nothing", `{}`},
	{"error-method", "", chatPath, ""},
}

var volatile = regexp.MustCompile(`(cmpl-)[0-9a-f]{16}|("created":)\d+`)

func TestShapes(t *testing.T) {
	for _, c := range shapes {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, "engine: {model: none}\n"+c.config)
			w := post(s, c.path, c.body)
			if c.body == "" {
				w = httptest.NewRecorder()
				s.ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
			}
			got := fmt.Sprintf("%d %s\n\n%s", w.Code, w.Header().Get("Content-Type"),
				volatile.ReplaceAllString(w.Body.String(), "${1}${2}0"))
			golden(t, c.name, got)
			wellFormed(t, w)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "shapes", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

// wellFormed checks what holds for every answer, whatever its golden file says.
func wellFormed(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	payloads := []string{w.Body.String()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream") {
		payloads = events(w.Body.Bytes())
		last := len(payloads) - 1
		if payloads[last] != "[DONE]" {
			t.Errorf("the last event is %s", payloads[last])
		}
		payloads = payloads[:last]
	}
	ids := map[string]bool{}
	for _, p := range payloads {
		var v struct {
			ID     string           `json:"id"`
			Error  *json.RawMessage `json:"error"`
			Object string           `json:"object"`
		}
		if err := json.Unmarshal([]byte(p), &v); err != nil {
			t.Errorf("%v in %s", err, p)
		}
		ids[v.ID] = true
		if strings.Contains(p, `"error":null`) {
			t.Errorf("clients take this for an error: %s", p)
		}
		if (v.Error != nil || v.Object == "error") != (w.Code >= 400) {
			t.Errorf("status %d with %s", w.Code, p)
		}
	}
	if len(ids) > 1 {
		t.Errorf("chunks of one answer have %d ids", len(ids))
	}
	if w.Header().Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
}

func TestRequestIDIsEchoed(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	for _, body := range []string{chat(1, ""), `{`} {
		w := post(s, chatPath, body, "X-Request-Id", "run-7")
		if got := w.Header().Get("X-Request-Id"); got != "run-7" {
			t.Errorf("got %q", got)
		}
	}
	if w := post(s, chatPath, chat(1, "")); w.Header().Get("Openai-Processing-Ms") == "" {
		t.Error("no Openai-Processing-Ms")
	}
}
