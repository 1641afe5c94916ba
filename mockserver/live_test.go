package mockserver_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
)

// patch changes the current config.
func patch(s *mockserver.Server, set string) *httptest.ResponseRecorder {
	return admin(s, "PATCH", "/admin/config", fmt.Sprintf("version: %d\nset: %s", s.State().ConfigVersion, set))
}

// shown is what GET /admin/config shows.
func shown(t *testing.T, s *mockserver.Server) (version int64, cfg mockserver.Config) {
	t.Helper()
	w := admin(s, "GET", "/admin/config", "")
	n, err := strictyaml.Parse("config", w.Body.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Get("version").Decode(&version); err != nil {
		t.Fatal(err)
	}
	if cfg, err = mockserver.ParseConfig(n.Get("config")); err != nil {
		t.Fatalf("what is shown does not parse: %v\n%s", err, w.Body)
	}
	return version, cfg
}

const fullConfig = `
seed: 7
models: [{id: demo-8b}, {id: b, max_model_len: 99}]
engine: {model: step, c0: 6ms, prefill_per_token: 20us, max_queue: 0, jitter: {cv: 0.1}}
stream: {role_chunk: early, tokens_per_chunk: 3}
output: {natural: 40}
prefix_cache: true
ignore_eos: false
faults:
  - {name: busy, match: {path: /v1/chat/*, header: {x-a: b}, stream: true}, when: {first: 2, per: "header:x-id"}, action: {status: 429, retry_after: 2s}}
  - {when: {every: 3}, action: {do: stall, at_token: 4, for: 1s, then: reset}}
phases: [{at: 1m, set: {engine.c0: 12ms, stream.tokens_per_chunk: 4}}]
`

func asYAML(t *testing.T, v any) string {
	t.Helper()
	text, err := strictyaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheConfigThatIsShownIsAConfig(t *testing.T) {
	for _, src := range []string{"", "engine: {model: none}", fullConfig} {
		want, err := parse(src)
		if err != nil {
			t.Fatal(err)
		}
		version, got := shown(t, serve(t, src))
		if got, want := asYAML(t, got), asYAML(t, want); version != 1 || got != want {
			t.Errorf("version %d\ngot  %s\nwant %s", version, got, want)
		}
	}
}

func TestTheConfigIsShownInJSONWhereThatIsAskedFor(t *testing.T) {
	s := serve(t, fullConfig)
	for accept, want := range map[string]string{"": "application/yaml", "*/*": "application/yaml", "application/json": "application/json", "text/html, application/json;q=0.9": "application/json"} {
		r := local(httptest.NewRequest("GET", "/admin/config", nil))
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.Admin().ServeHTTP(w, r)
		if got := w.Header().Get("Content-Type"); got != want {
			t.Errorf("Accept: %s: %s", accept, got)
		}
		var all struct {
			Version int64
			Config  struct {
				Engine struct {
					C0 string
				}
				Phases []struct {
					Set map[string]any
				}
			}
		}
		if want != "application/json" {
			continue
		}
		if err := json.Unmarshal(w.Body.Bytes(), &all); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(all); got != "{1 {{6ms} [{map[engine.c0:12ms stream.tokens_per_chunk:4]}]}}" {
			t.Errorf("got %s", got)
		}
	}
}

func TestAPatchChangesTheConfig(t *testing.T) {
	for _, c := range []struct{ name, set, path, want string }{
		{"a duration", "{engine.c0: 12ms}", "engine.c0", "12ms"},
		{"a number", "{stream.tokens_per_chunk: 4}", "stream.tokens_per_chunk", "4"},
		{"JSON", `{"stream.tokens_per_chunk": 4}`, "stream.tokens_per_chunk", "4"},
		{"JSON as Python writes it", `{"faults": [{"action": {"status": 500, "body": "\ud83d\ude00 \u00e9"}}]}`, "faults[0].action.body", "😀 é"},
		{"JSON with tabs", "{\n\t\t\"engine.c0\":\t\"12ms\"\n\t}", "engine.c0", "12ms"},
		{"a part as a whole keeps its other keys", "{engine: {c0: 3ms}}", "engine.prefill_per_token", "20µs"},
		{"a pointer", "{ignore_eos: true}", "ignore_eos", "true"},
		{"a nested part", "{engine.jitter.cv: 0.5}", "engine.jitter.cv", "0.5"},
		{"a zero is meant", "{engine.max_queue: 0}", "engine.max_queue", "0"},
		{"models", "{models: [{id: c}]}", "models[0].max_model_len", "8192"},
		{"faults", "{faults: []}", "faults", ""},
		{"a value that stays, of what must stay", "{seed: 7, engine: {model: step}, output.natural: 9}", "output.natural.mean", "9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, fullConfig)
			body := "version: 1\nset: " + c.set
			if strings.HasPrefix(c.name, "JSON") {
				body = `{"version": 1, "set": ` + c.set + "}"
			}
			if w := admin(s, "PATCH", "/admin/config", body); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"version":2}` {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			n, err := strictyaml.Parse("config", admin(s, "GET", "/admin/config", "").Body.Bytes(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := n.Get("config." + c.path).Text(); got != c.want {
				t.Errorf("%s is %q, want %q", c.path, got, c.want)
			}
		})
	}
}

func TestAStageBringsTheConfigOfTheStartBack(t *testing.T) {
	s := serve(t, fullConfig)
	config := func() string {
		_, text, _ := strings.Cut(admin(s, "GET", "/admin/config", "").Body.String(), "\n")
		return text
	}
	first := config()
	patch(s, "{ignore_eos: true, models: [{id: c}], engine: {jitter: {cv: 0.4}}, faults: []}")
	if config() == first {
		t.Fatal("nothing changed")
	}
	for range 2 {
		if _, err := s.BeginStage("next", nil); err != nil {
			t.Fatal(err)
		}
		if got := s.State().ConfigVersion; config() != first || got != 3 { // the second stage changes nothing
			t.Errorf("version %d\n%s", got, config())
		}
	}
	if _, err := s.BeginStage("own faults", []mockserver.Fault{}); err != nil {
		t.Fatal(err)
	}
	if _, cfg := shown(t, s); len(cfg.Faults) != 0 || cfg.Output.Natural.Mean != 40 {
		t.Errorf("config %+v", cfg)
	}
}

func TestEveryErrorOfAPatchComesAtOnceAndNothingChanges(t *testing.T) {
	s := serve(t, fullConfig)
	before := admin(s, "GET", "/admin/config", "").Body.String()
	for _, c := range []struct {
		name, body string
		status     int
		want       []string
	}{
		{"another version", "version: 7\nset: {engine.c0: 1ms}", 409, []string{"version 7 is not the current one, that is 1: read the config again"}},
		{"nothing", "", 400, []string{"write version", "write set"}},
		{"no version", "set: {engine.c1: 1ms}", 400, []string{"write version", `unknown key \"engine.c1\": did you mean \"engine.c0\"?`}},
		{"no YAML", "{", 400, []string{"neither JSON nor YAML"}},
		{"a list", "version: 1\nset: [1]", 400, []string{"want a mapping"}},
		{"an unknown field", "version: 1\nsets: {}", 400, []string{"unknown key", "write set"}},
		{
			"values",
			"version: 1\nset:\n  engine.c0: 12\n  engine.max_num_seqs: 0\n  stream.tokens_per_chunk: x\n  output.natural: -1\n  engine.jitter: {cv: 9}\n  faults: [{action: {do: explode}}]\n  models: [{id: a}, {id: a}]",
			400,
			[]string{
				"body:3:14: a duration needs a unit", "body:4:24: engine.max_num_seqs: must be at least 1", "body:5:28: want a whole number",
				"body:6:19: output.natural: must not be negative", "body:7:23: engine.jitter.cv: must be 0 to 5", `body:8:26: faults[0].action.do: \"explode\"`,
				`body:9:26: models[1].id: model \"a\" is listed twice`,
			},
		},
		{"keys", "version: 1\nset: {zzz: 1, engine.zzz: 1, engine.c0.x: 1, '': 1, 'models[0].id': x, engine.itl: }", 400, []string{
			`unknown key \"zzz\": the keys here are api_key, `, `unknown key \"engine.zzz\": the keys here are engine.c0, `, `unknown key \"engine.c0.x\": write engine.c0 as a whole`,
			`unknown key \"\"`, `unknown key \"models[0].id\"`, "engine.itl: write a value",
		}},
		{"a key twice", "version: 1\nset: {engine.c0: 1ms, engine.c0: 2ms}", 400, []string{"duplicate key"}},
		{"a value that does not go with another", "version: 1\nset: {engine.max_num_seqs: 9000}", 400, []string{"body:2:6: engine.max_batched_tokens: max_batched_tokens (8192) must be at least max_num_seqs (9000)"}},
		{"a part that no path names", "version: 1\nset: {engine.c0: 0s, engine.prefill_per_token: 0s}", 400, []string{"body:2:18: engine: a step takes no time"}},
		{"what must stay", "version: 1\nset: {seed: 8, engine.model: fixed, truth: t.jsonl, phases: []}", 400, []string{
			"seed: cannot be changed while the server runs: answers", "engine.model: cannot be changed", "truth: cannot be changed", "phases: cannot be changed",
		}},
		{"what must stay, inside", "version: 1\nset: {engine: {model: none}}", 400, []string{"body:2:23: engine.model: cannot be changed"}},
	} {
		w := admin(s, "PATCH", "/admin/config", c.body)
		for _, want := range c.want {
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %s is missing in\n%s", c.name, want, strings.ReplaceAll(w.Body.String(), `\n`, "\n"))
			}
		}
		if w.Code != c.status {
			t.Errorf("%s: status %d", c.name, w.Code)
		}
	}
	if after := admin(s, "GET", "/admin/config", "").Body.String(); after != before {
		t.Errorf("the config changed:\n%s", after)
	}
}

// timeOf runs one request in virtual time.
func timeOf(t *testing.T, s *mockserver.Server, out int) time.Duration {
	start := time.Now()
	r, err := call(t.Context(), pipe(t, s), "http://h"+chatPath, chat(1, fmt.Sprintf(`,"max_tokens":%d`, out)))
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, r)
	return time.Since(start)
}

