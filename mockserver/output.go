package mockserver

import (
	"math"
	"math/rand/v2"

	"github.com/llmload/llmload/internal/strictyaml"
)

// An Output says what answers are like where the request leaves that open.
// Without Natural an answer has exactly max_tokens, or 128 tokens when the
// request names no limit.
type Output struct {
	// Natural is the length at which an answer ends by itself with finish_reason
	// stop, drawn from the seed and the prompt. ignore_eos and min_tokens
	// override it.
	Natural Lengths `yaml:"natural"`
	// Reasoning is how many tokens of reasoning come before a chat's answer. They
	// count as output: max_tokens bounds both together.
	Reasoning     int     `yaml:"reasoning"`
	ReasoningMode string  `yaml:"reasoning_mode"` // streamed (default) | hidden: the time passes, and nothing is sent
	ToolCalls     float64 `yaml:"tool_calls"`     // 0 to 1: how likely tool_choice auto makes a call
}

// Lengths is a distribution of lengths in tokens; without a Mean there is none.
type Lengths struct {
	Mean   int     `yaml:"mean"`
	Stddev float64 `yaml:"stddev"` // tokens
	CV     float64 `yaml:"cv"`     // Stddev / Mean, instead of it
	// Dist is uniform (the default without a spread: half to one and a half times
	// Mean), normal (the default with one), lognormal, or constant.
	Dist string `yaml:"dist"`
	Min  int    `yaml:"min"` // shorter lengths become it; at least 1
	Max  int    `yaml:"max"` // longer lengths become it; 0: no bound
}

const (
	reasoningStreamed = "streamed"
	reasoningHidden   = "hidden"

	maxOutput = 10_000_000 // tokens, as scenarios bound lengths
)

// UnmarshalNode takes `40` and `{mean: 40, cv: 0.5, dist: lognormal}`.
func (l *Lengths) UnmarshalNode(n strictyaml.Node) error {
	if n.Kind() == strictyaml.Scalar {
		*l = Lengths{}
		return n.Decode(&l.Mean)
	}
	type plain Lengths
	return n.Decode((*plain)(l))
}

func (l Lengths) dist() string {
	switch {
	case l.Dist != "":
		return l.Dist
	case l.Stddev > 0 || l.CV > 0:
		return "normal"
	}
	return "uniform"
}

// stddev is the spread in tokens.
func (l Lengths) stddev() float64 {
	if l.CV > 0 {
		return l.CV * float64(l.Mean)
	}
	return l.Stddev
}

// draw returns a length of at least one token.
func (l Lengths) draw(dice *rand.Rand) int {
	mean, sd := float64(l.Mean), l.stddev()
	v := mean
	switch l.dist() {
	case "uniform":
		if sd == 0 {
			v = mean - float64(l.Mean/2) + float64(dice.IntN(l.Mean+1))
			break
		}
		v += sd * math.Sqrt(12) * (dice.Float64() - 0.5)
	case "normal":
		v += sd * dice.NormFloat64()
	case "lognormal":
		// Of the logarithm: variance ln(1 + cv²), mean ln(mean) less half of it.
		s2 := math.Log1p(sd * sd / (mean * mean))
		v = math.Exp(math.Log(mean) - s2/2 + math.Sqrt(s2)*dice.NormFloat64())
	}
	n := int(math.Round(min(v, maxOutput)))
	if l.Max > 0 {
		n = min(n, l.Max)
	}
	return max(n, l.Min, 1)
}

func (o Output) check(bad func(where, format string, args ...any)) {
	o.Natural.check(func(key, format string, args ...any) { bad("output.natural"+key, format, args...) })
	if o.Reasoning < 0 || o.Reasoning > maxOutput {
		bad("output.reasoning", "must be 0 to %d tokens", maxOutput)
	}
	oneOf(bad, "output.reasoning_mode", o.ReasoningMode, reasoningStreamed, reasoningHidden)
	if o.ToolCalls < 0 || o.ToolCalls > 1 {
		bad("output.tool_calls", "must be between 0 and 1, for example 0.3 for three in ten")
	}
}

func (l Lengths) check(bad func(key, format string, args ...any)) {
	spread := l.Stddev != 0 || l.CV != 0
	switch {
	case l.Mean < 0:
		bad("", "must not be negative")
	case l.Mean > maxOutput:
		bad("", "must be at most %d tokens", maxOutput)
	case l.Mean == 0 && l != Lengths{}:
		bad("", "a distribution needs a mean, for example {mean: 200, cv: 0.5}")
	}
	if l.Stddev < 0 || l.CV < 0 || l.CV > 10 || l.Stddev > maxOutput {
		bad("", "stddev must not be negative, and cv 0 to 10")
	}
	if l.Stddev != 0 && l.CV != 0 {
		bad("", "write stddev or cv, not both")
	}
	oneOf(func(_, format string, args ...any) { bad(".dist", format, args...) }, "", l.dist(), "uniform", "normal", "lognormal", "constant")
	switch d := l.dist(); {
	case d == "constant" && spread:
		bad(".dist", "a constant has no stddev or cv")
	case (d == "normal" || d == "lognormal") && !spread:
		bad(".dist", "%s needs a stddev or a cv", d)
	}
	if l.Min < 0 || l.Max < 0 || l.Max > 0 && l.Max < l.Min {
		bad("", "min and max must not be negative, nor max below min")
	}
}
