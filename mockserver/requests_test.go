package mockserver_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/llmload/llmload/mockserver"
)

type refusal struct {
	Error struct{ Message, Type, Param, Code string }
}

func refused(t *testing.T, s *mockserver.Server, path, body string) (status int, r refusal) {
	t.Helper()
	w := post(s, path, body)
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
	return w.Code, r
}

func TestRefusalsNameTheParameter(t *testing.T) {
	s := serve(t, "engine: {model: none}\nmodels: [{id: demo-8b, max_model_len: 100}]")
	completion := func(more string) string { return `{"model":"demo-8b","prompt":"x"` + more + `}` }
	input := func(more string) string { return `{"model":"demo-8b","input":"x"` + more + `}` }
	for _, c := range []struct{ name, path, body, param, message string }{
		{"the body is no list", chatPath, `[]`, "", "must be an object, but is an array"},
		{"the body is no JSON", chatPath, `{"model":`, "", "could not parse the JSON body"},
		{"temperature is no text", chatPath, chat(1, `,"temperature":"1"`), "temperature", "expected a decimal, but got a string"},
		{"n is no fraction", chatPath, chat(1, `,"n":1.5`), "n", "expected an integer, but got a number"},
		{"stream is no number", chatPath, chat(1, `,"stream":1`), "stream", "expected a boolean, but got a number"},
		{"stream_options is no list", chatPath, chat(1, `,"stream_options":[]`), "stream_options", "expected an object, but got an array"},
		{"a nested field", chatPath, chat(1, `,"stream_options":{"include_usage":"yes"}`), "stream_options.include_usage", "expected a boolean"},
		{"messages are a list", chatPath, `{"model":"demo-8b","messages":"hi"}`, "messages", "expected an array, but got a string"},
		{"content", chatPath, `{"model":"demo-8b","messages":[{"role":"user","content":{}}]}`, "messages.content", "but got an object"},
		{"stop", chatPath, chat(1, `,"stop":7`), "stop", "expected a string or an array of strings"},
		{"tools", chatPath, chat(1, `,"tools":{}`), "tools", "expected an array"},
		{"tool_choice", chatPath, chat(1, `,"tool_choice":7`), "tool_choice", "but got a number"},
		{"an unknown tool_choice", chatPath, chat(1, `,"tool_choice":"any"`), "tool_choice", `"any"; write none, auto, required`},
		{"a tool_choice of another kind", chatPath, chat(1, `,"tool_choice":{"type":"custom","custom":{"name":"x"}}`), "tool_choice", "an object must be"},
		{"a tool_choice that is no tool", chatPath, chat(1, `,"tool_choice":{"type":"function","function":{"name":"x"}},`+twoTools), "tool_choice", "not one of the tools"},
		{"a tool without a name", chatPath, chat(1, `,"tools":[{"type":"function","function":{}}]`), "tools[0].function.name", "Missing"},
		{"a tool of another kind", chatPath, chat(1, `,"tools":[{"type":"custom"}]`), "tools[0].type", "write function"},
		{"too many tools", chatPath, chat(1, `,"tools":[`+strings.Repeat(`{"function":{"name":"x"}},`, 128)+`{"function":{"name":"x"}}]`), "tools", "at most 128"},
		{"a role", chatPath, `{"model":"demo-8b","messages":[{"role":"king","content":"x"}]}`, "messages[0].role", `"king"`},
		{"temperature too high", chatPath, chat(1, `,"temperature":2.1`), "temperature", "from 0 to 2, but got 2.1"},
		{"temperature too low", chatPath, chat(1, `,"temperature":-0.1`), "temperature", "from 0 to 2"},
		{"top_p", chatPath, chat(1, `,"top_p":1.1`), "top_p", "from 0 to 1"},
		{"presence_penalty", chatPath, chat(1, `,"presence_penalty":-2.1`), "presence_penalty", "from -2 to 2"},
		{"frequency_penalty", chatPath, chat(1, `,"frequency_penalty":2.1`), "frequency_penalty", "from -2 to 2"},
		{"top_logprobs", chatPath, chat(1, `,"top_logprobs":21`), "top_logprobs", "from 0 to 20"},
		{"n of 0", chatPath, chat(1, `,"n":0`), "n", "from 1 to 128"},
		{"n times the prompts", completionsPath, `{"model":"demo-8b","prompt":[` + strings.Repeat(`"",`, 16) + `""],"n":128}`, "n", "17 prompts of 128 choices"},
		{"the limit as it was written", chatPath, chat(1, `,"max_completion_tokens":0`), "max_completion_tokens", "at least 1"},
		{"the limit by its older name", chatPath, chat(1, `,"max_tokens":-1`), "max_tokens", "at least 1"},
		{"min_tokens", chatPath, chat(1, `,"min_tokens":-1`), "min_tokens", "must not be negative"},
		{"suffix", completionsPath, completion(`,"suffix":"end"`), "suffix", "not supported"},
		{"best_of", completionsPath, completion(`,"best_of":3,"n":2`), "best_of", "not supported beyond n"},
		{"response_format", chatPath, chat(1, `,"response_format":{"type":"yaml"}`), "response_format.type", `"yaml"`},
		{"a schema that is not there", chatPath, chat(1, `,"response_format":{"type":"json_schema","json_schema":{"name":"x"}}`), "response_format.json_schema.schema", "Missing"},
		{"a message that says nothing", chatPath, `{"model":"demo-8b","messages":[{"role":"user"}]}`, "messages[0].content", "Missing"},
		{"a part of an unknown type", chatPath, `{"model":"demo-8b","messages":[{"role":"user","content":[{"type":"zzz"}]}]}`, "messages.content", `"zzz"; write one of text,`},
		{"a result of no call", chatPath, `{"model":"demo-8b","messages":[{"role":"tool","content":"x"}]}`, "messages[0].tool_call_id", "Missing"},
		{"five stop sequences", chatPath, chat(1, `,"stop":["a","b","c","d","e"]`), "stop", "at most 4 sequences, but got 5"},
		{"no tools in a list", chatPath, chat(1, `,"tools":[]`), "tools", "an empty array"},
		{"a tool's name with a blank", chatPath, chat(1, `,"tools":[{"type":"function","function":{"name":"bad name!"}}]`), "tools[0].function.name", "does not match"},
		{"stream_options without stream", chatPath, chat(1, `,"stream_options":{"include_usage":true}`), "stream_options", "only allowed when 'stream'"},
		{"top_logprobs without logprobs", chatPath, chat(1, `,"top_logprobs":3`), "top_logprobs", "only allowed when 'logprobs'"},
		{"logit_bias", chatPath, chat(1, `,"logit_bias":{"5":200}`), "logit_bias", `from -100 to 100, but got 200 for token "5"`},
		{"an id below 0", completionsPath, `{"model":"demo-8b","prompt":[-1]}`, "prompt", "got a token id outside 0 to 2147483647"},
		{"an id beyond every vocabulary", "/v1/embeddings", `{"model":"demo-8b","input":[[1],[2147483648]]}`, "input", "got a token id outside 0 to 2147483647"},
		{"such an id to be made text", "/detokenize", `{"tokens":[-1]}`, "tokens", "got a token id outside 0 to 2147483647"},
		{"an empty list of prompts", completionsPath, `{"model":"demo-8b","prompt":[]}`, "prompt", "Missing"},
		{"prompts of two kinds", completionsPath, `{"model":"demo-8b","prompt":[[1],"a"]}`, "prompt", "Invalid type"},
		{"ids that are no integers", completionsPath, `{"model":"demo-8b","prompt":[1.5]}`, "prompt", "Invalid type"},
		{"input", "/v1/embeddings", `{"model":"demo-8b","input":{}}`, "input", "Invalid type"},
		{"encoding_format", "/v1/embeddings", input(`,"encoding_format":"int8"`), "encoding_format", "write float or base64"},
		{"dimensions", "/v1/embeddings", input(`,"dimensions":0`), "dimensions", "from 1 to 4096"},
		{"dimensions beyond reason", "/v1/embeddings", input(`,"dimensions":4097`), "dimensions", "from 1 to 4096"},
		{"a chat beyond the context", chatPath, chat(60, `,"max_tokens":41`), "messages", "you requested 101 tokens"},
		{"a prompt beyond the context", completionsPath, completion(`,"max_tokens":100`), "prompt", "you requested 101 tokens"},
		{"an input beyond the context", "/v1/embeddings", `{"model":"demo-8b","input":"` + strings.Repeat("x ", 101) + `"}`, "input", "you requested 101 tokens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, r := refused(t, s, c.path, c.body)
			if status != 400 || r.Error.Type != "invalid_request_error" || r.Error.Param != c.param || !strings.Contains(r.Error.Message, c.message) {
				t.Errorf("%d %+v, want 400, param %q and %q", status, r.Error, c.param, c.message)
			}
			if beyond := strings.Contains(c.message, "you requested"); beyond != (r.Error.Code == "context_length_exceeded") {
				t.Errorf("code %q", r.Error.Code)
			}
		})
	}
}

