package metric

import (
	"fmt"
	"strconv"
	"strings"
)

// Gate is a bound on the change of a metric from one run to another, like tpot.p50 < +3%, on the stages whose name
// matches the glob Stage; "" stands for all of them.
type Gate struct {
	Stage  string
	Metric Name
	Stat   string // as in a Threshold
	Op     Op
	// Change is the bound: relative, 0.03 for +3%, or for a share absolute, -0.01 for -1pp.
	Change float64
}

// ParseGate reads `metric.stat op change` with an optional `STAGE: ` in front, as in `c=8: tpot.p50 < +3%`. A change has
// a sign and is in per cent; that of a share is in percentage points, as in success_rate > -0.5pp. Errors say the column
// in runes.
func ParseGate(expr string) (Gate, error) {
	p := parser{what: "gate", expr: expr}
	g := p.gate()
	if p.err != nil {
		return Gate{}, p.err
	}
	return g, nil
}

// Points reports whether changes of the metric are counted in percentage points, as those of shares are, rather than in
// per cent of the base.
func (m Info) Points() bool { return m.Unit == ratio }

// String writes the gate so that ParseGate gives an equal one.
func (g Gate) String() string {
	name := string(g.Metric)
	if g.Stat != "" {
		name += "." + g.Stat
	}
	if g.Stage != "" {
		name = g.Stage + ": " + name
	}
	unit := "%"
	if info, _ := Lookup(string(g.Metric)); info.Points() {
		unit = "pp"
	}
	// The shortest decimal whose hundredth is the bound, with its sign.
	text := strconv.FormatFloat(g.Change*100, 'f', -1, 64)
	for digits := range 17 {
		if short := strconv.FormatFloat(g.Change*100, 'f', digits, 64); hundredth(short) == g.Change {
			text = short
			break
		}
	}
	if g.Change > 0 {
		text = "+" + text
	}
	return fmt.Sprintf("%s %s %s%s", name, g.Op, text, unit)
}

// hundredth is the float nearest to the decimal, where a division is not.
func hundredth(digits string) float64 {
	v, _ := strconv.ParseFloat(digits+"e-2", 64) // digits are checked by the callers
	return v
}

func (p *parser) gate() Gate {
	g := Gate{Stage: p.stage()}
	name, at := p.word()
	info, stat := p.metric(name, at)
	opAt := p.pos
	g.Metric, g.Stat, g.Op = info.Name, stat, p.op(info, stat)
	if better := strings.HasPrefix(string(g.Op), ">"); p.err == nil && better != info.HigherIsBetter {
		p.fail(opAt, "of %s %s is better: bound its change the other way, as in %s", info.Name, direction(info), p.example(info, stat))
	}
	text, at := p.word()
	g.Change = p.change(text, at, info, stat)
	p.blanks()
	if p.pos < len(p.expr) {
		p.fail(p.pos, "nothing may follow the change: one gate has one bound")
	}
	return g
}

// stage takes what stands before the last ": ".
func (p *parser) stage() string {
	end := strings.LastIndex(p.expr, ": ")
	if end < 0 {
		return ""
	}
	p.pos = end + len(": ")
	return strings.TrimSpace(p.expr[:end])
}

func (p *parser) change(text string, at int, info Info, stat string) float64 {
	unit, other := "%", "pp"
	if info.Points() {
		unit, other = other, unit
	}
	digits, ok := strings.CutSuffix(text, unit)
	size := strings.TrimLeft(digits, "+-")
	_, crossed := strings.CutSuffix(text, other)
	switch {
	case text == "":
		p.fail(at, "want a change after the operator, as in %s", p.example(info, stat))
	case crossed && info.Points():
		p.fail(at, "%s is a share, its change is in percentage points: write it as in %s", info.Name, p.example(info, stat))
	case !ok || !isDecimal(size) || len(digits)-len(size) > 1:
		p.fail(at, "%q is no change, as in %s", text, p.example(info, stat))
	case len(digits) == len(size) && strings.Trim(size, "0.") != "":
		p.fail(at, "a change has a sign: write +%s or -%s", text, text)
	}
	if p.err != nil {
		return 0
	}
	v := hundredth(digits)
	if !info.Points() && v <= -1 {
		p.fail(at, "nothing falls by 100%% or more: as in %s", p.example(info, stat))
	}
	return v
}

func direction(info Info) string {
	if info.HigherIsBetter {
		return "more"
	}
	return "less"
}

// gateExample writes a gate that is right for the metric.
func gateExample(info Info, stat ...string) string {
	g := Gate{Metric: info.Name, Op: "<", Change: 0.03}
	if info.HigherIsBetter {
		g.Op, g.Change = ">", -0.03
	}
	if info.Points() {
		g.Change /= 3
	}
	if info.Distribution {
		g.Stat = "p50"
		if len(stat) > 0 && stat[0] != "" {
			g.Stat = stat[0]
		}
	}
	return g.String()
}
