package compare

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Verdict is what the data prove.
type Verdict string

// The verdicts of a row: New is better or worse than Base, or within the margin of it; and of a gate.
const (
	Better    Verdict = "better"
	Worse     Verdict = "worse"
	Same      Verdict = "same within the margin"
	Undecided Verdict = "undecided"
	Inside    Verdict = "inside"  // of a gate: the change is proven to keep it
	Outside   Verdict = "outside" // of a gate: the change is proven to break it
)

// Result is what a comparison found.
type Result struct {
	Base         Side         `json:"base"`
	New          Side         `json:"new"`
	Paired       bool         `json:"paired"`
	Observations int          `json:"pairs,omitempty"` // that were compared, where they are pairs
	Margin       float64      `json:"margin"`
	Advisory     string       `json:"advisory,omitempty"` // why no gate is decided, whatever the rows say
	Rows         []Row        `json:"rows"`
	Gates        []GateResult `json:"gates"`
	Notes        []string     `json:"notes"`
	Blocks       []Blocks     `json:"blocks,omitempty"` // of the stages that were not repeated
	Draws        int          `json:"draws,omitempty"`  // of those blocks
	Seed         uint64       `json:"seed,omitempty"`   // likewise

	blocked string // why nothing is judged
}

// Blocks says how a stage's requests were cut, on each side.
type Blocks struct {
	Stage string `json:"stage"`
	Base  Cut    `json:"base"`
	New   Cut    `json:"new"`
}

// Cut is a number of blocks of so many successive requests.
type Cut struct {
	Count  int `json:"count"`
	Length int `json:"length"`
}

// Side names one side of a comparison.
type Side struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Endpoint string `json:"endpoint"`
	Model    string `json:"model"`
	Version  string `json:"tool_version"`
	Host     string `json:"host"`
}

// Row is the change of one figure. Base and New are medians over runs or repeats, in Unit; Change, Lo and Hi are shares of
// one: of Base, or where Points is set absolute.
type Row struct {
	Stage   string  `json:"stage"`
	Metric  string  `json:"metric"`
	Unit    string  `json:"unit"`
	Points  bool    `json:"points,omitempty"`
	Base    Number  `json:"base"`
	New     Number  `json:"new"`
	Change  Number  `json:"change"`
	Lo      Number  `json:"lo"`
	Hi      Number  `json:"hi"`
	Level   float64 `json:"confidence,omitempty"`
	N       int     `json:"n,omitempty"`
	Of      string  `json:"of,omitempty"` // what N counts: pairs, repeats or requests
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why,omitempty"`
}

// GateResult is a gate's verdict on one stage. The interval is at the level at which Holm's method judged it.
type GateResult struct {
	Gate string `json:"gate"`
	Row
}

// Number is a value that may be missing (nil) or a failure. In JSON it is a number, null or "failed"; an end of an interval
// that is open is null.
type Number struct {
	V      *float64
	Failed bool
}

// MarshalJSON writes a number, null or "failed".
func (n Number) MarshalJSON() ([]byte, error) {
	if n.Failed {
		return []byte(`"failed"`), nil
	}
	return json.Marshal(n.V)
}

// asNumber is a value of a side, where infinity is a failed request.
func asNumber(v float64) Number {
	switch {
	case math.IsInf(v, 0):
		return Number{Failed: true}
	case math.IsNaN(v):
		return Number{}
	}
	return Number{V: &v}
}

func sideOf(s *results.Summary) Side {
	return Side{
		ID: s.Run.ID, Name: s.Run.Name, Endpoint: s.Target.Endpoint, Model: s.Target.Model,
		Version: s.Run.ToolVersion, Host: s.Environment.Host,
	}
}

func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Verdict is that of all gates: undecided where one is, else outside where one is, else inside; also where there is none.
func (r *Result) Verdict() Verdict {
	all := Inside
	for _, g := range r.Gates {
		switch {
		case g.Verdict == Undecided:
			return Undecided
		case g.Verdict == Outside:
			all = Outside
		}
	}
	return all
}

// gates judges all gates of all stages as one family.
func (c *comparing) gates() {
	type asked struct {
		gate  metric.Gate
		stage string
		name  string
		evidence
		limit float64
	}
	var list []asked
	var ps []float64
	for _, g := range c.options.Gates {
		found := false
		for _, stage := range c.new.order {
			if !metric.MatchStage(g.Stage, stage) || c.base.of[stage] == nil {
				continue
			}
			found = true
			f := figure{c.judged(stage, g.Metric), g.Stat}
			a := asked{g, stage, f.String(), c.weigh(stage, f), 0}
			a.limit = bound(a.info, g.Change)
			p := 1.0
			if a.test != nil {
				p = a.test.p(a.limit)
			}
			list, ps = append(list, a), append(ps, p)
		}
		if !found {
			c.res.Gates = append(c.res.Gates, GateResult{g.String(), Row{
				Stage: g.Stage, Verdict: Undecided, Why: "no stage that both sides have matches it",
			}})
		}
	}
	for i, level := range holm(ps, alpha) {
		a := list[i]
		r := GateResult{a.gate.String(), a.row(a.stage, a.name, level)}
		r.Verdict, r.Why = a.verdict(a.limit, ps[i], level)
		if c.res.Advisory != "" && r.Verdict != Undecided {
			r.Verdict, r.Why = Undecided, fmt.Sprintf("it would be %s, but %s", r.Verdict, c.res.Advisory)
		}
		c.res.Gates = append(c.res.Gates, r)
	}
}

// verdict judges a gate from the p-value of its limit.
func (e evidence) verdict(limit, p, level float64) (Verdict, string) {
	if e.test == nil {
		return Undecided, e.undecided(e.need)
	}
	d := e.test.center() - limit
	switch inside := (d < 0) != e.info.HigherIsBetter; {
	case p > level:
		return Undecided, e.undecided(e.test.more(level, -d))
	case inside:
		return Inside, ""
	}
	return Outside, ""
}