func TestAPatchTakesEffectAtOnce(t *testing.T) {
	for _, c := range []struct {
		name, config, set string
		before, after     time.Duration // of a request of 11 tokens
	}{
		{"the fixed engine", "engine: {ttft: 50ms, itl: 5ms}", "{engine.ttft: 10ms, engine.itl: 1ms}", 100 * ms, 20 * ms},
		{"the step engine", "engine: {model: step, c0: 10ms}", "{engine.c0: 20ms}", 110 * ms, 220 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, c.config)
				before := timeOf(t, s, 11)
				patch(s, c.set)
				if after := timeOf(t, s, 11); before != c.before || after != c.after {
					t.Errorf("%v before, %v after", before, after)
				}
				if recs := s.Truth(0); recs[0].ConfigVersion != 1 || recs[1].ConfigVersion != 2 {
					t.Errorf("versions %d, %d", recs[0].ConfigVersion, recs[1].ConfigVersion)
				}
			})
		})
	}
}

// start sends requests that are still under way when it returns.
func start(t *testing.T, s *mockserver.Server, n int) {
	c := pipe(t, s)
	for range n {
		go func() {
			if r, err := call(t.Context(), c, "http://h"+chatPath, chat(1, "")); err == nil {
				r.Body.Close()
			}
		}()
	}
	synctest.Wait()
}

