package mockserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

func admin(s *mockserver.Server, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Admin().ServeHTTP(w, local(httptest.NewRequest(method, path, strings.NewReader(body))))
	return w
}

// local makes a request one to this host; that of httptest is to example.com.
func local(r *http.Request) *http.Request {
	r.Host = "127.0.0.1:18081"
	return r
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
		{"neither JSON nor YAML", `{`, "neither JSON nor YAML"},
		{"an unknown field", `{"faults": "[]"}`, "unknown key"},
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

func TestTheIndexListsEveryEndpoint(t *testing.T) {
	s := serve(t, "")
	var index struct {
		Endpoints []struct {
			Method, Path, Does string
			Params             []string
		}
	}
	if err := json.Unmarshal(admin(s, "GET", "/admin", "").Body.Bytes(), &index); err != nil || len(index.Endpoints) != 14 {
		t.Fatalf("%v, %+v", err, index)
	}
	for _, e := range index.Endpoints {
		if e.Does == "" {
			t.Errorf("%s %s does not say what it does", e.Method, e.Path)
		}
		if w := admin(s, e.Method, e.Path+"?bogus=1", ""); w.Code != 400 || !strings.Contains(w.Body.String(), "unknown parameter bogus: "+e.Method+" "+e.Path+" has ") {
			t.Errorf("%s %s: %d %s", e.Method, e.Path, w.Code, w.Body)
		}
	}
}

func TestWhatIsWrongWithAnAdminRequestIsSaid(t *testing.T) {
	s := serve(t, "")
	for _, c := range []struct {
		method, path string
		status       int
		allow, want  string
	}{
		{"GET", "/v1/models", 404, "", "no GET /v1/models here: GET /admin lists the endpoints"},
		{"GET", "/admin/", 404, "", "no GET /admin/ here"},
		{"GET", "/admin/stage", 405, "POST", "/admin/stage takes POST, not GET"},
		{"DELETE", "/admin/config", 405, "GET, PATCH", "/admin/config takes GET or PATCH, not DELETE"},
		{"POST", "/admin", 405, "GET", "/admin takes GET, not POST"},
		{"GET", "/admin/truth?since=x&follow=maybe&wait=5", 400, "", "since=x: want a whole number, at least 0\\nfollow=maybe: want 1 or 0\\nwait=5: want a duration above 0 with its unit, for example 30s"},
		{"GET", "/admin/truth?since=-1", 400, "", "since=-1: want"},
		{"GET", "/admin/truth?wait=5s", 400, "", "wait=5s: goes with follow=1"},
		{"GET", "/admin/truth?sinse=1&foo=2", 400, "", "unknown parameter foo, sinse: GET /admin/truth has since, follow, wait"},
		{"POST", "/admin/reset?force=yes", 400, "", "force=yes: want 1 or 0"},
	} {
		w := admin(s, c.method, c.path, "")
		if w.Code != c.status || w.Header().Get("Allow") != c.allow || !strings.Contains(w.Body.String(), c.want) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s: %d %q %s", c.method, c.path, w.Code, w.Header().Get("Allow"), w.Body)
		}
	}
}

// A page in a browser can point a name of its own at 127.0.0.1, but not choose the Host that is sent.
func TestTheAdminEndpointsAreForThisHostAlone(t *testing.T) {
	s := serve(t, "")
	for host, want := range map[string]int{
		"127.0.0.1:81": 200, "127.0.0.1": 200, "127.8.9.1:81": 200, "localhost:81": 200, "LocalHost": 200, "[::1]:81": 200, "[::1]": 200, "[::ffff:127.0.0.1]:81": 200,
		"example.com": 403, "127.0.0.1.example.com:81": 403, "localhost.example.com": 403, "10.0.0.1:81": 403, "[::]:81": 403, "0.0.0.0:81": 403, "": 403,
	} {
		r := httptest.NewRequest("GET", "/admin/state", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.Admin().ServeHTTP(w, r)
		if w.Code != want || want == 403 && !strings.Contains(w.Body.String(), "call them as 127.0.0.1 or localhost") {
			t.Errorf("Host %q: %d %s", host, w.Code, w.Body)
		}
	}
}

func TestTheStateShowsTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {model: step, c0: 10ms, max_num_seqs: 2, kv_tokens: 1000}")
		start(t, s, 3)
		time.Sleep(25 * ms) // virtual: in the third step
		synctest.Wait()
		st := s.State()
		if st.Running != 2 || st.Queued != 1 || st.KVUsed != 2*129 || st.KVTokens != 1000 || st.Steps != 3 || st.UptimeNS != int64(25*ms) || st.InFlight != 3 {
			t.Errorf("state %+v", st)
		}
		s.Drain(t.Context())
		if st := s.State(); st.Running != 0 || st.Queued != 0 || st.KVUsed != 0 {
			t.Errorf("drained: state %+v", st)
		}
	})
}

