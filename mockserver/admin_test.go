package mockserver_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

func admin(s *mockserver.Server, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

func TestAdminStage(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{when: {first: 1}, action: {status: 500}}]")
	for _, c := range []struct {
		name, body, answer string
		hit                []int
	}{
		{"no faults of its own: the config's", `{"name":"a"}`, `{"attempts":0}`, []int{1}},
		{"null: the config's", `{"name":"a","faults_yaml":null}`, `{"attempts":3}`, []int{1}},
		{"empty text: the config's", `{"name":"a","faults_yaml":""}`, `{"attempts":6}`, []int{1}},
		{"an empty list: none", `{"name":"a","faults_yaml":"[]"}`, `{"attempts":9}`, nil},
		{"its own", `{"name":"a","faults_yaml":"- when: {every: 2}\n  action: {status: 503}\n"}`, `{"attempts":12}`, []int{2}},
	} {
		w := admin(s, "POST", "/admin/stage", c.body)
		if got := strings.TrimSpace(w.Body.String()); w.Code != 200 || got != c.answer {
			t.Errorf("%s: %d %s", c.name, w.Code, got)
		}
		if got := hits(s, 3, nil); !slices.Equal(got, c.hit) {
			t.Errorf("%s: hit %v, want %v", c.name, got, c.hit)
		}
	}
	for _, c := range []struct{ name, body, want string }{
		{"bad JSON", `{`, "not JSON"},
		{"bad YAML", `{"faults_yaml":"["}`, "faults_yaml:"},
		{"a bad fault", `{"faults_yaml":"[{action: {do: explode}}]"}`, "explode"},
		{"an unknown key", `{"faults_yaml":"[{acton: {do: reset}}]"}`, "acton"},
	} {
		if w := admin(s, "POST", "/admin/stage", c.body); w.Code != 400 || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
	if got := s.State().Stage; got != "a" {
		t.Errorf("stage %q", got)
	}
}

func TestAdminStateAndTruth(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	hits(s, 3, nil)
	var st mockserver.State
	if err := json.Unmarshal(admin(s, "GET", "/admin/state", "").Body.Bytes(), &st); err != nil {
		t.Fatal(err)
	}
	if st.Attempts != 3 || st.InFlight != 0 || st.MaxInFlightSeen != 1 || st.MonotonicNS <= 0 {
		t.Errorf("state %+v", st)
	}
	overlap(t, s)
	hits(s, 1, nil)
	if got := s.State().MaxInFlightSeen; got != 2 {
		t.Errorf("max in flight %d", got)
	}
	admin(s, "POST", "/admin/stage", `{"name":"next"}`)
	if got := s.State().MaxInFlightSeen; got != 0 {
		t.Errorf("max in flight %d in a new stage", got)
	}
	for path, want := range map[string]int{"/admin/truth": 6, "/admin/truth?since=2": 4, "/admin/truth?since=99": 0} {
		if got := strings.Count(admin(s, "GET", path, "").Body.String(), "\n"); got != want {
			t.Errorf("%s: %d lines, want %d", path, got, want)
		}
	}
	if w := admin(s, "GET", "/admin/truth?since=x", ""); w.Code != 400 {
		t.Errorf("status %d", w.Code)
	}
	if w := admin(s, "GET", "/v1/models", ""); w.Code != 404 {
		t.Errorf("the admin handler serves the API: %d", w.Code)
	}
}

// overlap has one request run inside another.
func overlap(t *testing.T, s *mockserver.Server) {
	t.Helper()
	w := &writeHook{ResponseRecorder: httptest.NewRecorder(), hook: func() { hits(s, 1, nil) }}
	s.ServeHTTP(w, httptest.NewRequest("POST", chatPath, strings.NewReader(chat(1, ""))))
}

type writeHook struct {
	*httptest.ResponseRecorder
	hook func()
}

func (w *writeHook) Write(b []byte) (int, error) {
	w.hook()
	return w.ResponseRecorder.Write(b)
}

func TestAdminDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "")
		c := pipe(t, s)
		go func() {
			if r, err := call(t.Context(), c, "http://h"+chatPath, chat(1, `,"max_tokens":2`)); err == nil {
				r.Body.Close()
			}
		}()
		synctest.Wait()
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 50*ms)
		defer cancel()
		w := httptest.NewRecorder()
		s.Admin().ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", "/admin/drain", nil))
		if w.Code != 503 || time.Since(start) != 50*ms {
			t.Errorf("%d after %v", w.Code, time.Since(start))
		}
		if w := admin(s, "POST", "/admin/drain", ""); w.Code != 200 || time.Since(start) != 220*ms {
			t.Errorf("%d %s after %v", w.Code, w.Body, time.Since(start))
		}
	})
}
