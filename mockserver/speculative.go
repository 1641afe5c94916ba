package mockserver

import "math/rand/v2"

// A Speculative makes every step after a sequence's first make several tokens:
// one, and as many as were accepted of those that a draft proposed. A stream
// sends the tokens of a step as one chunk. What drafting and checking cost is
// not modelled: write it into C0 and DecodePerSeq.
type Speculative struct {
	Tokens     int     `yaml:"tokens"`     // proposed each step, at most 64; 0: no speculative decoding
	Acceptance float64 `yaml:"acceptance"` // probability that a proposed token is accepted where those before it were, 0 to 1
}

const maxDraft = 64

func (s Speculative) check(bad func(where, format string, args ...any)) {
	if s.Tokens < 0 || s.Tokens > maxDraft {
		bad("engine.speculative.tokens", "must be 0 to %d, for example 4", maxDraft)
	}
	if !(s.Acceptance >= 0 && s.Acceptance <= 1) {
		bad("engine.speculative.acceptance", "must be between 0 and 1, for example 0.7")
	}
	if s.Tokens == 0 && s.Acceptance > 0 {
		bad("engine.speculative", "nothing is proposed that could be accepted: write tokens too, for example 4")
	}
}

// bursts draws how many tokens each step after the first makes, for an answer of
// out tokens.
func (s Speculative) bursts(dice *rand.Rand, out int) []int {
	if s.Tokens == 0 {
		return nil
	}
	var list []int
	for left := out - 1; left > 0; left -= list[len(list)-1] {
		n := 1
		for n <= s.Tokens && dice.Float64() < s.Acceptance {
			n++
		}
		list = append(list, n)
	}
	return list
}
