package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/report/capacity"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// answerFile is where a run folder keeps the answer of its search.
const answerFile = "capacity.json"

// stopInterrupted is the runner's reason of a stage that an interrupt ended.
const stopInterrupted = "interrupted"

// hunt lets a search run over the runner: each probe is a stage of one run.
type hunt struct {
	sys      IO
	plan     *scenarios.Plan
	template scenarios.Stage
	search   capacity.Search
	fleet    fleetRequest
	json     bool
	markdown bool
	writer   *store.Writer

	probe capacity.Probe
	saved error // of the plan, which grows

	mu    sync.Mutex
	meter *capacity.Meter
}

// newHunt reads the flags, and takes the plan's first stage for what is sent.
func newHunt(c *cli.Context, sys IO, plan *scenarios.Plan, fleet fleetRequest) (*hunt, error) {
	h := &hunt{sys: sys, plan: plan, template: plan.Stages[0], fleet: fleet, json: c.Bool("json"), markdown: c.Bool("markdown")}
	if h.template.Sessions != nil {
		return nil, usage("%s is a load of sessions, whose rate the search cannot set: name a scenario of single requests", plan.Name)
	}
	h.fleet.priced(c, plan.Target.GPUs)
	var err error
	if h.search.SLO, err = huntedSLO(c, plan); err != nil {
		return nil, err
	}
	if name, ok := ofStreams(h.search.SLO); ok && !h.template.Stream {
		return nil, usage("--slo: %s is a time of streams, and %s takes its answers whole, so no rate could keep it: use e2e, or stream: true", name, plan.Name)
	}
	b := &h.search.Bounds
	b.Stages, b.Time, b.USD, b.Precision = c.Int("stages"), c.Duration("time"), c.Float64("usd"), c.Float64("precision")
	if b.Stages < 3 || b.Time <= 0 || !(b.USD >= 0) || math.IsInf(b.USD, 1) || !(b.Precision > 0 && b.Precision < 1) {
		return nil, usage("--stages must be at least 3, --time above 0, --usd not below 0 and --precision between 0 and 1")
	}
	if b.Start, err = rateFlag(c, "start"); err != nil {
		return nil, err
	}
	if b.MaxRate, err = rateFlag(c, "max-rate"); err != nil {
		return nil, err
	}
	if err := h.budget(c); err != nil {
		return nil, err
	}
	plan.SLO, plan.Thresholds = nil, nil
	for _, l := range h.search.SLO.Limits {
		plan.SLO = append(plan.SLO, scenarios.SLO{Metric: l.Metric, Max: time.Duration(l.MaxNS)})
	}
	return h, nil
}

// huntedSLO is the SLO of the flags, else the scenario's own.
func huntedSLO(c *cli.Context, plan *scenarios.Plan) (capacity.SLO, error) {
	items := split(c.String("slo"))
	if !c.IsSet("slo") {
		for _, l := range plan.SLO {
			items = append(items, fmt.Sprintf("%s=%s", l.Metric, l.Max))
		}
	}
	slo, err := capacity.ParseSLO(items)
	return slo, asUsage(err)
}

// ofStreams finds a metric in an SLO that only streams have.
func ofStreams(slo capacity.SLO) (name metric.Name, ok bool) {
	for _, l := range slo.Limits {
		if metric.OfStreams(l.Metric) {
			return l.Metric, true
		}
	}
	for _, t := range slo.Terms {
		if metric.OfStreams(t.Metric) {
			return t.Metric, true
		}
	}
	return "", false
}

// rateFlag is a rate in requests a second; 0 where the flag is not given.
func rateFlag(c *cli.Context, name string) (float64, error) {
	text := c.String(name)
	if text == "" {
		return 0, nil
	}
	r, err := parseRate(text)
	if err != nil {
		return 0, usage("--%s %q: write a rate such as 2/s or 90/m", name, text)
	}
	return r, nil
}

func parseRate(text string) (float64, error) {
	if !strings.Contains(text, "/") {
		text += "/s"
	}
	var r scenarios.Rate
	err := r.UnmarshalText([]byte(text))
	return float64(r), err
}

// budget bounds the run by the flags, else by the scenario's budget. The runner holds to it too, request by request; the
// search shortens its probes before that.
func (h *hunt) budget(c *cli.Context) error {
	b, budget := &h.search.Bounds, scenarios.Budget{}
	if h.plan.Budget != nil {
		budget = *h.plan.Budget
	}
	if text := c.String("tokens"); text != "" {
		if err := budget.TotalTokens.UnmarshalText([]byte(text)); err != nil {
			return usage("--tokens: %v", err)
		}
	}
	if c.IsSet("usd") {
		budget.USD = b.USD
		budget.Prices = scenarios.Prices{Input: c.Float64("input-price"), Output: c.Float64("output-price")}
		if budget.Prices == (scenarios.Prices{}) {
			return usage("--usd needs --input-price and --output-price, in dollars a million tokens")
		}
	}
	if budget.TotalTokens == 0 && budget.USD == 0 {
		return nil
	}
	h.plan.Budget = &budget
	b.Tokens, b.USD = int64(budget.TotalTokens), budget.USD
	b.Cost = func(input, output float64) float64 {
		return (input*budget.Prices.Input + output*budget.Prices.Output) / 1e6
	}
	return nil
}

// first begins the search: the plan's only stage so far is its first probe.
func (h *hunt) first() {
	h.plan.Stages = nil
	h.next()
	fmt.Fprintf(h.sys.Err, "slo %s; at most %d probes, %s in all\n", h.search.SLO, h.search.Bounds.Stages, h.search.Bounds.Time)
}

