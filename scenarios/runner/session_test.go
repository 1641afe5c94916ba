package runner_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// bySession sorts records into sessions, their turns in order.
func bySession(records []*results.Record) map[int64][]*results.Record {
	out := map[int64][]*results.Record{}
	for _, r := range records {
		list := out[r.Session]
		for len(list) < r.Turn {
			list = append(list, nil)
		}
		list[r.Turn-1] = r
		out[r.Session] = list
	}
	return out
}

// A turn takes 100 ms and 9 gaps of 10 ms, the tool 2 s: turn n of a session that arrives at t is due at t + n*2.19 s. Each
// turn brings 16 tokens and an answer of 10, behind 32 of the system: 48, 74, 100 tokens; blocks of 16 that were sent before
// are cached.
func TestSessionsTakeTurns(t *testing.T) {
	out := run(t, "{prefix_cache: true, engine: {model: step, c0: 10ms, kv_tokens: 100000}}", `
workload: {prompts: {synthetic: {input_tokens: 16}}, output: {tokens: 10}}
load: {sessions: {rate: 1/s, arrivals: constant, turns: 3, tool_delay: 2s, system_tokens: 32}, requests: 30, warmup: {requests: 3}}
`, 0)
	s := out.Stages[0]
	if s.Name != "sessions=1/s" || s.Load.Mode != "open" || !s.Load.Sessions || s.Requests.Issued != 30 || s.Requests.Warmup != 3 {
		t.Fatalf("%s, %+v, %+v", s.Name, s.Load, s.Requests)
	}
	for id, turns := range bySession(out.records) {
		if len(turns) != 3 || turns[0].Tail {
			continue // the tail's sessions end with the measured ones
		}
		for n, r := range turns {
			if r.Outcome != results.OK || r.Warmup != (id == 1) {
				t.Errorf("session %d, turn %d: %s, warm-up %v", id, n+1, r.Outcome, r.Warmup)
			}
			if want := 48 + 26*n; r.Tokens.Input != want {
				t.Errorf("session %d, turn %d has %d tokens, want %d", id, n+1, r.Tokens.Input, want)
			}
			if want := []int{32, 48, 64}[n]; r.Tokens.Cached != want && id > 1 {
				t.Errorf("session %d, turn %d has %d tokens cached, want %d", id, n+1, r.Tokens.Cached, want)
			}
			if n == 0 {
				if due := (id - 1) * int64(time.Second); r.IntendedNS-turns[0].IntendedNS != 0 || r.IntendedNS < due || r.IntendedNS > due+2 {
					t.Errorf("session %d arrives at %d", id, r.IntendedNS)
				}
				continue
			}
			if wait := r.IntendedNS - turns[n-1].DoneNS; wait != int64(2*time.Second) || r.DispatchedNS != r.IntendedNS {
				t.Errorf("session %d, turn %d is due %v after the answer, sent %v late", id, n+1, time.Duration(wait), time.Duration(r.DispatchedNS-r.IntendedNS))
			}
		}
	}
	for i, g := range s.Groups {
		if g.By != "turn" || g.Value != []string{"1", "2", "3"}[i] || g.Requests.Issued != 10 || g.Metrics[metric.TTFT].Count != 10 {
			t.Errorf("group %s %s: %+v", g.By, g.Value, g.Requests)
		}
	}
	if s.Groups[0].Tokens.Cached >= s.Groups[1].Tokens.Cached || s.Groups[1].Tokens.Cached >= s.Groups[2].Tokens.Cached {
		t.Error("cached tokens do not grow by turn")
	}
	if len(out.Invalid) > 0 {
		t.Error(out.Invalid)
	}
}

// TestASessionSaysWhatWasAnswered holds the conversation on the wire: the server's own words go back to it.
func TestASessionSaysWhatWasAnswered(t *testing.T) {
	var mu sync.Mutex
	var talks [][]map[string]string
	answers := map[string]bool{}
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "engine: {model: none}")
		defer b.close()
		b.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct{ Messages []map[string]string }
			text, _ := io.ReadAll(r.Body)
			_ = json.Unmarshal(text, &body)
			r.Body = io.NopCloser(strings.NewReader(string(text)))
			seen := &copied{ResponseWriter: w}
			b.ServeHTTP(seen, r)
			var answer struct {
				Choices []struct{ Message struct{ Content string } }
			}
			_ = json.Unmarshal([]byte(seen.body.String()), &answer)
			mu.Lock()
			defer mu.Unlock()
			talks = append(talks, body.Messages)
			answers[answer.Choices[0].Message.Content] = true
		})
		runOn(t, b, `
workload: {stream: false, prompts: {synthetic: {input_tokens: 16}}, output: {tokens: 4}}
load: {sessions: {rate: 1/m, arrivals: constant, turns: 3, system_tokens: 8}, requests: 3}
`, 1, 0)
	})
	for n, talk := range talks[:3] {
		roles := ""
		for _, m := range talk {
			roles += m["role"][:1]
			if m["role"] == "assistant" && !answers[m["content"]] {
				t.Errorf("turn %d: the server never said %q", n+1, m["content"])
			}
		}
		if want := "su" + strings.Repeat("au", n); roles != want {
			t.Errorf("turn %d has roles %q, want %q", n+1, roles, want)
		}
		if n > 0 && talk[1]["content"] != talks[n-1][1]["content"] {
			t.Errorf("turn %d begins with other words than the one before", n+1)
		}
	}
}

