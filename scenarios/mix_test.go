package scenarios_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/words"
)

const chatAndCode = `
mix:
  - {name: chat, weight: 3, prompts: {synthetic: {input_tokens: 20}}}
  - {name: code, api: completions, prompts: {synthetic: {input_tokens: 90}}, output: {tokens: 7}}
`

// TestMixIsDrawnByWeight holds shares, and that a request is a function of seed, stage and index.
func TestMixIsDrawnByWeight(t *testing.T) {
	s := &mustPlan(t, chatAndCode).Stages[0]
	again, other := &mustPlan(t, chatAndCode).Stages[0], &mustPlan(t, "seed: 9"+chatAndCode).Stages[0]
	const n = 8000
	count, differs := map[string]int{}, 0
	for i := range int64(n) {
		r := s.Request(i, 1, 5)
		count[r.Name]++
		want := map[string][2]int{"chat": {20, 128}, "code": {90, 7}}[r.Name]
		if r.Input != want[0] || r.Tokens != want[1] || words.Count(r.Texts[0]) != want[0] {
			t.Fatalf("request %d of %s: %d tokens in, %d out", i, r.Name, r.Input, r.Tokens)
		}
		if a := again.Request(i, 1, 5); a.Name != r.Name || a.Texts[0] != r.Texts[0] {
			t.Fatalf("request %d is not the same again", i)
		}
		if other.Request(i, 1, 5).Name != r.Name {
			differs++
		}
	}
	if share := float64(count["chat"]) / n; math.Abs(share-0.75) > 0.015 {
		t.Errorf("chat is %.3f of the mix, want 0.75", share)
	}
	if differs < n/4 {
		t.Errorf("another seed draws another workload %d times of %d", differs, n)
	}
}

// TestMixedPlans holds what a mix resolves to, by a piece of its YAML, blanks aside.
func TestMixedPlans(t *testing.T) {
	for _, c := range []struct{ sentence, src, has, hasNot string }{
		{"what all have in common stands above", chatAndCode, "stream: true mix: - name: chat weight: 3 api: chat stream: true", "api: completions stream: true mix"},
		{"a name is the place in the list, a weight 1", "mix: [{}, {api: completions}]", "- name: '1' weight: 1 api: chat", ""},
		{"a workload is what the mix leaves open", "workload: {output: {tokens: 9}, temperature: 1}\nmix: [{}, {temperature: 0}]", "tokens: 9 mode: exact temperature: 0", ""},
		{"a stage's workload, too", "mix: [{}]\nstages: [{workload: {output: {tokens: 9}}}]", "tokens: 9", "tokens: 128"},
		{"a stage's mix replaces the scenario's", "mix: [{name: a}]\nstages: [{mix: [{name: b}]}]", "name: b", "name: a"},
		{"an empty one is none", "mix: [{name: a}]\nstages: [{mix: []}]", "api: chat stream: true prompts:", "mix"},
		{"warm prompts need a warm-up", "mix: [{prompts: {cache: warm}}, {}]", "warmup: requests: 16", ""},
		{"a source replaces the workload's", "workload: {prompts: {file: two.jsonl}}\nmix: [{prompts: {synthetic: {input_tokens: 3}}}]", "mean: 3", "two.jsonl"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			says(t, c.src, c.has, c.hasNot)
		})
	}
}

// TestAWarmMixRepeatsItsWarmUp holds that each warm prompt was sent in the warm-up, by its own workload.
func TestAWarmMixRepeatsItsWarmUp(t *testing.T) {
	s := &mustPlan(t, "workload: {prompts: {synthetic: {input_tokens: 30}, cache: warm}}\nmix: [{name: a, weight: 5}, {name: b}]\nload: {warmup: {requests: 20}}").Stages[0]
	sent := map[string]bool{}
	for i := range int64(20) {
		r := s.Request(i, 1, 1)
		sent[r.Name+" "+r.Texts[0]] = true
	}
	for i := int64(20); i < 500; i++ {
		if r := s.Request(i, 1, 2); !sent[r.Name+" "+r.Texts[0]] {
			t.Fatalf("request %d of %s was not in the warm-up", i, r.Name)
		}
	}
	if len(sent) < 15 {
		t.Errorf("%d different prompts in a warm-up of 20", len(sent))
	}
}

