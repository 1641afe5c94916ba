package compare

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Run is one run to compare.
type Run struct {
	Summary    *results.Summary
	Plan       []byte                            // plan.yaml, to say how plans differ; nil: not known
	Histograms []results.StageHistograms         // for quantiles that a summary does not keep; nil: not known
	Records    iter.Seq2[*results.Record, error] // in time order, for what was not repeated; nil: a summary alone
}

// Pair is two runs of one plan that were made one after the other.
type Pair struct{ Base, New Run }

// Options say what to judge. The zero value gates nothing.
type Options struct {
	Gates []metric.Gate
	// Margin is the relative change that does not matter: two sides within it are the same. 0 is DefaultMargin. Of shares it
	// is always a percentage point.
	Margin float64
	// Force goes on where plans differ.
	Force bool
	Seed  uint64 // of the bootstrap
}

// DefaultMargin is 3%.
const DefaultMargin = 0.03

// alpha is the share of false verdicts that is put up with: of each row, and of all gates together.
const alpha = 0.05

// Runs compares two stored runs. Stages that were repeated are compared over their repeats, others by blocks of their
// records. Runs of different plans are refused with a *PlanError unless they are forced.
func Runs(base, new Run, o Options) (*Result, error) {
	res := newResult(o)
	res.Base, res.New = sideOf(base.Summary), sideOf(new.Summary)
	if err := res.checkPlans(base, new, o.Force); err != nil {
		return nil, err
	}
	res.checkOrigins(base.Summary.Run, new.Summary.Run)
	res.checkHosts(base.Summary.Environment, new.Summary.Environment)
	res.spoiled("base", base.Summary)
	res.spoiled("new", new.Summary)
	b, n := stagesOf([]Run{base}), stagesOf([]Run{new})
	blocks := &blocking{base: base, new: new, seed: o.Seed}
	if err := blocks.read(singles(b, n)); err != nil {
		return nil, err
	}
	for _, name := range n.order {
		if of, ok := blocks.of[name]; ok && of[0].unread == "" && of[1].unread == "" {
			cut := func(b *blocksOf) Cut { return Cut{len(b.made), b.length} }
			res.Blocks = append(res.Blocks, Blocks{name, cut(of[0]), cut(of[1])})
			res.Draws, res.Seed = draws, o.Seed
		}
	}
	c := &comparing{res: res, base: b, new: n, blocks: blocks, options: o, weighed: map[string]evidence{}}
	c.judge()
	return res, nil
}

// newResult is one whose lists are lists in JSON, also where nothing comes into them.
func newResult(o Options) *Result {
	return &Result{Margin: cmp.Or(o.Margin, DefaultMargin), Rows: []Row{}, Gates: []GateResult{}, Notes: []string{}}
}

// Pairs compares interleaved pairs. A pair with an invalid run is left out and said so, unless a request-less stage makes
// it invalid: a server that answers nothing must not be left out of its own comparison.
func Pairs(pairs []Pair, o Options) *Result {
	res := newResult(o)
	res.Paired = true
	var base, new []Run
	for i, p := range pairs {
		if i == 0 {
			res.Base, res.New = sideOf(p.Base.Summary), sideOf(p.New.Summary)
			res.Base.ID, res.New.ID = "", "" // of the first pair alone
		}
		if why := unusable(p); why != "" {
			res.note("pair %d is left out: %s", i+1, why)
			continue
		}
		base, new = append(base, p.Base), append(new, p.New)
	}
	res.Observations = len(base)
	c := &comparing{res: res, base: stagesOf(base), new: stagesOf(new), options: o, weighed: map[string]evidence{}}
	c.judge()
	return res
}

// unusable says why a pair tells nothing of its servers: the tool itself spoiled it.
func unusable(p Pair) string {
	for _, side := range []struct {
		name string
		of   *results.Summary
	}{{"base", p.Base.Summary}, {"new", p.New.Summary}} {
		silent := slices.ContainsFunc(side.of.Stages, func(s results.StageSummary) bool { return s.Requests.Succeeded == 0 })
		if !side.of.Valid && !silent {
			return side.name + ": " + reason(side.of)
		}
	}
	return ""
}

func reason(s *results.Summary) string {
	if len(s.InvalidReasons) == 0 {
		return "the run is invalid"
	}
	return s.InvalidReasons[0]
}

// spoiled keeps verdicts off a run that does not count.
func (r *Result) spoiled(name string, s *results.Summary) {
	if !s.Valid && r.blocked == "" {
		r.blocked = fmt.Sprintf("the %s run is invalid: %s", name, reason(s))
	}
}

