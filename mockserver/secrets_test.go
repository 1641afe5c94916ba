package mockserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestNoAnswerShowsAKey plants a key in each place of a config that can hold one, asks for all that there is, and looks for it.
func TestNoAnswerShowsAKey(t *testing.T) {
	s := serve(t, `
api_key: PLANTED-secret
faults: [{match: {header: {Authorization: Bearer PLANTED-secret, X-Tenant: a}}, when: {first: 1, per: key}, action: {status: 500}}]
phases: [{at: 1000h, set: {api_key: PLANTED-secret-2, faults: [{match: {header: {api-key: PLANTED-secret}}, action: {status: 500}}]}}]
`)
	admin := s.Admin()
	ask := func(method, path, body string, accept string) string {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Host = "localhost"
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, r)
		return fmt.Sprint(w.Code, w.Header(), w.Body)
	}
	said := []string{}
	for _, header := range []string{"Bearer PLANTED-secret", "Bearer PLANTED-secret", "Bearer x"} {
		w := post(s, chatPath, chat(1, `,"max_tokens":1`), "Authorization", header)
		said = append(said, fmt.Sprint(w.Code, w.Header(), w.Body))
	}
	for _, path := range []string{"/admin", "/admin/state", "/admin/truth", "/admin/config", "/admin/faults", "/admin/analytic?in=1&out=1"} {
		said = append(said, ask("GET", path, "", "*/*"), ask("GET", path, "", "application/json"))
	}
	for _, body := range []string{
		`{"version": 1, "set": {"api_key": "PLANTED-secret", "engine.ttft": {"a": 1}}}`,
		`{"version": 9, "set": {"api_key": "PLANTED-secret"}}`,
		`{"version": 1, "set": {"api_key": ["PLANTED-secret"]}}`,
		`{"version": 1, "set": {"apikey": "PLANTED-secret"}}`,
		`{"version": 1, "set": {"faults": [{"match": {"header": {"Authorization": "PLANTED-secret"}}, "bogus": 1}]}}`,
		`{"version": 1, "set": {"api_key": "PLANTED-secret`,
		"version: 1\nset:\n  api_key: \"PLANTED-secret",
	} {
		said = append(said, ask("PATCH", "/admin/config", body, ""))
	}
	faults := `[{match: {header: {Authorization: PLANTED-secret}}, bogus: 1}]`
	stage, _ := json.Marshal(map[string]string{"name": "a", "faults_yaml": faults})
	said = append(said, ask("POST", "/admin/faults", faults, ""), ask("POST", "/admin/stage", string(stage), ""),
		ask("POST", "/admin/stage", `{"bogus": 1, "faults_yaml": "[{match: {header: {Authorization: PLANTED-secret}}}]"}`, ""),
		ask("POST", "/admin/marker", `{"api_key": "PLANTED-secret"}`, ""), ask("POST", "/admin/reset", "", ""))
	for _, text := range said {
		if strings.Contains(text, "PLANTED") {
			t.Errorf("an answer shows the key: %s", text)
		}
	}
	if shown := ask("GET", "/admin/config", "", ""); strings.Count(shown, "redacted") != 4 || !strings.Contains(shown, "X-Tenant: a") {
		t.Errorf("want the four keys withheld, and nothing else, in %s", shown)
	}
}

// TestWithheldIsNotTaken holds that a config as it is shown is not taken for the config: its keys would be gone.
func TestWithheldIsNotTaken(t *testing.T) {
	s := serve(t, "")
	for _, body := range []string{
		`[{match: {header: {Authorization: "[redacted]"}}, action: {status: 500}}]`,
	} {
		r := httptest.NewRequest("POST", "/admin/faults", strings.NewReader(body))
		r.Host = "localhost"
		w := httptest.NewRecorder()
		if s.Admin().ServeHTTP(w, r); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "was withheld") {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}
