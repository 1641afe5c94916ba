package scenarios_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/words"
	"github.com/llmload/llmload/scenarios"
)

func TestPromptsHaveTheirLength(t *testing.T) {
	t.Parallel()
	for _, cache := range []string{"cold", "warm"} {
		p := mustPlan(t, "workload: {prompts: {synthetic: {input_tokens: 1}, cache: "+cache+"}}")
		s := &p.Stages[0]
		for n := 1; n <= 2000; n++ {
			s.Prompts.InputTokens.Mean = n
			text, tokens := prompt(s, int64(n), 99)
			if tokens != n || words.Count(text) != n || strings.Contains(text, "  ") || strings.TrimSpace(text) != text {
				t.Fatalf("%s: %d words, %d tokens, want %d: %q", cache, words.Count(text), tokens, n, text)
			}
		}
	}
}

// TestDrawnLengths holds mean, spread and bounds of a distribution of lengths.
func TestDrawnLengths(t *testing.T) {
	s := &mustPlan(t, "workload: {prompts: {synthetic: {input_tokens: {mean: 100, stddev: 10, min: 80, max: 115}}}}").Stages[0]
	const n = 5000
	sum, least, most := 0, 1000, 0
	for i := range int64(n) {
		text, tokens := prompt(s, i, 1)
		if words.Count(text) != tokens {
			t.Fatalf("prompt %d has %d words, not %d", i, words.Count(text), tokens)
		}
		sum, least, most = sum+tokens, min(least, tokens), max(most, tokens)
	}
	if mean := float64(sum) / n; mean < 98.5 || mean > 101 || least != 80 || most != 115 {
		t.Errorf("mean %v, from %d to %d", mean, least, most)
	}
	for _, l := range []scenarios.Lengths{{Mean: 3, Stddev: 1000}, {Mean: 3, Stddev: 1 << 40}, {Mean: 3, Stddev: 1000, Max: 1}} {
		r := rand.New(rand.NewPCG(1, 2))
		for range 1000 {
			if n := l.Draw(r); n < 1 || n > 10_000_000 || l.Max > 0 && n > l.Max {
				t.Fatalf("%+v drew %d", l, n)
			}
		}
	}
}

// TestColdHeads holds that no two prompts of a run begin alike, and that another run begins otherwise but sends as much.
func TestColdHeads(t *testing.T) {
	t.Parallel()
	p := mustPlan(t, "workload: {prompts: {synthetic: {input_tokens: {mean: 12, stddev: 4, min: 5}}}}\nload: {closed: {concurrency: [1, 2, 3]}}")
	heads := map[string]string{}
	for stage := range p.Stages {
		s := &p.Stages[stage]
		for i := range int64(30_000) {
			text, tokens := prompt(s, i, 7)
			head := strings.Join(strings.Fields(text)[:4], " ")
			here := fmt.Sprintf("stage %d, prompt %d", stage, i)
			if before, ok := heads[head]; ok {
				t.Fatalf("%s and %s both begin with %q", before, here, head)
			}
			heads[head] = here
			if i > 1000 {
				continue
			}
			other, otherTokens := prompt(s, i, 8)
			same := strings.HasPrefix(other, head)
			if same || otherTokens != tokens || strings.TrimPrefix(text, head) != after4(other) {
				t.Fatalf("%s: %q and, in another run, %q", here, text, other)
			}
		}
	}
}

// after4 is what follows the first four words.
func after4(text string) string {
	return strings.TrimPrefix(text, strings.Join(strings.Fields(text)[:4], " "))
}

// TestHeadsOfFarIndexes holds that the numbers of stages and prompts do not run into each other.
func TestHeadsOfFarIndexes(t *testing.T) {
	p := mustPlan(t, "workload: {prompts: {synthetic: {input_tokens: 4}}}\nload: {closed: {concurrency: [1, 2, 3, 4]}}")
	heads := map[string]bool{}
	for stage := range p.Stages {
		for bit := range 35 {
			text, _ := prompt(&p.Stages[stage], 1<<bit, 0)
			if heads[text] {
				t.Errorf("stage %d, prompt 2^%d begins like another", stage, bit)
			}
			heads[text] = true
		}
	}
}

// TestWarmPrompts holds that a warm stage sends the prompts of its warm-up again, in turn, in every run.
func TestWarmPrompts(t *testing.T) {
	p := mustPlan(t, "workload: {prompts: {synthetic: {input_tokens: 20}, cache: warm}}\nload: {warmup: {requests: 5}, closed: {concurrency: [1, 2]}}")
	s, other := &p.Stages[0], &p.Stages[1]
	seen := map[string]bool{}
	for i := range int64(23) {
		text, _ := prompt(s, i, 1)
		if again, _ := prompt(s, i+5, 2); again != text {
			t.Errorf("prompt %d is %q, five later %q", i, text, again)
		}
		if next, _ := prompt(other, i, 1); next == text {
			t.Errorf("two stages share %q, whose warm-ups are apart", text)
		}
		seen[text] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d prompts, want 5", len(seen))
	}
}

// TestFilePrompts holds that prompts of files come in order, again from the start, behind a nonce where cold.
func TestFilePrompts(t *testing.T) {
	for source, want := range map[string][]string{
		"file: two.jsonl":      {"One prompt", "Another", "One prompt"},
		"file: three.jsonl":    {"a", "b", "c", "a"},
		"sharegpt: chats.json": {"Hi", "Hi"},
	} {
		warm := mustPlan(t, "workload: {prompts: {"+source+", cache: warm}}\nload: {warmup: {requests: 50}}")
		cold := mustPlan(t, "workload: {prompts: {"+source+"}}")
		for i, text := range want {
			if got, tokens := prompt(&warm.Stages[0], int64(i), 1); got != text || tokens != 0 {
				t.Errorf("%s: warm prompt %d is %q, %d tokens", source, i, got, tokens)
			}
			got, tokens := prompt(&cold.Stages[0], int64(i), 1)
			if other, _ := prompt(&cold.Stages[0], int64(i), 2); after4(got) != " "+text || tokens != 0 || other == got {
				t.Errorf("%s: cold prompt %d is %q, %d tokens, and then %q", source, i, got, tokens, other)
			}
		}
	}
}

// TestProbePrompts holds that a negative index has a prompt of its own.
func TestProbePrompts(t *testing.T) {
	for _, prompts := range []string{"{}", "{cache: warm}", "{file: three.jsonl}", "{file: three.jsonl, cache: warm}"} {
		s := &mustPlan(t, "workload: {prompts: "+prompts+"}").Stages[0]
		probe, _ := prompt(s, -1, 3)
		if probe == "" {
			t.Errorf("%s: no prompt", prompts)
		}
		for i := range int64(100) {
			if text, _ := prompt(s, i, 3); text == probe && prompts != "{file: three.jsonl, cache: warm}" {
				t.Errorf("%s: prompt %d is the probe's", prompts, i)
			}
		}
	}
}
