package report

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// value is what a cell holds before the page decides how its marks look: a text, or a reason why there is none.
type value struct {
	mark mark
	text string
	n    float64 // the number behind the text
}

// mark says why a cell has no number. Each looks different: nothing here prints as zero.
type mark int

const (
	plain      mark = iota
	absent          // the metric does not apply
	unresolved      // the sample is too small for the quantile
	failed          // the quantile lands on requests that did not succeed
)

func words(s string) value { return value{text: s} }

// number shows v with three significant digits, all of them above 1,000. Nil, NaN and infinities are absent.
func number(v *float64) value {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
		return value{mark: absent}
	}
	return value{text: digits(*v), n: *v}
}

// share shows a ratio in per cent. Only exactly 0 and 1 print as 0% and 100%: one failure in a million must show.
func share(v *float64) value {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
		return value{mark: absent}
	}
	return value{text: percent(*v), n: *v}
}

func percent(v float64) string {
	switch {
	case v == 0, v == 1:
		return strconv.Itoa(int(v)*100) + "%"
	case v > 0 && v < 0.0005:
		return "<0.1%"
	case v >= 0.9995 && v < 1:
		return ">99.9%"
	default:
		return strconv.FormatFloat(v*100, 'f', 1, 64) + "%"
	}
}

// digits writes v for a person: 0.012, 1.23, 12.3, 123, 1,234, 1.23e+09.
func digits(v float64) string {
	size := math.Abs(v)
	switch {
	case size == 0:
		return "0"
	case size >= 1e9:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case size >= 999.5:
		return count(int64(math.Round(v)))
	case size < 0.001:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
	// Rounding first keeps 99.96 from becoming 100.0, a digit more than its neighbours have.
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(size, 'e', 2, 64), 64)
	decimals := 2 - int(math.Floor(math.Log10(rounded)))
	return strconv.FormatFloat(v, 'f', min(max(decimals, 0), 3), 64)
}

// count writes a whole number with a comma between thousands.
func count(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}

// clean makes a text from outside safe to print on one line: a stage's name must not move the cursor, break a table or
// be refused by an XML reader.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case unicode.IsGraphic(r):
			return r
		default:
			return '\uFFFD'
		}
	}, s)
}
