package jsonsample

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// number makes a number inside its bounds, and where it can a whole one.
func (g *sampler) number(dst []byte, s map[string]any, integer bool) ([]byte, error) {
	step := decimal(s, "multipleOf", 1)
	if integer {
		step = wholeStep(step)
	}
	if !(step >= 1e-6) {
		return nil, fmt.Errorf("this server does not support the multipleOf %v", s["multipleOf"])
	}
	lo, hi := bounds(s, step)
	least, most := math.Ceil(lo/step), math.Floor(hi/step)
	_, stepped := s["multipleOf"]
	switch {
	case most-least >= 0: // and neither of them infinite
		v := (least + float64(g.dice.IntN(int(min(most-least, 999))+1))) * step
		if step < 1 {
			v = math.Round(v*1e9) / 1e9 // 58 x 0.1 is 5.8, not what floats make of it
		}
		return strconv.AppendFloat(dst, v, 'f', -1, 64), nil
	case !integer && !stepped && lo <= hi:
		return strconv.AppendFloat(dst, lo+(hi-lo)/2, 'f', -1, 64), nil
	}
	return nil, fmt.Errorf("no number lies between %v and %v", lo, hi)
}

// wholeStep is the first whole multiple of a step; 0 where it has none nearby.
func wholeStep(step float64) float64 {
	for k := 1.0; k <= 1000; k++ {
		if v := step * k; v == math.Trunc(v) {
			return v
		}
	}
	return 0
}

// bounds are the least and the greatest value; those that are excluded are moved
// in by a step, or half of what there is.
func bounds(s map[string]any, step float64) (lo, hi float64) {
	lo, hi = decimal(s, "minimum", math.Inf(-1)), decimal(s, "maximum", math.Inf(1))
	above, below := decimal(s, "exclusiveMinimum", math.Inf(-1)), decimal(s, "exclusiveMaximum", math.Inf(1))
	room := min(step, (min(hi, below)-max(lo, above))/4)
	if room <= 0 && (above >= lo || below <= hi) {
		return 1, 0 // nothing lies between
	}
	if above >= lo {
		lo = above + room
	}
	if below <= hi {
		hi = below - room
	}
	switch { // an open side ends 100 steps on
	case math.IsInf(lo, 0) && math.IsInf(hi, 0):
		return 0, 100 * step
	case math.IsInf(lo, 0):
		return hi - 100*step, hi
	case math.IsInf(hi, 0):
		return lo, lo + 100*step
	}
	return lo, hi
}

func decimal(s map[string]any, key string, otherwise float64) float64 {
	if n, ok := s[key].(json.Number); ok {
		if v, err := n.Float64(); err == nil {
			return v
		}
	}
	return otherwise
}

// whole reads a count; one that is no count is as if absent.
func whole(s map[string]any, key string, otherwise int) int {
	v := decimal(s, key, float64(otherwise))
	if v < 0 || v > math.MaxInt32 {
		return otherwise
	}
	return int(v)
}
