package mockserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"
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

// A patch is taken or refused; what is taken is a config, and what is refused
// changes nothing.
func FuzzPatch(f *testing.F) {
	for _, body := range []string{
		"version: 1\nset: {engine.c0: 12ms, stream.tokens_per_chunk: 4}", `{"version": 1, "set": {"engine": {"jitter": {"cv": 1}}, "faults": [{"action": {"do": "reset"}}]}}`,
		"version: 1\nset: {ignore_eos: false, models: [{id: x}], output: {natural: 3}, prefix_cache: true}", "version: 1\nset: {'': 1, '.': 2, 'a]b': 3, 'engine.': 4, '.engine': 5, 'models[0]': 6}",
		"version: 1\nset: {seed: 1, truth: x, truth.max_size: 1MB, phases: [], engine.model: none}", "set: {<<: {seed: 1}}\nversion: 2", "- 1", "version: []\nset: {set: {set: 1}}",
		"version: 1\nset: {engine: null, faults: null, stream: [1], engine.max_num_seqs: -1, engine.kv_tokens: 0x10}",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s := serve(t, "engine: {model: step, c0: 1ms}\nphases: [{at: 1h, set: {engine.c0: 2ms}}]")
		w := admin(s, "PATCH", "/admin/config", body)
		if w.Code != 200 && w.Code != 400 && w.Code != 409 && w.Code != 413 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		version, _ := shown(t, s) // which parses
		if (version == 2) != (w.Code == 200) {
			t.Errorf("version %d after %d %s", version, w.Code, w.Body)
		}
		if _, err := s.BeginStage("next", nil); err != nil {
			t.Error(err)
		}
	})
}

// A config that parses makes a server; no config makes a panic.
func FuzzConfig(f *testing.F) {
	for _, c := range shapes {
		f.Add(c.config)
	}
	for _, c := range byteCases {
		f.Add("faults: [{action: " + c.action + "}]")
	}
	f.Add("preset: h100-llama3-8b\nengine: {speculative: {tokens: 4, acceptance: 0.7}, jitter: {cv: .nan}}")
	f.Add("seed: 1\nmodels: [{id: a}]\nengine: {model: step, c0: 1ms}\nphases: [{at: 1s, set: {engine.c0: 2ms, faults: []}}]\ntruth: {file: x, max_size: 1MB}\nfaults: [{when: {first: 1, per: total}, action: {status: 500}}]")
	f.Add("rate_limit: {rpm: 1, tpm: 2, headers: false}\nfaults: [{when: {window: {start: 1s, for: 1s, repeat: 3s}}, action: {connect: refuse}}]")
	f.Fuzz(func(t *testing.T, src string) {
		cfg, err := parse(src)
		if err != nil {
			return
		}
		cfg.Truth = mockserver.Truth{} // writes no files
		s, err := mockserver.New(cfg)
		if err != nil {
			t.Fatalf("it parsed, and then: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Whatever stands in X-Mock-Fault, the request has an answer, and what it says
// is wrong is JSON.
func FuzzRequestsOwnFault(f *testing.F) {
	for _, c := range byteCases {
		f.Add(c.action, true)
		f.Add(c.action, false)
	}
	for _, text := range []string{"", "none", "{}", "[]", "{", "&a *a", "{do: stall, for: 1ns, then: clean_eof, at_token: 9223372036854775807}", "${HOME}", "\xff", "{status: 500, body: \"\\x00\"}"} {
		f.Add(text, true)
	}
	s := serve(f, "engine: {model: none}")
	f.Fuzz(func(t *testing.T, header string, stream bool) {
		if strings.Contains(header, "for") || strings.Contains(header, "size") {
			return // takes its time, or space
		}
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				panic(v)
			}
		}()
		w := post(s, chatPath, chat(1, fmt.Sprintf(`,"max_tokens":3,"stream":%v`, stream)), "X-Mock-Fault", header)
		if w.Code == 400 && !strings.Contains(header, "status") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
	})
}
