package scenarios

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/llmload/llmload/internal/strictyaml"
)

// Lengths is a length in tokens or words: one number, or a distribution. A normal or lognormal one is cut at Min and Max:
// what is drawn beyond them is set to them.
type Lengths struct {
	Distribution Distribution `yaml:"distribution,omitempty"` // normal where it is empty
	Mean         int          `yaml:"mean,omitempty"`
	Stddev       int          `yaml:"stddev,omitempty"`
	Min          int          `yaml:"min,omitempty"`
	Max          int          `yaml:"max,omitempty"`
	Values       []Length     `yaml:"values,omitempty"` // in place of all others
}

// Length is one value of a distribution that lists its values, drawn as often as its weight says.
type Length struct {
	Tokens int      `yaml:"tokens"`
	Weight *float64 `yaml:"weight,omitempty"` // 1 where it is nil
}

// Distribution names the shape of a distribution of lengths.
type Distribution string

// A lognormal length has a long tail of large values, as those of people have; Mean and Stddev are of the length, not
// of its logarithm. Uniform lengths are between Min and Max, both included.
const (
	Normal    Distribution = "normal"
	Lognormal Distribution = "lognormal"
	Uniform   Distribution = "uniform"
)

// UnmarshalText refuses an unknown distribution. Normal is the default, and written as none.
func (d *Distribution) UnmarshalText(b []byte) error {
	if err := oneOf(d, b, Normal, Lognormal, Uniform); err != nil || *d != Normal {
		return err
	}
	*d = ""
	return nil
}

// UnmarshalNode takes `512` and `{mean: 512, stddev: 64}`.
func (l *Lengths) UnmarshalNode(n strictyaml.Node) error {
	*l = Lengths{} // what an entry of stages overrides is another distribution
	if n.Kind() == strictyaml.Scalar {
		return n.Decode(&l.Mean)
	}
	type plain Lengths
	return n.Decode((*plain)(l))
}

// fixed reports whether the lengths are one number.
func (l *Lengths) fixed() bool {
	return l.Distribution == "" && l.Stddev == 0 && l.Min == 0 && l.Max == 0 && len(l.Values) == 0
}

// largest is the bound of what is drawn, where the lengths have one of their own.
func (l *Lengths) largest() int {
	if l.fixed() {
		return l.Mean
	}
	most := l.Max
	for _, v := range l.Values {
		most = max(most, v.Tokens)
	}
	return most
}

// Draw returns a length, from one token to ten million.
func (l Lengths) Draw(r *rand.Rand) int {
	n := float64(l.Mean)
	switch {
	case len(l.Values) > 0:
		return clampTokens(l.Values[pick(r, len(l.Values), func(i int) float64 { return weight(l.Values[i].Weight) })].Tokens)
	case l.Distribution == Uniform:
		return clampTokens(l.Min + r.IntN(max(l.Max-l.Min, 0)+1))
	case l.Stddev == 0:
	case l.Distribution == Lognormal:
		n = lognormal(r, n, float64(l.Stddev))
	default:
		n += r.NormFloat64() * float64(l.Stddev)
	}
	out := max(clampTokens(int(math.Round(n))), l.Min)
	if l.Max > 0 {
		out = min(out, l.Max)
	}
	return out
}

func clampTokens(n int) int { return min(max(n, 1), maxTokens) }

// lognormal draws with the given mean and standard deviation: of its logarithm, the variance is ln(1 + (s/m)^2) and the
// mean ln m less half of that.
func lognormal(r *rand.Rand, mean, stddev float64) float64 {
	variance := math.Log1p(stddev * stddev / (mean * mean))
	return min(math.Exp(math.Log(mean)-variance/2+math.Sqrt(variance)*r.NormFloat64()), maxTokens)
}

// pick draws one of n by weight.
func pick(r *rand.Rand, n int, weight func(int) float64) int {
	total := 0.0
	for i := range n {
		total += weight(i)
	}
	at := r.Float64() * total
	for i := range n {
		if at -= weight(i); at < 0 {
			return i
		}
	}
	return n - 1
}

func weight(w *float64) float64 {
	if w == nil {
		return 1
	}
	return *w
}

// clone copies what the lengths point to.
func (l *Lengths) clone() *Lengths {
	out := clonePointer(l)
	if l != nil {
		out.Values = slices.Clone(l.Values)
		for i := range out.Values {
			out.Values[i].Weight = clonePointer(out.Values[i].Weight)
		}
	}
	return out
}

// checkLengths refuses what no distribution is; what names it in messages.
func (r *resolver) checkLengths(at, what string, l Lengths) {
	switch {
	case len(l.Values) > 0:
		r.checkValues(at, what, l)
		return
	case l.Distribution == Uniform:
		r.checkUniform(at, what, l)
	default:
		r.inRange(at, "mean of "+what, l.Mean, 1, maxTokens)
		r.inRange(at, "min of "+what, l.Min, 0, maxTokens)
		r.inRange(at, "max of "+what, l.Max, 0, maxTokens)
	}
	r.inRange(at, "stddev of "+what, l.Stddev, 0, maxTokens)
	switch {
	case l.Max > 0 && l.Max < l.Min:
		r.fail(at, "%s has min %d above max %d", what, l.Min, l.Max)
	case l.Distribution == Lognormal && l.Stddev == 0:
		r.fail(at, "a lognormal %s needs a stddev: write {distribution: lognormal, mean: 512, stddev: 256}", what)
	}
}

func (r *resolver) checkUniform(at, what string, l Lengths) {
	r.inRange(at, "min of "+what, l.Min, 1, maxTokens)
	r.inRange(at, "max of "+what, l.Max, 1, maxTokens)
	if l.Mean != 0 || l.Stddev != 0 {
		r.fail(at, "a uniform %s has min and max alone: leave mean and stddev out", what)
	}
}

func (r *resolver) checkValues(at, what string, l Lengths) {
	if l.Distribution != "" || l.Mean != 0 || l.Stddev != 0 || l.Min != 0 || l.Max != 0 {
		r.fail(at, "values of %s stand alone: leave the other keys out", what)
	}
	if len(l.Values) > maxEntries {
		r.fail(at, "%d values of %s: at most %d", len(l.Values), what, maxEntries)
	}
	for _, v := range l.Values {
		r.inRange(at, "tokens of "+what, v.Tokens, 1, maxTokens)
		r.checkWeight(at, v.Weight)
	}
}

// maxWeight keeps sums of weights far from overflow.
const maxWeight = 1e9

func (r *resolver) checkWeight(at string, w *float64) {
	if w != nil && !(*w > 0 && *w <= maxWeight) { // NaN is neither
		r.fail(at, "weight %v must be above 0 and at most %.0f", *w, maxWeight)
	}
}
