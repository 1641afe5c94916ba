package mockserver_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
)

const key = "sk-test-0123456789"

func TestKey(t *testing.T) {
	s := serve(t, "engine: {model: none}\napi_key: "+key)
	ask := func(method, path, authorization string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(chat(1, `,"max_tokens":1`)))
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		name, method, path, authorization string
		want                              int
	}{
		{"no key", "POST", chatPath, "", 401},
		{"a wrong key", "POST", chatPath, "Bearer sk-wrong", 401},
		{"the head of the key", "POST", chatPath, "Bearer " + key[:5], 401},
		{"more than the key", "POST", chatPath, "Bearer " + key + "0", 401},
		{"another scheme", "POST", chatPath, "Basic " + key, 401},
		{"the key", "POST", chatPath, "Bearer " + key, 200},
		{"the scheme in small letters", "POST", chatPath, "bearer " + key, 200},
		{"models", "GET", "/v1/models", "", 401},
		{"models with the key", "GET", "/v1/models", "Bearer " + key, 200},
		{"tokenize", "POST", "/tokenize", "", 401},
		{"detokenize", "POST", "/detokenize", "", 401},
		{"version", "GET", "/version", "", 401},
		{"what is not there", "GET", "/v1/nothing", "", 401},
		{"health is open", "GET", "/health", "", 200},
		{"ping is open", "POST", "/ping", "", 200},
		{"metrics are open", "GET", "/metrics", "", 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(c.method, c.path, c.authorization)
			if w.Code != c.want {
				t.Fatalf("%d, want %d", w.Code, c.want)
			}
			if c.want != 401 {
				return
			}
			var r refusal
			if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || r.Error.Type != "invalid_request_error" || r.Error.Code != "invalid_api_key" {
				t.Errorf("%s", w.Body)
			}
			if strings.Contains(w.Body.String(), key[:5]) || strings.Contains(w.Body.String(), "wrong") {
				t.Errorf("a key in %s", w.Body)
			}
		})
	}
	for _, rec := range s.Truth(0)[:5] {
		if rec.Status != 401 || rec.Outcome != "rejected" {
			t.Errorf("the ledger has %+v", rec)
		}
	}
}

func TestADialectsOwn401(t *testing.T) {
	for _, d := range []string{"vllm", "sglang"} {
		s := serve(t, "engine: {model: none}\ndialect: "+d+"\napi_key: "+key)
		if w := post(s, chatPath, chat(1, "")); w.Code != 401 || w.Body.String() != `{"error":"Unauthorized"}` {
			t.Errorf("%s: %d %s", d, w.Code, w.Body)
		}
	}
}

func TestNoOutputShowsTheKey(t *testing.T) {
	n, err := strictyaml.Parse("mock.yaml", []byte("api_key: ${MOCK_KEY}"), func(string) (string, bool) { return key, true })
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := mockserver.ParseConfig(n)
	if err != nil || string(cfg.APIKey) != key {
		t.Fatalf("%v, key %q", err, string(cfg.APIKey))
	}
	asJSON, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := strictyaml.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{
		fmt.Sprint(cfg), fmt.Sprintf("%v", &cfg), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg), fmt.Sprintf("%s %q", cfg.APIKey, cfg.APIKey),
		string(asJSON), string(asYAML),
	} {
		if strings.Contains(out, key) {
			t.Error(out)
		}
	}
}
