package jsonsample

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
)

const (
	maxDigits = 400 // of a number in a schema
	openSteps = 100 // how far a side without a bound goes
)

// bounds are what a schema says of a number, exactly: a float does not tell
// 9007199254740993 from the number before it. nil is not said.
type bounds struct {
	step         *big.Rat // above 0
	least, above *big.Rat // minimum, exclusiveMinimum
	most, below  *big.Rat // maximum, exclusiveMaximum
}

// number makes a number inside its bounds, and where it can a whole one.
func (g *sampler) number(dst []byte, s map[string]any, integer bool) ([]byte, error) {
	b, err := boundsOf(s)
	if err != nil {
		return nil, err
	}
	stepped := b.step != nil
	if !stepped {
		b.step = big.NewRat(1, 1)
	}
	if integer { // the multiples of a/b that are whole are those of a
		b.step = new(big.Rat).SetInt(b.step.Num())
	}
	if k := g.multiple(b); k != nil {
		return appendDecimal(dst, new(big.Rat).Mul(new(big.Rat).SetInt(k), b.step)), nil
	}
	if !integer && !stepped {
		if v := b.middle(); v != nil {
			return appendDecimal(dst, v), nil
		}
	}
	return nil, errors.New("no number fits its bounds and multipleOf")
}

func boundsOf(s map[string]any) (b bounds, err error) {
	for _, f := range []struct {
		key string
		to  **big.Rat
	}{
		{"multipleOf", &b.step},
		{"minimum", &b.least},
		{"exclusiveMinimum", &b.above},
		{"maximum", &b.most},
		{"exclusiveMaximum", &b.below},
	} {
		if *f.to, err = exact(s, f.key); err != nil {
			return b, err
		}
	}
	if b.step != nil && b.step.Sign() <= 0 {
		return b, errors.New("multipleOf must be above 0")
	}
	return b, nil
}

// exact reads a number; nil for what is none. One of many digits, or one beyond
// what a float reaches, would take its time and is refused.
func exact(s map[string]any, key string) (*big.Rat, error) {
	n, ok := s[key].(json.Number)
	if !ok {
		return nil, nil
	}
	if mantissa, _, _ := strings.Cut(strings.ToLower(n.String()), "e"); !strings.ContainsAny(mantissa, "123456789") {
		return new(big.Rat), nil
	}
	if near, err := n.Float64(); err != nil || math.Abs(near) < 1e-300 || len(n) > maxDigits {
		return nil, fmt.Errorf("this server does not support a %q of that size", key)
	}
	v, _ := new(big.Rat).SetString(n.String())
	return v, nil
}

// multiple picks how many steps a number is; nil where no multiple is inside.
func (g *sampler) multiple(b bounds) *big.Int {
	first := firstStep(b.step, b.least, b.above)
	last := firstStep(b.step, negated(b.most), negated(b.below)) // seen in a mirror
	if last != nil {
		last.Neg(last)
	}
	switch open := big.NewInt(openSteps); {
	case first == nil && last == nil:
		first, last = new(big.Int), open
	case first == nil:
		first = new(big.Int).Sub(last, open)
	case last == nil:
		last = new(big.Int).Add(first, open)
	}
	span := new(big.Int).Sub(last, first)
	if span.Sign() < 0 {
		return nil
	}
	room := 999
	if span.IsInt64() {
		room = int(min(span.Int64(), int64(room)))
	}
	return first.Add(first, big.NewInt(int64(g.dice.IntN(room+1))))
}

// firstStep is the first multiple of step, as their number, that is at least the
// one bound and above the other; nil without bounds.
func firstStep(step, least, above *big.Rat) *big.Int {
	var first *big.Int
	if above != nil {
		first = floor(new(big.Rat).Quo(above, step))
		first.Add(first, big.NewInt(1))
	}
	if least != nil {
		k := floor(new(big.Rat).Quo(negated(least), step)) // the ceiling, in a mirror
		if k.Neg(k); first == nil || k.Cmp(first) > 0 {
			first = k
		}
	}
	return first
}

func floor(v *big.Rat) *big.Int { return new(big.Int).Div(v.Num(), v.Denom()) } // Euclid's: the denominator is above 0

func negated(v *big.Rat) *big.Rat {
	if v == nil {
		return nil
	}
	return new(big.Rat).Neg(v)
}

// middle is the number between bounds that have no multiple between them, and so
// are there on both sides; nil where nothing is between.
func (b bounds) middle() *big.Rat {
	lo, lout := tighter(b.least, b.above, 1)
	hi, hout := tighter(b.most, b.below, -1)
	if c := lo.Cmp(hi); c > 0 || c == 0 && (lout || hout) {
		return nil
	}
	v := new(big.Rat).Add(lo, hi)
	return v.Quo(v, big.NewRat(2, 1))
}

// tighter is the bound that counts, of one that is inside and one that is out.
func tighter(in, out *big.Rat, side int) (v *big.Rat, excluded bool) {
	if in == nil || out != nil && side*out.Cmp(in) >= 0 {
		return out, true
	}
	return in, false
}

// appendDecimal writes a number whose denominator is made of twos and fives.
func appendDecimal(dst []byte, v *big.Rat) []byte {
	digits, _ := v.FloatPrec()
	return append(dst, v.FloatString(digits)...)
}

// whole reads a count; one that is no count is as if absent.
func whole(s map[string]any, key string, otherwise int) int {
	n, ok := s[key].(json.Number)
	if !ok {
		return otherwise
	}
	v, err := n.Float64()
	switch {
	case v < 0:
		return otherwise
	case err != nil || v > math.MaxInt32:
		return math.MaxInt32
	}
	return int(v)
}