func TestPassedOver(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	plain := post(s, chatPath, chat(1, `,"max_tokens":3`)).Body.String()
	for _, more := range []string{
		`,"temperature":null`, `,"temperature":2`, `,"seed":7`, `,"logprobs":true,"top_logprobs":3`, `,"user":"u"`, `,"logit_bias":{"5":-100}`, `,"stop":["~1","~2","~3","~4"]`, `,"stream_options":null`, `,"tools":null`, `,"unknown":{"a":[]}`,
		`,"tool_choice":null`, `,"tool_choice":"auto"`, `,"stop":null`, `,"response_format":{"type":"text"}`, `,"stream_options":null`, `,"suffix":"x"`,
	} {
		w := post(s, chatPath, chat(1, `,"max_tokens":3`+more))
		if got := volatile.ReplaceAllString(w.Body.String(), ""); got != volatile.ReplaceAllString(plain, "") {
			t.Errorf("%s: %s", more, got)
		}
	}
}

// A prompt is the same however it is written.
func TestFormsOfAPrompt(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	ask := func(prompt string) string {
		w := post(s, completionsPath, `{"model":"demo-8b","max_tokens":4,"prompt":`+prompt+`}`)
		if w.Code != 200 {
			t.Fatalf("%s: %s", prompt, w.Body)
		}
		return volatile.ReplaceAllString(w.Body.String(), "")
	}
	var ids struct{ Tokens []int64 }
	if err := json.Unmarshal(post(s, "/tokenize", `{"prompt":"some band"}`).Body.Bytes(), &ids); err != nil {
		t.Fatal(err)
	}
	list, _ := json.Marshal(ids.Tokens)
	want := ask(`"some band"`)
	for _, form := range []string{`["some band"]`, string(list), `[` + string(list) + `]`, ` [ "some band" ] `} {
		if got := ask(form); got != want {
			t.Errorf("%s: %s, want %s", form, got, want)
		}
	}
}