// TestSharedPrefix holds that a part of each prompt is what all have, to the token, and new in every run.
func TestSharedPrefix(t *testing.T) {
	for _, share := range []float64{0.1, 0.5, 0.75, 1} {
		s := &mustPlan(t, fmt.Sprintf("workload: {prompts: {synthetic: {input_tokens: {distribution: uniform, min: 1, max: 300}}, cache: shared(%v)}}", share)).Stages[0]
		longest, _ := prompt(s, 0, 7)
		var prompts [][]string
		for i := range int64(300) {
			text, n := prompt(s, i, 7)
			if words.Count(text) != n {
				t.Fatalf("prompt %d has %d words, not %d", i, words.Count(text), n)
			}
			if words.Count(longest) < n {
				longest = text
			}
			prompts = append(prompts, strings.Fields(text))
		}
		whole := strings.Fields(longest)
		for i, p := range prompts {
			want := int(math.Round(share * float64(len(p))))
			got := common(p, whole)
			if limit := min(want, int(math.Round(share*float64(len(whole))))); got < limit || got > limit+1 && len(p) > limit+4 && len(p) != len(whole) {
				t.Errorf("share %v: prompt %d of %d tokens has %d in common, want %d", share, i, len(p), got, want)
			}
		}
		other, _ := prompt(s, 0, 8)
		if len(prompts[0]) > 8 && common(strings.Fields(other), prompts[0]) > 2 {
			t.Errorf("share %v: two runs begin alike: %q", share, other)
		}
	}
}

func common(a, b []string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// TestTheHashFollowsTheWork holds that what changes the requests changes the hash, and nothing else does.
func TestTheHashFollowsTheWork(t *testing.T) {
	hash := func(src string) string {
		h, err := mustPlan(t, src).Hash()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	const base = "mix: [{name: a, weight: 2, prompts: {file: two.jsonl}}, {name: b}]"
	for _, same := range []string{
		"target: {connections: reuse, label_headers: [x-replica]}\n" + base,
		"target: {endpoint: [http://a, http://b]}\n" + base,
		"mix: [{name: a, weight: 2.0, api: chat, prompts: {file: same-two.jsonl}}, {name: b, weight: 1}]",
		"workload: {stream: true}\n" + base,
	} {
		if hash(same) != hash(base) {
			t.Errorf("%s\nhas another hash than\n%s", same, base)
		}
	}
	seen := map[string]string{}
	for _, src := range []string{
		"load: {sessions: {rate: 1/s}}", "load: {sessions: {rate: 1/s, turns: 6}}", "load: {sessions: {rate: 1/s, tool_delay: 1s}}", "load: {sessions: {rate: 1/s, system_tokens: 9}}", "load: {open: {rate: 1/s}}",
		"", base, "target: {connections: fresh}\n" + base, strings.Replace(base, "weight: 2", "weight: 3", 1), strings.Replace(base, "two", "other-two", 1), strings.Replace(base, "name: b", "name: c", 1),
		"workload: {prompts: {cache: shared(0.5)}}", "workload: {prompts: {cache: shared(0.6)}}", "workload: {prompts: {text: {words: 5}}}",
		"workload: {prompts: {batch: batch.jsonl}}", "workload: {output: {tokens: {mean: 128, stddev: 2}}}", "workload: {output: {tokens: {distribution: lognormal, mean: 128, stddev: 2}}}",
	} {
		h := hash(src)
		if before, ok := seen[h]; ok {
			t.Errorf("%q and %q have one hash", src, before)
		}
		seen[h] = src
	}
}
