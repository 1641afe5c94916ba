package scenarios

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Budget is what a run may use at most. A zero is no bound; USD needs Prices.
type Budget struct {
	TotalTokens Count   `yaml:"total_tokens,omitempty"` // input and output
	USD         float64 `yaml:"usd,omitempty"`
	Prices      Prices  `yaml:"prices,omitempty"`
}

// Prices are in US dollars for a million tokens.
type Prices struct {
	Input  float64 `yaml:"input_per_mtok"`
	Output float64 `yaml:"output_per_mtok"`
}

// Cost is the price of tokens, in US dollars.
func (p Prices) Cost(input, output int64) float64 {
	return (float64(input)*p.Input + float64(output)*p.Output) / 1e6
}

// Count is a number that may be written short: 2M, 500k.
type Count int64

// UnmarshalText reads 2000000, 2M, 1.5M and 500k.
func (c *Count) UnmarshalText(b []byte) error {
	text, unit := string(b), 1.0
	for suffix, v := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if digits, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = digits, v
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if v *= unit; err != nil || v != math.Trunc(v) || v < 1 || v > 1e15 {
		return fmt.Errorf("%.40q is not a whole number from 1 to 1000000G: write 2000000, 2M or 500k", b)
	}
	*c = Count(v)
	return nil
}

// MarshalText writes the number in full.
func (c Count) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(c), 10), nil }

func (r *resolver) budget() *Budget {
	if r.spec.Budget == nil {
		return nil
	}
	b := *r.spec.Budget
	for _, v := range []struct {
		key string
		v   float64
	}{{"usd", b.USD}, {"prices.input_per_mtok", b.Prices.Input}, {"prices.output_per_mtok", b.Prices.Output}} {
		if !(v.v >= 0 && v.v <= 1e9) {
			r.fail("budget."+v.key, "%s %v is outside 0 to 1000000000 US dollars", v.key, v.v)
		}
	}
	switch {
	case b.TotalTokens == 0 && b.USD == 0:
		r.fail("budget", "the budget bounds nothing: write total_tokens: 2M, or usd: 5 with prices")
	case b.USD > 0 && b.Prices == (Prices{}):
		r.fail("budget.usd", "usd needs prices: write prices: {input_per_mtok: 0.15, output_per_mtok: 0.60}")
	}
	return &b
}

// Tokens is what the request of prompts prompts from index first on may use: its input, 0 where only the server can know, and
// the longest answers that are asked for, 0 where the server decides. It is what Request says, without its texts.
func (s *Stage) Tokens(first int64, prompts int) (input, output int) {
	k := s.chosen(first)
	w := s.workload(k)
	for i := range int64(prompts) {
		input += s.inputTokens(w, k, first+i)
	}
	return input, s.outputTokens(w, first) * prompts
}