func TestWaitingRequestsGetPlacesThatAPatchMakes(t *testing.T) {
	for _, c := range []struct {
		config, set     string
		running, queued int
	}{
		{"engine: {max_num_seqs: 1}", "{engine.max_num_seqs: 3}", 3, 1},
		{"engine: {model: step, c0: 10ms, max_num_seqs: 1}", "{engine.max_num_seqs: 3}", 3, 1},
		{"engine: {model: step, c0: 10ms, kv_tokens: 200}", "{engine.kv_tokens: 400}", 3, 1},
		{"engine: {model: step, c0: 10ms, kv_tokens: 200}", "{engine.kv_tokens: 50}", 1, 3}, // what waits is too large now; it runs alone
	} {
		synctest.Test(t, func(t *testing.T) {
			s := serve(t, c.config)
			start(t, s, 4)
			if st := s.State(); st.Running != 1 || st.Queued != 3 {
				t.Errorf("%s: at first %d running, %d queued", c.config, st.Running, st.Queued)
			}
			patch(s, c.set)
			time.Sleep(10 * ms) // virtual: the step under way
			synctest.Wait()
			if st := s.State(); st.Running != c.running || st.Queued != c.queued {
				t.Errorf("%s: %d running, %d queued", c.config, st.Running, st.Queued)
			}
			if _, err := s.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			for _, r := range s.Truth(0) {
				if r.Outcome != "done" {
					t.Errorf("%s: %s", c.config, r.Outcome)
				}
			}
		})
	}
}