// next appends the next probe to the plan; false when the search is over.
func (h *hunt) next() bool {
	p, ok := h.search.Next()
	if !ok {
		return false
	}
	h.probe = p
	h.mu.Lock()
	h.meter = h.search.SLO.NewMeter()
	h.mu.Unlock()
	name := fmt.Sprintf("%d-%s-%.4g/s", len(h.plan.Stages)+1, p.Kind, p.Rate)
	s := h.plan.AddProbe(&h.template, name, p.Rate, p.Requests, p.Warmup)
	s.Stop.Saturated = p.StopSaturated
	return true
}

// add takes in a record of the probe under way.
func (h *hunt) add(r *results.Record) {
	h.mu.Lock()
	m := h.meter
	h.mu.Unlock()
	m.Add(r)
}

// after takes in a probe that has ended and appends the next.
func (h *hunt) after(s results.StageSummary) (stop string) {
	o := h.meter.Observe(h.probe)
	o.Stage = s.Name
	complete(&o, &h.plan.Stages[len(h.plan.Stages)-1], &s)
	h.search.Observe(o)
	fmt.Fprintf(h.sys.Err, "%s\n", o)
	if s.StopReason == stopInterrupted || strings.HasPrefix(s.StopReason, "budget") {
		h.search.End("the search was ended: " + s.StopReason)
	}
	if !h.next() {
		return "the search is over"
	}
	text, err := h.plan.YAML()
	if err == nil {
		err = h.writer.SetPlan(text)
	}
	h.saved = errors.Join(h.saved, err)
	return ""
}

// complete adds to an observation what the stage's summary says beside the records.
func complete(o *capacity.Observation, stage *scenarios.Stage, s *results.StageSummary) {
	_, invalid := runner.Judge(stage, s, "")
	switch {
	case strings.HasPrefix(s.StopReason, "saturated"):
		o.Saturated = true
		if o.Issued == 0 { // ended by the warm-up
			o.Spoiled = ""
		}
	case len(invalid) > 0 && s.Requests.Succeeded > 0:
		o.Spoiled = invalid[0]
	}
	if o.Server = serverSaid(s.Server); o.Server == "" && s.Tokens.Cached > 0 && s.Tokens.Input > 0 {
		o.Server = fmt.Sprintf("%.0f%% of input tokens from its cache", 100*float64(s.Tokens.Cached)/float64(s.Tokens.Input))
	}
}

// serverSaid is what a scraped server said of its queue, its batch and its cache.
func serverSaid(v *results.Server) string {
	if v == nil {
		return ""
	}
	var parts []string
	for _, g := range []struct {
		gauge *results.Gauge
		text  string
		scale float64
	}{{v.Waiting, "%.1f waiting", 1}, {v.Running, "%.1f running", 1}, {v.CacheUse, "%.0f%% of its KV memory used", 100}} {
		if g.gauge != nil {
			parts = append(parts, fmt.Sprintf(g.text, g.scale*g.gauge.Mean))
		}
	}
	if v.CacheHitRatio != nil {
		parts = append(parts, fmt.Sprintf("%.0f%% of prompt tokens from its cache", 100**v.CacheHitRatio))
	}
	if len(parts) == 0 {
		return ""
	}
	return "the server says " + strings.Join(parts, ", ")
}

// report is what the search found, with the fleet where a demand is given.
func (h *hunt) report() capacity.Report {
	return h.fleet.report(h.search.Answer())
}

// conclude keeps the answer in the run folder and prints it.
func (h *hunt) conclude(dir string, s *results.Summary) error {
	r := h.report()
	if err := keep(dir, r); err != nil {
		return err
	}
	if h.json {
		return printJSON(h.sys.Out, r)
	}
	if h.markdown {
		return r.Write(h.sys.Out, true)
	}
	if err := report.WriteTables(h.sys.Out, s, h.sys.tableOptions()); err != nil {
		return err
	}
	fmt.Fprintln(h.sys.Out)
	if err := r.Write(h.sys.Out, false); err != nil {
		return err
	}
	_, err := fmt.Fprintln(h.sys.Out, dir)
	return err
}

// kneeOf is the answer as a page of the run marks it; nil where none was found.
func kneeOf(a capacity.Answer) *report.Knee {
	if a.Estimate == nil {
		return nil
	}
	return &report.Knee{SLO: a.SLO, Rate: a.Estimate.Rate, Lo: a.Estimate.Lo, Hi: a.Estimate.Hi}
}

// storedKnee is kneeOf of the answer that a run folder keeps; nil where it keeps none that can be read.
func storedKnee(dir string) *report.Knee {
	text, err := os.ReadFile(filepath.Join(dir, answerFile))
	var r capacity.Report
	if err != nil || json.Unmarshal(text, &r) != nil {
		return nil
	}
	return kneeOf(r.Answer)
}

// keep writes the answer and its picture into the run folder.
func keep(dir string, r capacity.Report) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, answerFile), append(text, '\n'), 0o644); err != nil {
		return err
	}
	var page, picture bytes.Buffer
	if err := r.Write(&page, true); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "capacity.md"), page.Bytes(), 0o644); err != nil {
		return err
	}
	if r.WriteSVG(&picture) != nil {
		return nil // no probe has anything to draw
	}
	if err := os.MkdirAll(filepath.Join(dir, "plots"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "plots", "capacity.svg"), picture.Bytes(), 0o644)
}

// verdict gives the exit code: an answer that is found and confirmed is 0.
func (h *hunt) verdict(s *results.Summary, err error) error {
	err = errors.Join(err, h.saved)
	a := h.search.Answer()
	switch {
	case s.Run.Interrupted:
		return &exitError{exitInterrupted, err}
	case err != nil:
		return &exitError{exitRun, err}
	case !s.Conservation.Holds, !a.Reliable():
		return &exitError{exitInvalid, nil}
	}
	return nil
}