// checkOrigins makes the result advisory where it is not known what a side sent, or it is a part of its plan.
func (r *Result) checkOrigins(base, new results.Run) {
	for _, side := range []struct {
		name string
		run  results.Run
	}{{"base", base}, {"new", new}} {
		switch from := side.run.Imported; {
		case from != nil:
			r.Advisory = fmt.Sprintf("%s is imported from %s: what it sent, from which machine, and whether it is valid are not known", side.name, from.Tool)
			return
		case side.run.PlanSHA256 == "":
			r.Advisory = fmt.Sprintf("what %s sent is not known: it has no plan_sha256", side.name)
			return
		case side.run.Interrupted:
			r.Advisory = fmt.Sprintf("%s was interrupted: it is a part of its plan", side.name)
			return
		}
	}
}

// checkHosts makes the result advisory where the two sides ran on different machines.
func (r *Result) checkHosts(base, new results.Environment) {
	if r.Advisory != "" {
		return
	}
	for _, part := range []struct{ name, base, new string }{
		{"host", base.Host, new.Host},
		{"CPU", base.CPU, new.CPU},
		{"cores", fmt.Sprint(base.Cores), fmt.Sprint(new.Cores)},
		{"GOMAXPROCS", fmt.Sprint(base.GOMAXPROCS), fmt.Sprint(new.GOMAXPROCS)},
		{"system", base.OS + "/" + base.Arch, new.OS + "/" + new.Arch},
	} {
		if part.base != part.new {
			r.Advisory = fmt.Sprintf("the runs are of different machines (%s: %s and %s)", part.name, cmp.Or(part.base, "unknown"), cmp.Or(part.new, "unknown"))
			return
		}
	}
}

// comparing is a comparison under way.
type comparing struct {
	res       *Result
	base, new stages
	blocks    *blocking // nil: of pairs
	options   Options
	weighed   map[string]evidence
	hidden    []string // figures that neither side resolves, and nobody asked for
}

// judge fills the result's rows and gates.
func (c *comparing) judge() {
	for _, name := range c.base.order {
		if c.new.of[name] == nil {
			c.res.note("stage %s is in base alone", name)
		}
	}
	for _, name := range c.new.order {
		if c.base.of[name] == nil {
			c.res.note("stage %s is in new alone", name)
			continue
		}
		for _, f := range c.figures(name) {
			switch row, shown := c.row(name, f); {
			case shown:
				c.res.Rows = append(c.res.Rows, row)
			case c.weigh(name, f).unresolved && !slices.Contains(c.hidden, row.Metric):
				c.hidden = append(c.hidden, row.Metric)
			}
		}
	}
	if len(c.hidden) > 0 {
		c.res.note("too few requests for %s", strings.Join(c.hidden, ", "))
	}
	c.gates()
}

// judged is the metric that the stage's load is judged by, on both sides alike. A run that was imported may not know when its
// requests should have left, and then both count from when they did.
func (c *comparing) judged(stage string, m metric.Name) metric.Name {
	name := c.new.of[stage][0].summary.Load.Judged(m)
	lacks := func(s sample) bool { return s.summary.Metrics[name] == nil && s.summary.Metrics[m] != nil }
	if slices.ContainsFunc(c.base.of[stage], lacks) || slices.ContainsFunc(c.new.of[stage], lacks) {
		return m
	}
	return name
}

// figure names what is compared of a stage.
type figure struct {
	metric metric.Name
	stat   string
}

func (f figure) String() string {
	if f.stat == "" {
		return string(f.metric)
	}
	return string(f.metric) + "." + f.stat
}

// shown are the figures of each stage that are compared whether they are gated or not.
var shown = []figure{
	{metric.TTFT, "p50"},
	{metric.TTFT, "p99"},
	{metric.TPOT, "p50"},
	{metric.TPOT, "p99"},
	{metric.E2E, "p50"},
	{metric.E2E, "p99"},
	{metric.OutputTokensPerS, ""},
	{metric.RequestsPerS, ""},
	{metric.SuccessRate, ""},
}

// asked reports whether a gate is on the figure, by the name that its load is judged by.
func (c *comparing) asked(stage string, f figure) bool {
	return slices.ContainsFunc(c.options.Gates, func(g metric.Gate) bool {
		return metric.MatchStage(g.Stage, stage) && f == figure{c.judged(stage, g.Metric), g.Stat}
	})
}

// figures are the shown ones and those of the stage's gates, by the names that its load is judged by.
func (c *comparing) figures(stage string) (list []figure) {
	add := func(f figure) {
		f.metric = c.judged(stage, f.metric)
		if !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	for _, f := range shown {
		add(f)
	}
	for _, g := range c.options.Gates {
		if metric.MatchStage(g.Stage, stage) {
			add(figure{g.Metric, g.Stat})
		}
	}
	return list
}