func TestSeveralChoices(t *testing.T) {
	s := serve(t, "engine: {model: none}\nprefix_cache: true")
	var v struct {
		Choices []struct {
			Index int
			Text  string
		}
		Usage struct {
			Prompt     int `json:"prompt_tokens"`
			Completion int `json:"completion_tokens"`
			Details    struct {
				Cached int `json:"cached_tokens"`
			} `json:"prompt_tokens_details"`
		}
	}
	for range 2 {
		w := post(s, completionsPath, fmt.Sprintf(`{"model":"demo-8b","prompt":[%q,"b"],"n":3,"max_tokens":4}`, strings.Repeat("w ", 33)))
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
	}
	texts := map[string]bool{}
	for i, c := range v.Choices {
		texts[c.Text] = true
		if c.Index != i {
			t.Errorf("choice %d has index %d", i, c.Index)
		}
	}
	if len(texts) != 6 || v.Usage.Prompt != 34 || v.Usage.Completion != 24 || v.Usage.Details.Cached != 32 {
		t.Errorf("%d texts, usage %+v; want 6, and a prompt counted once: 34, 24, 32", len(texts), v.Usage)
	}
}

type vectors struct {
	Data []struct{ Embedding json.RawMessage }
}

func embed(t *testing.T, s *mockserver.Server, body string) (out [][]float32) {
	t.Helper()
	var v vectors
	w := post(s, "/v1/embeddings", `{"model":"demo-8b",`+body+`}`)
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != 200 {
		t.Fatalf("%v in %s", err, w.Body)
	}
	for _, d := range v.Data {
		var vec []float32
		var packed string
		if json.Unmarshal(d.Embedding, &packed) == nil {
			raw, err := base64.StdEncoding.DecodeString(packed)
			if err != nil {
				t.Fatal(err)
			}
			for ; len(raw) > 0; raw = raw[4:] {
				vec = append(vec, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
			}
		} else if err := json.Unmarshal(d.Embedding, &vec); err != nil {
			t.Fatal(err)
		}
		out = append(out, vec)
	}
	return out
}

func TestEmbeddings(t *testing.T) {
	s := serve(t, "engine: {model: none}\nmodels: [{id: demo-8b}, {id: b}]")
	plain := embed(t, s, `"input":["one","two"]`)
	packed := embed(t, s, `"input":["one","two"],"encoding_format":"base64"`)
	alone := embed(t, s, `"input":"two","user":"u"`)
	if fmt.Sprint(plain) != fmt.Sprint(packed) || fmt.Sprint(plain[1:]) != fmt.Sprint(alone) || fmt.Sprint(plain[0]) == fmt.Sprint(plain[1]) {
		t.Errorf("floats %v, base64 %v, the second alone %v", plain, packed, alone)
	}
	short, long := embed(t, s, `"input":"two","dimensions":3`)[0], alone[0]
	for i := range short {
		if got, want := short[i]/short[0], long[i]/long[0]; math.Abs(float64(got-want)) > 1e-4 {
			t.Errorf("number %d of 3 is %v of the first, of 16 %v", i, got, want)
		}
	}
	for _, v := range append(plain, short) {
		sum := 0.0
		for _, x := range v {
			sum += float64(x) * float64(x)
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("%v has length %v", v, math.Sqrt(sum))
		}
	}
	if len(long) != 16 || len(short) != 3 {
		t.Errorf("%d and %d numbers", len(long), len(short))
	}
}

func TestTokensComeBack(t *testing.T) {
	s := serve(t, "engine: {model: none}\nmodels: [{id: demo-8b, max_model_len: 77}, {id: b}]")
	tokens := func(body string) (v struct {
		Count, MaxModelLen int
		Tokens             []int64
		Strings            []string `json:"token_strs"`
	},
	) {
		w := post(s, "/tokenize", body)
		var raw map[string]json.RawMessage
		if json.Unmarshal(w.Body.Bytes(), &v) != nil || json.Unmarshal(w.Body.Bytes(), &raw) != nil {
			t.Fatal(w.Body)
		}
		_ = json.Unmarshal(raw["max_model_len"], &v.MaxModelLen)
		return v
	}
	back := func(ids []int64) (text string) {
		list, _ := json.Marshal(map[string]any{"tokens": ids})
		var v struct{ Prompt string }
		if w := post(s, "/detokenize", string(list)); json.Unmarshal(w.Body.Bytes(), &v) != nil {
			t.Fatal(w.Body)
		}
		return v.Prompt
	}
	v := tokens(`{"model":"demo-8b","prompt":"some  band\nzzzq","return_token_strs":true}`)
	if v.Count != 3 || v.MaxModelLen != 77 || len(v.Tokens) != 3 || fmt.Sprint(v.Strings) != "[some band zzzq]" {
		t.Errorf("%+v", v)
	}
	if got := back(v.Tokens[:2]); got != "some band" {
		t.Errorf("%v are %q", v.Tokens[:2], got)
	}
	again := tokens(fmt.Sprintf(`{"prompt":%q}`, back(v.Tokens)))
	if fmt.Sprint(again.Tokens) != fmt.Sprint(v.Tokens) {
		t.Errorf("%v came back as %v", v.Tokens, again.Tokens)
	}
	chat := tokens(`{"messages":[{"role":"user","content":"some band"},{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{\"a\": 1}"}}]}]}`)
	if chat.Count != 5 {
		t.Errorf("%d tokens in a chat of two words and a call of three", chat.Count)
	}
	for _, c := range []struct{ path, body, param string }{
		{"/tokenize", `{}`, "prompt"},
		{"/detokenize", `{}`, "tokens"},
		{"/tokenize", `{"prompt":7}`, "prompt"},
		{"/detokenize", `{"tokens":["a"]}`, "tokens"},
	} {
		if status, r := refused(t, s, c.path, c.body); status != 400 || r.Error.Param != c.param {
			t.Errorf("%s %s: %d %+v", c.path, c.body, status, r)
		}
	}
	if status, r := refused(t, s, "/tokenize", `{"model":"nope","prompt":"x"}`); status != 404 || r.Error.Code != "model_not_found" {
		t.Errorf("%d %+v", status, r)
	}
}

func TestOneRequestDoesNotFillTheMemory(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	prompts := func(n int) string { return `["a"` + strings.Repeat(`,"a"`, n-1) + `]` }
	for _, c := range []struct {
		name, body, param string // of the error; empty: none
	}{
		{"many choices of a few tokens", `"prompt":` + prompts(16) + `,"n":128,"max_tokens":20`, ""},
		{"many choices of many tokens", `"prompt":` + prompts(16) + `,"n":128,"max_tokens":8191`, "max_tokens"},
		{"by the newer name", `"prompt":` + prompts(16) + `,"n":128,"max_completion_tokens":8191`, "max_completion_tokens"},
	} {
		w := post(s, completionsPath, `{"model":"demo-8b",`+c.body+`}`)
		refused := w.Code == 400 && strings.Contains(w.Body.String(), "at most 4194304 tokens of output") &&
			strings.Contains(w.Body.String(), `"param":"`+c.param+`"`)
		if c.param == "" && w.Code != 200 || c.param != "" && !refused {
			t.Errorf("%s: %d %.300s", c.name, w.Code, w.Body)
		}
	}
}

// The context may be longer than what one request may have.
func TestOneAnswerDoesNotFillTheMemory(t *testing.T) {
	s := serve(t, "engine: {model: none}\nmodels: [{id: demo-8b, max_model_len: 9000000}]")
	if w := post(s, chatPath, chat(1, `,"max_tokens":8000000`)); w.Code != 400 || !strings.Contains(w.Body.String(), "at most 4194304 tokens of output") {
		t.Errorf("%d %.300s", w.Code, w.Body)
	}
}

func TestAWrongMethodSaysWhichIsRight(t *testing.T) {
	s := serve(t, "")
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"POST", "/health", 405, "GET"},
		{"PUT", "/v1/models", 405, "GET"},
		{"GET", "/v1/chat/completions", 405, "POST"},
		{"DELETE", "/ping", 405, "GET, POST"},
		{"GET", "/v1/nothing", 404, ""},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || w.Header().Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q, want %d, %q", c.method, c.path, w.Code, w.Header().Get("Allow"), c.status, c.allow)
		}
	}
}