func TestFaultsAreReplacedAndCounted(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{name: second, when: {every: 2}, action: {status: 500}}]")
	counts := func() string { return strings.TrimSpace(admin(s, "GET", "/admin/faults", "").Body.String()) }
	hits(s, 5, nil)
	if got := counts(); got != `{"faults":[{"name":"second","action":"status 500","matched":5,"hits":2}],"stage":"","version":1}` {
		t.Errorf("got %s", got)
	}
	for _, body := range []string{"- {when: {first: 1}, action: {do: reset, at_token: 3}}", `[{"when": {"first": 1}, "action": {"do": "reset", "at_token": 3}}]`} {
		w := admin(s, "POST", "/admin/faults", body)
		if w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if got := counts(); got != `{"faults":[{"name":"faults[0]","action":"reset@3","matched":0,"hits":0}],"stage":"","version":3}` {
		t.Errorf("got %s", got)
	}
	for body, want := range map[string]string{"": "write a list of faults; [] is none", "- {action: {do: explode}}": "body:1:17", "[": "neither JSON nor YAML"} {
		if w := admin(s, "POST", "/admin/faults", body); w.Code != 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
	// A patch and a new stage count from the start; the stage has the faults of the config again.
	patch(s, "{faults: [{when: {first: 1}, action: {status: 503}}]}")
	if got := hits(s, 2, nil); !slices.Equal(got, []int{1}) {
		t.Errorf("hit %v", got)
	}
	admin(s, "POST", "/admin/stage", "name: next")
	if got := hits(s, 2, nil); !slices.Equal(got, []int{2}) {
		t.Errorf("hit %v", got)
	}
}

func TestAMarkerSaysWhereWhatComesBegins(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	hits(s, 3, nil)
	var m struct {
		Name        string
		Attempts, N int64
	}
	w := admin(s, "POST", "/admin/marker", `{"name": "warm"}`)
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || m.Name != "warm" || m.Attempts != 3 || m.N != 3 {
		t.Errorf("%s, %v", w.Body, err)
	}
	hits(s, 1, nil)
	if got := s.Truth(m.N); len(got) != 1 || got[0].N != 4 {
		t.Errorf("%d records", len(got))
	}
	if w := admin(s, "POST", "/admin/marker", ""); w.Code != 200 {
		t.Errorf("without a name: %d", w.Code)
	}
	if w := admin(s, "POST", "/admin/marker", "nam: x"); w.Code != 400 {
		t.Errorf("an unknown field: %d", w.Code)
	}
}

// After a reset the same requests have the same ledger, but for the config's version, which never goes back.
func TestAResetBringsEverythingBackToTheStart(t *testing.T) {
	ledgers := [2]string{}
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "seed: 3\nengine: {ttft: 50ms, itl: 5ms, jitter: {cv: 0.5}, stagger: 7ms}\nprefix_cache: true\nfaults: [{when: {first: 1}, action: {status: 500}}]")
		for i := range ledgers {
			start := s.State().MonotonicNS
			for j := range 4 {
				r, err := call(t.Context(), pipe(t, s), "http://h"+chatPath, chat(20, `,"max_tokens":4,"stream":true`), "X-Request-Id", fmt.Sprint(j))
				if err != nil {
					t.Fatal(err)
				}
				readAll(t, r)
			}
			for _, r := range s.Truth(0) {
				for _, ns := range append([][]int64{{r.ArrivedNS, r.AdmittedNS, r.DoneNS}}, r.PlannedNS, r.WrittenNS) {
					for _, at := range ns {
						ledgers[i] += fmt.Sprint(at-start, " ")
					}
				}
				r.ArrivedNS, r.AdmittedNS, r.PlannedNS, r.WrittenNS, r.DoneNS, r.ConfigVersion = 0, 0, nil, nil, 0, 0
				ledgers[i] += asJSON(t, r) + "\n"
			}
			admin(s, "POST", "/admin/stage", `{"name": "a", "faults_yaml": "[]"}`)
			patch(s, "{engine.ttft: 1s}")
			if w := admin(s, "POST", "/admin/reset", ""); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if st := s.State(); st.Attempts != 0 || st.Records != 0 || st.RecordsDropped != 0 || st.Stage != "" || st.ConfigVersion != int64(4+3*i) {
				t.Errorf("state %+v", st)
			}
		}
	})
	// AdmittedNS of the refused one is 0 and would differ.
	cut := func(s string) string { return s[strings.Index(s, "\n"):] }
	if cut(ledgers[0]) != cut(ledgers[1]) || ledgers[0] == "" {
		t.Errorf("first\n%s\nafter the reset\n%s", ledgers[0], ledgers[1])
	}
}

