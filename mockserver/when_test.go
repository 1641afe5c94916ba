package mockserver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/mockserver"
)

// course posts a request every 500 ms, 250 ms off the full second, and draws which were hit.
func course(s *mockserver.Server, n int) string {
	var out strings.Builder
	for range n {
		time.Sleep(250 * ms)
		out.WriteByte(map[bool]byte{true: '.', false: 'x'}[post(s, chatPath, chat(1, `,"max_tokens":1`)).Code == 200])
		time.Sleep(250 * ms)
	}
	return out.String()
}

func TestWindows(t *testing.T) {
	for _, c := range []struct{ name, when, want string }{
		{"to the end", "{window: {start: 2s}}", "....xxxxxxxxxxxxxxxx"},
		{"once", "{window: {start: 2s, for: 1s}}", "....xx.............."},
		{"from the start", "{window: {for: 1s}}", "xx.................."},
		{"again and again", "{window: {start: 1s, for: 1s, repeat: 3s}}", "..xx....xx....xx...."},
		{"the first three inside it", "{first: 3, window: {start: 1s, for: 1s, repeat: 3s}}", "..xx....x..........."},
		{"every second inside it", "{every: 2, window: {start: 1s, for: 1500ms, repeat: 3s}}", "...x....x.x....x...."},
		{"certain inside it", "{probability: 1, window: {start: 3s, for: 2s}}", "......xxxx.........."},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, "engine: {model: none}\nfaults: [{when: "+c.when+", action: {status: 500}}]")
				if got := course(s, len(c.want)); got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
				time.Sleep(777 * ms) // whatever came before, a stage's time begins with it
				if _, err := s.BeginStage("again", nil); err != nil {
					t.Fatal(err)
				}
				if got := course(s, len(c.want)); got != c.want {
					t.Errorf("the next stage\ngot  %s\nwant %s", got, c.want)
				}
			})
		})
	}
}

func TestTheFirstOfEachAPIKey(t *testing.T) {
	s := serve(t, "engine: {model: none}\nfaults: [{when: {first: 1, per: key}, action: {status: 500}}]")
	keys := []string{"a", "b", "a", "", "b", ""}
	got := hits(s, len(keys), func(i int) []string {
		if keys[i-1] == "" {
			return nil
		}
		return []string{"Authorization", "Bearer " + keys[i-1]}
	})
	if want := []int{1, 2, 4}; !slices.Equal(got, want) {
		t.Errorf("hit %v, want %v", got, want)
	}
}

// The k-th decision of a fault is the same whatever other faults and requests
// come between.
func TestTheKthDecisionDependsOnNothingElse(t *testing.T) {
	const faults = `engine: {model: none}
faults:
  - {match: {header: {x-other: a}}, when: {probability: 0.5}, action: {status: 503}}
  - {match: {stream: false}, when: {probability: 0.3}, action: {status: 500}}`
	alone := hits(serve(t, faults), 300, nil)
	s := serve(t, faults)
	var mixed []int
	for i := 1; i <= 300; i++ {
		for range i % 3 {
			post(s, chatPath, chat(1, `,"max_tokens":1,"stream":true`), "X-Other", "a")
		}
		if post(s, chatPath, chat(1, `,"max_tokens":1`)).Code != 200 {
			mixed = append(mixed, i)
		}
	}
	if !slices.Equal(alone, mixed) {
		t.Errorf("alone %v\nmixed %v", alone, mixed)
	}
}

func TestTwoFaultsDrawNumbersOfTheirOwn(t *testing.T) {
	s := serve(t, `engine: {model: none}
faults:
  - {match: {header: {x-other: a}}, when: {probability: 0.5}, action: {status: 503}}
  - {match: {header: {x-other: b}}, when: {probability: 0.5}, action: {status: 500}}`)
	first := hits(s, 100, func(int) []string { return []string{"X-Other", "a"} })
	second := hits(s, 100, func(int) []string { return []string{"X-Other", "b"} })
	if slices.Equal(first, second) {
		t.Errorf("both hit %v", first)
	}
}

func TestARequestsOwnFault(t *testing.T) {
	const config = "engine: {model: none}\nfaults: [{when: {every: 2}, action: {status: 503}}]"
	for _, c := range []struct {
		name, header string
		code         int
		body, logged string
	}{
		{"a status", "{status: 418}", 418, `"error"`, "header status 418 fault"},
		{"something to do", "{do: error_event}", 200, "The engine died", "header error_event@0 fault"},
		{"none", "none", 200, "choices", "header none done"},
		{"a typing error", "{do: stal}", 400, `X-Mock-Fault:1:6: \"stal\" is not known; write one of stall, reset`, "  rejected"},
		{"what is missing", "{do: stall}", 400, "do stall needs a duration", "  rejected"},
		{"an unknown key", "{doo: stall}", 400, `unknown key \"doo\"`, "  rejected"},
		{"no mapping", "stall", 400, "want a mapping", "  rejected"},
		{"no YAML", "{", 400, "YAML syntax", "  rejected"},
		{"a connection", "{connect: reset}", 400, "is past its connect faults", "  rejected"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, config)
			// The list counts one request before it, and none with the header.
			post(s, chatPath, chat(1, `,"max_tokens":1`))
			w := post(s, chatPath, chat(1, `,"max_tokens":1`), "X-Mock-Fault", c.header)
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.body) {
				t.Errorf("%d %s, want %d and %s", w.Code, w.Body, c.code, c.body)
			}
			r := s.Truth(0)[1]
			if got := fmt.Sprintf("%s %s %s", r.Fault, r.Action, r.Outcome); got != c.logged {
				t.Errorf("the ledger says %q, want %q", got, c.logged)
			}
			if w := post(s, chatPath, chat(1, `,"max_tokens":1`)); w.Code != 503 {
				t.Errorf("the list counted the request: %d", w.Code)
			}
		})
	}
}