// copied keeps what is written.
type copied struct {
	http.ResponseWriter
	body strings.Builder
}

func (c *copied) Write(b []byte) (int, error) { c.body.Write(b); return c.ResponseWriter.Write(b) }
func (c *copied) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// TestATurnThatFailsEndsItsSession holds that the turns after it are recorded, as failures that were never sent.
func TestATurnThatFailsEndsItsSession(t *testing.T) {
	out := run(t, "{models: [{id: demo-8b, max_model_len: 60}], engine: {model: none}}", `
workload: {prompts: {synthetic: {input_tokens: 20}}, output: {tokens: 10}}
load: {sessions: {rate: 1/s, turns: 4}, requests: 12}
`, 0)
	if got, want := out.Stages[0].Outcomes, (map[results.Outcome]int64{"ok": 6, "http_400": 3, "dropped": 3}); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, r := range out.records {
		if r.Outcome == results.Dropped && (r.Turn != 4 || len(r.Attempts) > 0 || r.Error != "not sent: turn 3 of its session failed") {
			t.Errorf("turn %d with %d attempts: %s", r.Turn, len(r.Attempts), r.Error)
		}
	}
}

// TestAnInterruptEndsSessions holds that every turn of a session that was begun has a record.
func TestAnInterruptEndsSessions(t *testing.T) {
	out := run(t, "engine: {model: fixed, ttft: 100ms, itl: 1ms}", `
workload: {output: {tokens: 5}}
load: {sessions: {rate: 2/s, arrivals: constant, turns: 10, tool_delay: 1s}, requests: 100}
`, 3*time.Second+50*time.Millisecond)
	s := out.Stages[0]
	if s.Requests.Issued != 70 || s.Requests.Cancelled == 0 || s.Requests.Succeeded == 0 || s.Requests.Succeeded+s.Requests.Cancelled != 70 {
		t.Errorf("%+v of seven sessions", s.Requests)
	}
}

// TestConnectionsPerSession holds that each session has a connection of its own, for all of its turns, and no rate limit of its own.
func TestConnectionsPerSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "engine: {model: none}")
		defer b.close()
		var d dialled
		b.dial = d.through(b.pipes.dial)
		out := runOn(t, b, `
target: {endpoint: [http://mock, http://other], connections: per_session}
workload: {output: {tokens: 3}}
load: {sessions: {rate: 10/m, arrivals: constant, turns: 4, tool_delay: 1s}, requests: 40}
`, 1, 0)
		for id, turns := range bySession(out.records) {
			for n, r := range turns {
				if want := []string{"http://mock", "http://other"}[(id-1)%2]; r.Endpoint != want {
					t.Errorf("session %d, turn %d went to %s", id, n+1, r.Endpoint)
				}
				if len(r.Attempts) > 0 && r.Attempts[0].Reused != (n > 0) {
					t.Errorf("session %d, turn %d: reused %v", id, n+1, r.Attempts[0].Reused)
				}
			}
		}
		if d.by["mock:80"] != 5 || d.by["other:80"] != 5 || d.most != 1 {
			t.Errorf("dialled %v for ten sessions one after the other, %d at once", d.by, d.most)
		}
	})
}

// Third turns fail. With the stop those who wait for a tool go no further; the simulation has a test of the same figures.
func TestARuleEndsSessions(t *testing.T) {
	out := run(t, "{seed: 4, models: [{id: demo-8b, max_model_len: 150}], engine: {ttft: 103ms, itl: 3ms}}", `
workload: {prompts: {synthetic: {input_tokens: 40}}, output: {tokens: 20}}
load: {sessions: {rate: 5/s, turns: 5, tool_delay: 407ms}, requests: 600, stop: {error_rate: 0.2}}
`, 0)
	s := out.Stages[0]
	if want := (map[results.Outcome]int64{"ok": 17, "http_400": 4, "cancelled": 26, "dropped": 8}); !maps.Equal(s.Outcomes, want) || s.StopReason != "error_rate: 4 of 20 requests failed" {
		t.Errorf("%v, want %v; stopped by %q", s.Outcomes, want, s.StopReason)
	}
}
