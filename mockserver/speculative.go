package mockserver

import "math/rand/v2"

const maxDraft = 64

func (e Engine) checkSpeculative(bad func(where, format string, args ...any)) {
	s := e.Speculative
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
// out tokens; nil is one each.
func (e Engine) bursts(dice *rand.Rand, out int) []int {
	s := e.Speculative
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
