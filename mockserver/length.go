package mockserver

import "math/rand/v2"

// room is how many tokens an answer may have: the request's own limit, or what
// the prompt leaves of the context.
func (r *request) room(a api, m Model, in int) (limit int, bad *apiError) {
	if given := r.limit(); given != nil {
		if *given > m.MaxModelLen-in {
			return 0, overflow(a.promptName(), m, in, *given)
		}
		return *given, nil
	}
	if in >= m.MaxModelLen {
		return 0, overflow(a.promptName(), m, in, 1)
	}
	return m.MaxModelLen - in, nil
}

// length decides how many tokens an answer of words has, with thought tokens of
// reasoning before it, and why it ends.
func (cfg *Config) length(req *request, limit, thought int, dice *rand.Rand) (int, string) {
	given := req.limit() != nil
	natural := defaultOutput
	switch l := cfg.Output.Natural; {
	case l.Mean > 0:
		natural = l.draw(dice)
	case given:
		return limit, "length" // without a natural length only the limit ends an answer
	}
	natural = max(thought+natural, cfg.honoured(req.MinTokens))
	forever := req.IgnoreEOS && *cfg.IgnoreEOS
	switch {
	case forever && given, natural >= limit:
		return limit, "length"
	case forever:
		return natural, "length" // no end and no limit: the default is the limit
	}
	return natural, "stop"
}

// honoured is a min_tokens of a request where the server takes it, else 0.
func (cfg *Config) honoured(minTokens int) int {
	if *cfg.IgnoreEOS {
		return minTokens
	}
	return 0
}