// A page can send a form to this host by its right name; its browser says where it comes from.
func TestNoPageOfAnotherOriginSteersTheServer(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	for i, c := range []struct {
		name, method, path string
		header             []string
		want               int
	}{
		{"curl", "POST", "/admin/stage", nil, 200},
		{"another site", "POST", "/admin/stage", []string{"Origin", "http://evil.example"}, 403},
		{"another port of this host", "POST", "/admin/stage", []string{"Origin", "http://127.0.0.1:3000"}, 403},
		{"a newer browser", "POST", "/admin/stage", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"a change by PATCH", "PATCH", "/admin/config", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"a page of the admin port itself", "POST", "/admin/stage", []string{"Origin", "http://127.0.0.1:18081"}, 200},
		{"reading, which the browser keeps from the page", "GET", "/admin/state", []string{"Origin", "http://evil.example"}, 200},
	} {
		r := local(httptest.NewRequest(c.method, c.path, strings.NewReader(fmt.Sprintf(`{"name":"s%d"}`, i))))
		r.Header.Set("Content-Type", "text/plain")
		for i := 0; i < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		w := httptest.NewRecorder()
		s.Admin().ServeHTTP(w, r)
		if w.Code != c.want || w.Code == 403 && !strings.Contains(w.Body.String(), "another origin") {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
		if began := s.State().Stage == fmt.Sprint("s", i); began != (c.method == "POST" && c.want == 200) {
			t.Errorf("%s: stage %q", c.name, s.State().Stage)
		}
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
		s.Admin().ServeHTTP(w, local(httptest.NewRequestWithContext(ctx, "POST", "/admin/drain", nil)))
		if w.Code != 503 || time.Since(start) != 50*ms {
			t.Errorf("%d after %v", w.Code, time.Since(start))
		}
		if w := admin(s, "POST", "/admin/drain", ""); w.Code != 200 || time.Since(start) != 220*ms {
			t.Errorf("%d %s after %v", w.Code, w.Body, time.Since(start))
		}
	})
}

func TestAProfileIsBounded(t *testing.T) {
	s := serve(t, "")
	for _, c := range []struct {
		query string
		want  string
	}{
		{"seconds=0", "seconds=0: want a whole number, 1 to 600"},
		{"seconds=-3", "1 to 600"},
		{"seconds=x", "1 to 600"},
		{"seconds=100000", "1 to 600"},
		{"seconds=1&seconds=2", "seconds is written 2 times: write it once"},
	} {
		if w := admin(s, "GET", "/admin/profile?"+c.query, ""); w.Code != 400 || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", c.query, w.Code, w.Body)
		}
	}
	var first bytes.Buffer
	if err := pprof.StartCPUProfile(&first); err != nil {
		t.Fatal(err)
	}
	w := admin(s, "GET", "/admin/profile", "")
	pprof.StopCPUProfile()
	if w.Code != http.StatusConflict || !strings.HasPrefix(w.Body.String(), `{"error":{"message":"cpu profiling already in use`) {
		t.Errorf("a second profile: %d %s", w.Code, w.Body)
	}
	r := local(httptest.NewRequest("GET", "/admin/profile?seconds=600", nil))
	gone, leave := context.WithCancel(t.Context())
	leave()
	w = httptest.NewRecorder()
	if s.Admin().ServeHTTP(w, r.WithContext(gone)); w.Code != 200 || !bytes.HasPrefix(w.Body.Bytes(), []byte{0x1f, 0x8b}) {
		t.Errorf("a profile that is left: %d, %d bytes that begin %x", w.Code, w.Body.Len(), w.Body.Bytes()[:min(2, w.Body.Len())])
	}
}

func TestAQueueOfNoneStaysNone(t *testing.T) {
	s := serve(t, "engine: {max_queue: 0}")
	if w := admin(s, "PATCH", "/admin/config", `{"version": 1, "set": {"engine.ttft": "1ms"}}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := admin(s, "GET", "/admin/config", ""); !strings.Contains(w.Body.String(), "max_queue: 0\n") {
		t.Errorf("the queue became another: %s", w.Body)
	}
	if w := admin(s, "PATCH", "/admin/config", `{"version": 2, "set": {"engine.max_queue": -4}}`); w.Code != 400 || !strings.Contains(w.Body.String(), "must not be negative; 0 is no queue") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
