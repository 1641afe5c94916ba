// Package simulate replays a plan's schedule on the mock server's engine in virtual time, and measures it as a run would.
//
// Goals: the arrivals, windows, records and figures of a run, in seconds instead of hours; the same plan and config give
// the same result. Non-goals: the wire, the client and its limits, faults, the mock's rate limits: what they add to a run
// is its difference to this.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// LeastTime is how long a request takes at least. Without it a closed loop on an engine that takes no time would never
// come to the end of its duration.
const LeastTime = time.Millisecond

// Result is what was measured; Model is the one that the requests named.
type Result struct {
	runner.Result
	Model string
}

// Run carries out the plan stage by stage on one mock of the config. When ctx ends it returns what was measured until
// then with Interrupted set.
func Run(ctx context.Context, plan *scenarios.Plan, cfg mockserver.Config) (*Result, error) {
	return Records(ctx, plan, cfg, func(*results.Record) {})
}

// Records is Run, and hands each record over as its request ends. It keeps nothing of them.
func Records(ctx context.Context, plan *scenarios.Plan, cfg mockserver.Config, each func(*results.Record)) (*Result, error) {
	mock, err := mockserver.NewVirtual(cfg)
	if err != nil {
		return nil, err
	}
	s := &sim{plan: plan, mock: mock, each: each, spending: runner.NewSpending(plan.Budget)}
	s.result.Model = plan.Model
	if models := mock.Models(); plan.Model == "" && len(models) > 1 {
		return nil, fmt.Errorf("the mock has several models, name one as `model`: %s", strings.Join(models, ", "))
	} else if plan.Model == "" {
		s.result.Model = models[0]
	}
	for i := range plan.Stages {
		if i > 0 {
			s.now += plan.Stages[i-1].Pause
		}
		ends := s.stage(ctx, &plan.Stages[i])
		if s.result.Interrupted = ctx.Err() != nil; s.result.Interrupted || ends {
			break
		}
	}
	s.result.Budget = s.spending.Summary()
	c := &s.result.Conservation
	c.Issued, c.Outcomes = s.issued, s.recorded
	c.Attempts, c.Dispatched, c.Written = s.attempts, s.attempts, s.attempts
	if s.result.Interrupted {
		c.Issued = c.Outcomes // what was under way counts as never sent
	}
	if c.Holds = c.Issued == c.Outcomes; !c.Holds {
		return nil, errors.New("simulate: requests without an outcome: please report this as a bug of llmload")
	}
	return &s.result, nil
}

// sim is a plan under way.
type sim struct {
	plan     *scenarios.Plan
	mock     *mockserver.Virtual
	now      time.Duration // from the run's start
	events   events
	spending *runner.Spending
	each     func(*results.Record)
	result   Result

	issued, recorded, attempts int64
}

// stage is one stage under way.
type stage struct {
	*sim
	*scenarios.Stage
	begin     time.Duration
	intake    *runner.Intake
	collector *results.Collector
	failure   string // the first failed request's error

	free    int        // open loop: places of the in-flight cap
	waiting []*request // for one of them
	drawn   *scenarios.Arrival
	arrives *event // of drawn; nil: it will not
	over    bool   // all measured requests have ended

	pausing  map[*session]bool // sessions that wait for a tool
	thinking map[*event]bool   // closed loop: workers that will come back
	underway map[*request]bool
	stopped  bool   // by a rule
	drained  *event // what is under way is cancelled
}

// stage runs one stage; ends says that it was stopped by a rule that ends the run.
func (s *sim) stage(ctx context.Context, of *scenarios.Stage) (ends bool) {
	st := &stage{
		sim: s, Stage: of, begin: s.now, intake: runner.NewIntake(of, s.now.Nanoseconds(), s.issued, s.spending), free: of.MaxInFlight,
		pausing: map[*session]bool{}, thinking: map[*event]bool{}, underway: map[*request]bool{},
	}
	st.collector = results.NewCollector(runner.InfoOf(s.plan, of), st.intake.Bounds)
	if of.Open() {
		st.draw()
	} else {
		for range of.Workers() {
			s.events.add(s.now, st.work)
		}
	}
	s.run(ctx)
	s.issued = st.intake.Issued
	summary := st.collector.Summarize()
	summary.StopReason = st.intake.StopReason()
	warnings, invalid := runner.Judge(of, &summary, st.failure)
	summary.Warnings = append(summary.Warnings, warnings...)
	for _, why := range invalid {
		s.result.Invalid = append(s.result.Invalid, of.Name+": "+why)
	}
	if ctx.Err() != nil {
		summary.StopReason = "interrupted"
	}
	s.result.Stages = append(s.result.Stages, summary)
	s.result.Histograms = append(s.result.Histograms, st.collector.Histograms())
	return st.stopped && of.Stop.Run || st.intake.Spent()
}

// run lets time pass until nothing is left to happen. At one moment the engine comes first, as in a server: who hears of
// a token cannot be back before the step that follows it has begun.
func (s *sim) run(ctx context.Context) {
	const often = 1024
	for n := 0; n%often != 0 || ctx.Err() == nil; n++ {
		at, busy := s.mock.Engine.Next()
		next, any := s.events.first()
		switch {
		case busy && (!any || at <= next):
			s.mock.Engine.Advance(at)
		case any:
			if e := s.events.pop(); e.do != nil {
				s.now = next
				e.do()
			}
		default:
			return
		}
	}
}

// LeftOut says what of a plan and a config a simulation passes over, beside the wire.
func LeftOut(p *scenarios.Plan, cfg mockserver.Config) []string {
	var out []string
	faults := len(cfg.Faults) > 0
	for i := range p.Stages {
		faults = faults || p.Stages[i].Faults != nil
	}
	c := p.Client
	for _, part := range []struct {
		there bool
		name  string
	}{
		{faults, "faults"},
		{c.RateLimit.PerMinute > 0 || c.RateLimit.PerSecond > 0, "the client's rate_limit"},
		{c.MaxRetries > 0, "its max_retries"},
		{p.Target.Connections != "", "the target's connections"},
		{len(p.Target.LabelHeaders) > 0, "its label_headers"},
		{cfg.Truth.File != "", "a truth file"},
		{cfg.RateLimit.RPM > 0 || cfg.RateLimit.TPM > 0, "the mock's rate_limit"},
		{len(cfg.Phases) > 0, "phases"},
	} {
		if part.there {
			out = append(out, part.name)
		}
	}
	return out
}

// Thresholds judges the plan's thresholds.
func (r *Result) Thresholds(p *scenarios.Plan) []results.ThresholdResult {
	var list []results.Threshold
	for _, t := range p.Thresholds {
		list = append(list, results.Threshold{Stage: t.Stage, Expr: t.Expr})
	}
	return results.Evaluate(list, r.Stages, r.Histograms)
}
