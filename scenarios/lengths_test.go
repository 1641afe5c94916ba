package scenarios_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/llmload/llmload/scenarios"
)

// TestDistributions holds mean, spread and bounds of each shape, by what its formula says.
func TestDistributions(t *testing.T) {
	for _, c := range []struct {
		sentence, lengths string
		mean, stddev      float64
		least, most       int
	}{
		{"one number", "64", 64, 0, 64, 64},
		{"normal", "{mean: 1000, stddev: 100}", 1000, 100, 1, 10_000_000},
		{"normal by name", "{distribution: normal, mean: 1000, stddev: 100}", 1000, 100, 1, 10_000_000},
		{"lognormal has the mean and the spread of the length itself", "{distribution: lognormal, mean: 1000, stddev: 500}", 1000, 500, 1, 10_000_000},
		{"lognormal, cut", "{distribution: lognormal, mean: 1000, stddev: 1, min: 999, max: 1001}", 1000, 0.785, 999, 1001},
		{"uniform, ends included", "{distribution: uniform, min: 10, max: 20}", 15, math.Sqrt(10), 10, 20},
		{"values by weight", "{values: [{tokens: 100, weight: 3}, {tokens: 500}]}", 200, 100 * math.Sqrt(3), 100, 500},
	} {
		for source, of := range map[string]func(*scenarios.Stage) *scenarios.Lengths{
			"prompts: {synthetic: {input_tokens: ": func(s *scenarios.Stage) *scenarios.Lengths { return s.Prompts.InputTokens },
			"prompts: {text: {words: ":             func(s *scenarios.Stage) *scenarios.Lengths { return s.Prompts.Words },
			"output: {tokens: ": func(s *scenarios.Stage) *scenarios.Lengths {
				if s.Output.Lengths == nil {
					return &scenarios.Lengths{Mean: s.Output.Tokens}
				}
				return s.Output.Lengths
			},
		} {
			brackets := "}}"
			if source == "output: {tokens: " {
				brackets = "}"
			}
			l := of(&mustPlan(t, "workload: {"+source+c.lengths+brackets+"}").Stages[0])
			mean, stddev, least, most := drawn(l)
			if math.Abs(mean-c.mean) > 0.01*c.mean || math.Abs(stddev-c.stddev) > 0.05*c.stddev || least < c.least || most > c.most {
				t.Errorf("%s, %s: mean %.1f (want %.1f), stddev %.1f (%.1f), from %d to %d", c.sentence, source, mean, c.mean, stddev, c.stddev, least, most)
			}
			if c.most < 1000 && (least != c.least || most != c.most) {
				t.Errorf("%s: from %d to %d", c.sentence, least, most)
			}
		}
	}
}

func drawn(l *scenarios.Lengths) (mean, stddev float64, least, most int) {
	const n = 40_000
	r := rand.New(rand.NewPCG(5, 6))
	sum, squares := 0.0, 0.0
	least = math.MaxInt
	for range n {
		v := l.Draw(r)
		sum, squares = sum+float64(v), squares+float64(v)*float64(v)
		least, most = min(least, v), max(most, v)
	}
	mean = sum / n
	return mean, math.Sqrt(squares/n - mean*mean), least, most
}

// TestDrawnOutputs holds that an answer's length is drawn for each request from the seed, and stands in the plan.
func TestDrawnOutputs(t *testing.T) {
	const src = "workload: {output: {tokens: {distribution: uniform, min: 1, max: 1000}}}"
	one, again := &mustPlan(t, src).Stages[0], &mustPlan(t, src).Stages[0]
	other := &mustPlan(t, "seed: 1\n"+src).Stages[0]
	seen, same := map[int]bool{}, 0
	for i := range int64(100) {
		n := one.Request(i, 1, 7).Tokens
		if n != again.Request(i, 1, 8).Tokens {
			t.Errorf("request %d: another nonce gives another length", i)
		}
		if n == other.Request(i, 1, 7).Tokens {
			same++
		}
		seen[n] = true
	}
	if len(seen) < 80 || same > 10 {
		t.Errorf("%d different lengths; %d of another seed are the same", len(seen), same)
	}
}
