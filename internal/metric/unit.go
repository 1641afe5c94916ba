package metric

import (
	"math"
	"strconv"
	"strings"
)

// Unit is what a metric is counted in. Inside, a duration is in nanoseconds, a rate is per second, a ratio is a share of one.
type Unit int

const (
	duration Unit = iota
	tokensPerSecond
	requestsPerSecond
	ratio
)

// Scale gives the name of the unit that files and tables use, and how many base units it is: ("ms", 1e6) for a
// duration, ("tok/s", 1), ("req/s", 1), ("ratio", 1).
func (u Unit) Scale() (name string, factor float64) {
	switch u {
	case duration:
		return "ms", 1e6
	case tokensPerSecond:
		return "tok/s", 1
	case requestsPerSecond:
		return "req/s", 1
	}
	return "ratio", 1
}

// Format writes a value, given in the base unit, for people: "12.3 ms", "1,234 tok/s", "0.998". What is not a finite
// number is a dot, as in a table's empty cell.
func (u Unit) Format(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "·"
	case u == duration:
		return formatDuration(v)
	case u == ratio:
		return formatRatio(v)
	}
	name, _ := u.Scale()
	return significant(v) + " " + name
}

// formatDuration picks the unit in which three digits say most.
func formatDuration(ns float64) string {
	const carry = 0.9995 // what would round up to 1,000 of a unit is 1 of the next
	switch abs := math.Abs(ns); {
	case abs >= carry*1e9:
		return significant(ns/1e9) + " s"
	case abs >= carry*1e6:
		return significant(ns/1e6) + " ms"
	case abs >= carry*1e3:
		return significant(ns/1e3) + " µs"
	}
	return strconv.FormatFloat(ns, 'f', 0, 64) + " ns"
}

// formatRatio gives three decimals, and more where three would claim a whole one or a nothing that was not measured.
func formatRatio(v float64) string {
	text := ""
	for decimals := 3; decimals <= 9; decimals++ {
		text = strconv.FormatFloat(v, 'f', decimals, 64)
		shown, _ := strconv.ParseFloat(text, 64) // FormatFloat's own output
		if shown == v || shown != 0 && shown != 1 {
			break
		}
	}
	return text
}

// significant gives three digits, and all digits of the whole part with commas between thousands.
func significant(v float64) string {
	for decimals := 2; decimals > 0; decimals-- {
		text := strconv.FormatFloat(v, 'f', decimals, 64)
		if digits := len(strings.Trim(text, "-")) - 1; digits <= 3 {
			return text
		}
	}
	return thousands(strconv.FormatFloat(v, 'f', 0, 64))
}

func thousands(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
