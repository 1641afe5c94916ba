package mockserver_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/llmload/llmload/mockserver"
)

// Whatever a client sends, it gets an answer of a known kind, and the server
// goes on.
func FuzzRequest(f *testing.F) {
	for _, c := range shapes {
		f.Add(c.path, c.body)
	}
	for _, body := range []string{
		"", "null", "[]", "7", `""`, `{"model":"demo-8b","messages":[null]}`, `{"model":"demo-8b","messages":[{}],"max_tokens":1e99}`,
		`{"model":"demo-8b","messages":[{"content":[null,{"text":null}]}],"stop":[],"max_tokens":3}`,
		`{"model":"demo-8b","messages":[{"content":"\u0000\ud800"}],"stream":true,"min_tokens":2,"max_tokens":2}`,
		`{"model":"demo-8b","prompt":["",""],"max_tokens":1,"stream":true,"stream_options":null,"stop":"e"}`,
		`{"model":"demo-8b","prompt":[[1,2],[3]]}`, strings.Repeat("[", 20_000),
		`{"model":"demo-8b","prompt":[[],[-1,9223372036854775807]],"n":2,"echo":true,"max_tokens":3,"stream":true}`,
		`{"model":"demo-8b","input":[[1],[2]],"prompt":[],"encoding_format":"base64","dimensions":3}`,
		`{"model":"demo-8b","messages":[{"role":"user","content":"x"}],"n":2,"tool_choice":"auto","tools":[{"function":{"name":"\"\u2028","parameters":{"type":"object"}}}],"stream":true}`,
		`{"model":"demo-8b","messages":[{"role":"user","content":"x"}],"tool_choice":{"function":{"name":"f"}},"tools":[{"function":{"name":"f","parameters":[]}}]}`,
		`{"model":"demo-8b","messages":[{"role":"tool"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"$ref":"#/$defs/a","$defs":{"a":{"type":["null"]}}}}}}`,
	} {
		f.Add(chatPath, body)
		f.Add(completionsPath, body)
		f.Add("/v1/embeddings", body)
	}
	s := serve(f, "engine: {model: none}\nprefix_cache: true\noutput: {natural: 20, reasoning: 3, reasoning_mode: hidden, tool_calls: 0.5}\nstream: {tokens_per_chunk: 2}")
	f.Fuzz(func(t *testing.T, path, body string) {
		if path = "/" + strings.Trim(path, "/"); !fit(path) {
			return
		}
		w := post(s, path, body)
		if w.Code != 200 && w.Code != 307 && (w.Code < 400 || w.Code > 499) {
			t.Errorf("status %d", w.Code)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
		for _, e := range events(w.Body.Bytes()) {
			if e != "[DONE]" && !json.Valid([]byte(e)) {
				t.Errorf("not JSON: %s", e)
			}
		}
		if got := s.State().InFlight; got != 0 {
			t.Errorf("%d in flight", got)
		}
	})
}

// fit says whether a path can stand in a request line at all.
func fit(path string) (ok bool) {
	defer func() { ok = recover() == nil }()
	httptest.NewRequest("POST", path, nil)
	return true
}

// A config that parses makes a server; no config makes a panic.
func FuzzConfig(f *testing.F) {
	for _, c := range shapes {
		f.Add(c.config)
	}
	for _, c := range faultCases {
		f.Add("faults: [{action: " + c.action + "}]")
	}
	f.Add("seed: 1\nmodels: [{id: a}]\nengine: {model: step}\nphases: {}\nfaults: [{when: {first: 1, per: total}, action: {status: 500}}]")
	f.Fuzz(func(t *testing.T, src string) {
		cfg, err := parse(src)
		if err != nil {
			return
		}
		cfg.Truth = "" // writes no files
		s, err := mockserver.New(cfg)
		if err != nil {
			t.Fatalf("it parsed, and then: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
