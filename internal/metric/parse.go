package metric

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// parser walks the expression once; its first error stands.
type parser struct {
	what string // threshold or gate
	expr string
	pos  int
	err  error
}

func (p *parser) fail(at int, format string, args ...any) {
	if p.err == nil {
		col := utf8.RuneCountInString(p.expr[:at]) + 1
		p.err = fmt.Errorf("%s %q, column %d: %s", p.what, p.expr, col, fmt.Sprintf(format, args...))
	}
}

// word takes the characters up to the next blank or operator, and where they start.
func (p *parser) word() (text string, at int) {
	p.blanks()
	at = p.pos
	end := strings.IndexAny(p.expr[at:], " \t\r\n<>=!")
	if end < 0 {
		end = len(p.expr) - at
	}
	p.pos += end
	return p.expr[at:p.pos], at
}

func (p *parser) blanks() {
	rest := strings.TrimLeft(p.expr[p.pos:], " \t\r\n")
	p.pos = len(p.expr) - len(rest)
}

func (p *parser) threshold() Threshold {
	name, at := p.word()
	info, stat := p.metric(name, at)
	op := p.op(info, stat)
	value, valueAt := p.word()
	t := Threshold{Metric: info.Name, Stat: stat, Op: op, Value: p.value(value, valueAt, info)}
	p.blanks()
	if p.pos < len(p.expr) {
		p.fail(p.pos, "nothing may follow the value: one threshold has one bound")
	}
	return t
}

func (p *parser) metric(text string, at int) (Info, string) {
	name, stat, hasStat := strings.Cut(text, ".")
	info, known := Lookup(name)
	ttft, _ := Lookup(string(TTFT))
	success, _ := Lookup(string(SuccessRate))
	switch near := Suggest(name); {
	case text == "":
		p.fail(at, "want a metric, as in %s or %s", p.example(ttft), p.example(success))
	case !known && near != "":
		p.fail(at, "no metric %q, did you mean %q?", name, near)
	case !known:
		p.fail(at, "no metric %q: the metrics are %s", name, names())
	case info.Distribution && !hasStat:
		p.fail(at+len(name), "%s is a distribution: say which of its values, as in %s", name, p.example(info))
	case !info.Distribution && hasStat:
		p.fail(at+len(name), "%s is one number and has no %q: write %s", name, stat, p.example(info))
	case info.Distribution:
		p.stat(stat, at+len(name)+1, info)
	}
	return info, stat
}

func (p *parser) stat(stat string, at int, info Info) {
	switch stat {
	case "mean", "min", "max", "stddev":
		return
	}
	if _, ok := (Threshold{Stat: stat}).Quantile(); !ok {
		p.fail(at, "no %q of %s: p50, p99.9 (above p0, below p100), ok_p99, mean, min, max or stddev, as in %s", stat, info.Name, p.example(info))
	}
}

func (p *parser) op(info Info, stat string) Op {
	p.blanks()
	rest := p.expr[p.pos:]
	text := rest[:len(rest)-len(strings.TrimLeft(rest, "<>=!"))]
	switch text {
	case "<", "<=", ">", ">=":
		p.pos += len(text)
	default:
		p.fail(p.pos, "want <, <=, > or >= after the metric, as in %s", p.example(info, stat))
	}
	return Op(text)
}

func (p *parser) value(text string, at int, info Info) float64 {
	if text == "" {
		p.fail(at, "want a value after the operator, as in %s", p.example(info))
	}
	switch info.Unit {
	case duration:
		return p.durationValue(text, at, info)
	case ratio:
		return p.ratioValue(text, at, info)
	}
	return p.number(text, at, info)
}

func (p *parser) durationValue(text string, at int, info Info) float64 {
	const longest = 1000 * time.Hour // a float64 holds every nanosecond of it
	d, err := time.ParseDuration(text)
	switch {
	case isDecimal(text):
		p.fail(at, "a duration needs a unit: write %sms or %ss", text, text)
	case err != nil || d < 0:
		p.fail(at, "%q is not a duration, as in %s", text, p.example(info))
	case d > longest:
		p.fail(at, "%s is longer than any run: at most %s", text, longest)
	}
	return float64(d)
}

func (p *parser) ratioValue(text string, at int, info Info) float64 {
	digits, percent := strings.CutSuffix(text, "%")
	v := p.number(digits, at, info)
	if percent && p.err == nil {
		v, _ = strconv.ParseFloat(digits+"e-2", 64) // nearest to the decimal, where a division is not
	}
	if v > 1 {
		p.fail(at, "%s is a share between 0 and 1, or per cent, as in %s", info.Name, p.example(info))
	}
	return v
}

func (p *parser) number(text string, at int, info Info) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if !isDecimal(text) || err != nil || math.IsInf(v, 0) {
		p.fail(at, "%q is not a plain number, as in %s", text, p.example(info))
	}
	return v
}

// isDecimal accepts digits with at most one point between them: no sign, no exponent, no hexadecimal.
func isDecimal(s string) bool {
	whole, fraction, pointed := strings.Cut(s, ".")
	return isDigits(whole) && (!pointed || isDigits(fraction))
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func names() string {
	var all []string
	for _, m := range All() {
		all = append(all, string(m.Name))
	}
	return strings.Join(all, ", ")
}

// example writes an expression of the parser's kind that is right for the metric.
func (p *parser) example(info Info, stat ...string) string {
	if p.what == "gate" {
		return gateExample(info, stat...)
	}
	return example(info, stat...)
}

// example writes a threshold that is right for the metric.
func example(info Info, stat ...string) string {
	switch info.Unit {
	case duration:
		if len(stat) > 0 && stat[0] != "" {
			return fmt.Sprintf("%s.%s < 500ms", info.Name, stat[0])
		}
		return fmt.Sprintf("%s.p95 < 500ms", info.Name)
	case ratio:
		if !info.HigherIsBetter {
			return fmt.Sprintf("%s <= 0.01", info.Name)
		}
		return fmt.Sprintf("%s >= 0.99", info.Name)
	}
	return fmt.Sprintf("%s > 100", info.Name)
}
