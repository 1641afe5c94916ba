package metric

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// Op compares a measured value with a threshold's: "<", "<=", ">" or ">=".
type Op string

// Threshold is a bound on a metric, like ttft.p95 < 500ms.
type Threshold struct {
	Metric Name
	// Stat is "p95", "p99.9", "mean", "min", "max", "stddev", or "ok_p95" for the quantile of successes alone; "" for a
	// metric that is one number.
	Stat string
	Op   Op
	// Value is in the metric's base unit: nanoseconds, per second, or a share of one.
	Value float64
}

// ParseThreshold reads `metric.stat op value`. A duration has a unit, a ratio is a share (0.99) or per cent (99%). Errors
// say the column in runes.
func ParseThreshold(expr string) (Threshold, error) {
	p := parser{what: "threshold", expr: expr}
	t := p.threshold()
	if p.err != nil {
		return Threshold{}, p.err
	}
	return t, nil
}

// Holds reports whether a measured value is within the threshold. Nothing holds for NaN.
func (t Threshold) Holds(v float64) bool {
	switch t.Op {
	case "<":
		return v < t.Value
	case "<=":
		return v <= t.Value
	case ">":
		return v > t.Value
	case ">=":
		return v >= t.Value
	}
	return false
}

// Quantile is the q between 0 and 1 that the threshold asks for; ok is false where it asks for none.
func (t Threshold) Quantile() (q float64, ok bool) {
	digits, isQuantile := strings.CutPrefix(strings.TrimPrefix(t.Stat, "ok_"), "p")
	if !isQuantile || !isDecimal(digits) {
		return 0, false
	}
	q, err := strconv.ParseFloat(digits+"e-2", 64)
	return q, err == nil && q > 0 && q < 1
}

// MatchStage reports whether a threshold's stage pattern names a stage: a glob as of path.Match, empty for all. The stage
// rate=5/s is one name and no path, so the slash is hidden from path.Match, whose * would stop at it.
func MatchStage(pattern, stage string) bool {
	flat := strings.NewReplacer("/", "\x00")
	ok, err := path.Match(flat.Replace(pattern), flat.Replace(stage))
	return pattern == "" || pattern == stage || err == nil && ok
}

// MarshalText writes the threshold as String does.
func (t Threshold) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads it again.
func (t *Threshold) UnmarshalText(b []byte) (err error) {
	*t, err = ParseThreshold(string(b))
	return err
}

// String writes the threshold so that ParseThreshold gives an equal one.
func (t Threshold) String() string {
	name := string(t.Metric)
	if t.Stat != "" {
		name += "." + t.Stat
	}
	value := strconv.FormatFloat(t.Value, 'f', -1, 64)
	if info, _ := Lookup(string(t.Metric)); info.Unit == duration {
		value = time.Duration(t.Value).String()
	}
	return fmt.Sprintf("%s %s %s", name, t.Op, value)
}