func TestAResetUnderRequestsMustBeForced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "")
		start(t, s, 2)
		if w := admin(s, "POST", "/admin/reset", ""); w.Code != 409 || !strings.Contains(w.Body.String(), "2 requests are in flight: drain first, or force it, with force=1") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := admin(s, "POST", "/admin/reset?force=1", ""); w.Code != 200 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if st := s.State(); st.Attempts != 0 || st.InFlight != 2 || st.MaxInFlightSeen != 2 {
			t.Errorf("state %+v", st)
		}
		if _, err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if recs := s.Truth(0); len(recs) != 2 || recs[0].N != 1 || recs[0].Outcome != "done" {
			t.Errorf("%d records", len(recs))
		}
	})
}

// A key is hidden where the config is shown, and what is shown can be sent back
// without losing it.
func TestTheKeyStaysHiddenAndInForce(t *testing.T) {
	s := serve(t, "api_key: sk-very-secret\nphases: [{at: 1h, set: {api_key: sk-later}}]")
	shown := admin(s, "GET", "/admin/config", "").Body.String()
	if strings.Contains(shown, "sk-") || !strings.Contains(shown, "api_key: '[redacted]'") {
		t.Errorf("shown: %s", shown)
	}
	if w := admin(s, "PATCH", "/admin/config", `{"version": 1, "set": {"api_key": "[redacted]"}}`); w.Code != 400 || !strings.Contains(w.Body.String(), "api_key") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := admin(s, "PATCH", "/admin/config", `{"version": 1, "set": {"api_key": "sk-new"}}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for key, want := range map[string]int{"sk-new": 200, "sk-very-secret": 401, "[redacted]": 401} {
		if w := post(s, chatPath, chat(1, `,"max_tokens":1`), "Authorization", "Bearer "+key); w.Code != want {
			t.Errorf("with %s: %d", key, w.Code)
		}
	}
}
