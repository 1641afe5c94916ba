package scenarios_test

import (
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/scenarios"
)

const talks = `
mix: [{name: a, prompts: {synthetic: {input_tokens: 20}}}, {name: b, prompts: {synthetic: {input_tokens: 30}}}]
load: {sessions: {rate: 4/s, turns: {distribution: uniform, min: 2, max: 6}, tool_delay: {distribution: uniform, min: 1s, max: 3s}, system_tokens: 12}, requests: 400}
`

// TestSessionsAreAFunctionOfTheSeed holds turns, delays and words of each session.
func TestSessionsAreAFunctionOfTheSeed(t *testing.T) {
	s, again, other := &mustPlan(t, talks).Stages[0], &mustPlan(t, talks).Stages[0], &mustPlan(t, "seed: 3"+talks).Stages[0]
	turns, same, prompts := 0, 0, map[string]bool{}
	for i, a := range take(s, 200, 0) {
		if a.Tail {
			break
		}
		if turns += a.Size; a.Size < 1 || a.Size > 6 || a.Size == 1 && turns != 400 {
			t.Errorf("session %d has %d turns", i, a.Size)
		}
		name := s.Turn(a, 0, 1).Name
		for n := range a.Size {
			r, d := s.Turn(a, n, 1), s.ToolDelay(a, n)
			if b := again.Turn(a, n, 1); b.Texts[0] != r.Texts[0] || again.ToolDelay(a, n) != d {
				t.Errorf("session %d, turn %d is not the same again", i, n)
			}
			if r.Name != name || r.Input != 0 || prompts[r.Texts[0]] || d < time.Second || d > 3*time.Second {
				t.Errorf("session %d, turn %d: workload %s after %s, input %d, delay %v", i, n, r.Name, name, r.Input, d)
			}
			if other.ToolDelay(a, n) == d {
				same++
			}
			prompts[r.Texts[0]] = true
		}
	}
	if turns != 400 || same > 10 {
		t.Errorf("%d turns; %d delays of another seed are the same", turns, same)
	}
}

// TestTheSystemPromptIsShared holds its length, and that it is new in every run and in every stage.
func TestTheSystemPromptIsShared(t *testing.T) {
	p := mustPlan(t, "load: {sessions: {rate: [1/s, 2/s], system_tokens: 12}}")
	seen := map[string]bool{}
	for i := range p.Stages {
		for nonce := range uint64(2) {
			text := p.Stages[i].System(nonce)
			head := strings.Join(strings.Fields(text)[:4], " ")
			if len(strings.Fields(text)) != 12 || seen[head] || text != p.Stages[i].System(nonce) {
				t.Errorf("stage %d, nonce %d: %q", i, nonce, text)
			}
			seen[head] = true
		}
	}
	for _, src := range []string{"load: {sessions: {rate: 1/s}}", ""} {
		if text := mustPlan(t, src).Stages[0].System(1); text != "" {
			t.Errorf("%s: %q", src, text)
		}
	}
}

func TestADelayOfOneValueIsExact(t *testing.T) {
	s := &mustPlan(t, "load: {sessions: {rate: 1/s, tool_delay: 1500us}}").Stages[0]
	if d := s.ToolDelay(scenarios.Arrival{}, 3); d != 1500*time.Microsecond {
		t.Error(d)
	}
}

// TestResolvedSessions holds what stands in a plan for what a file says of sessions.
func TestResolvedSessions(t *testing.T) {
	for _, c := range []struct{ sentence, src, has, hasNot string }{
		{"sessions have five turns and no delay", "load: {sessions: {rate: 2/s}}", "name: sessions=2/s api: chat", "concurrency"},
		{"sessions arrive as an open load does", "load: {sessions: {rate: 2/s}}", "rate: 2/s\n    arrivals: poisson\n    max_in_flight: 2000\n    sessions:\n      turns:\n        mean: 5\n    batch_size: 1", "tool_delay"},
		{
			"an entry's sessions replace open and its batch", "load: {open: {rate: 1/s}, batch: {size: 4}}\nstages: [{load: {sessions: {rate: 2/s, tool_delay: {mean: 1s, stddev: 2s}}}}]",
			"tool_delay:\n        mean: 1s\n        stddev: 2s", "batch_size: 4",
		},
		{"an entry's open replaces sessions", "load: {sessions: {rate: 1/s}}\nstages: [{load: {open: {rate: 2/s}}}]", "name: rate=2/s", "sessions"},
	} {
		t.Run(c.sentence, func(t *testing.T) { says(t, c.src, c.has, c.hasNot) })
	}
}
