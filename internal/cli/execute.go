package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/internal/promscrape"
	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// runsDir is where run folders go unless --out names one.
const runsDir = "results/runs"

// modelsLimit bounds how long a server may take to list its models.
const modelsLimit = 10 * time.Second

// execution is a plan on its way to becoming a run folder.
type execution struct {
	sys     IO
	plan    *scenarios.Plan
	part    *scenarios.Plan // that is sent: the plan, or a shard of it
	barrier barrier
	nonce   uint64
	target  runner.Target
	model   string
	labels  map[string]string
	out     string // run folder; empty: one under runsDir
	json    bool
	live    *runner.Live // nil: measure makes one
	exposed *exposed     // nil: the run is not exposed
	ci      ciOutput
	after   func(results.StageSummary) string
	closing func(*results.Summary) []string // lines after the tables

	// Of a search, which finds its stages while it runs:
	tap      func(*results.Record)                      // sees each record before its stage's end
	began    func(*store.Writer)                        // gives the writer, to which a plan that has grown goes
	conclude func(dir string, s *results.Summary) error // prints instead of print's tables and lines
	knee     func() *report.Knee                        // what the search found, for the page
	judge    func(s *results.Summary, err error) error  // gives the exit code instead of verdict
}

// resolveModel returns the model to send: the one asked for, else the only one that the server has.
func resolveModel(ctx context.Context, p *scenarios.Plan, endpoint, asked string) (string, error) {
	if asked == "" {
		asked = p.Model
	}
	if asked != "" {
		return asked, nil
	}
	c, err := probeClient(ctx, p, endpoint)
	if err != nil {
		return "", err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, modelsLimit)
	defer cancel()
	models, err := c.Models(ctx)
	switch unreached, ok := errors.AsType[*client.ConnectionError](err); {
	case ok:
		return "", cleaned(p, "cannot reach the server, is it running at this address?", unreached)
	case err != nil:
		return "", cleaned(p, "cannot list the models of the server (name one with --model):", err)
	case len(models) == 0:
		return "", usage("the server lists no model; name one with --model")
	case len(models) > 1:
		names := make([]string, len(models))
		for i, m := range models {
			names[i] = m.ID
		}
		return "", usage("the server has several models; choose one with --model:\n  %s", strings.Join(names, "\n  "))
	}
	return models[0].ID, nil
}

// cleaned is an error that a server had a hand in, without the plan's secrets.
func cleaned(p *scenarios.Plan, what string, err error) error {
	return errors.New(runner.Redactor(p).Replace(what + " " + err.Error()))
}

// run carries out the plan, keeps everything in the run folder, and prints. The error carries the exit code.
func (e *execution) run(ctx context.Context) error {
	m, err := e.measure(ctx)
	if m == nil {
		return err
	}
	if printErr := e.print(m.dir, m.Run); printErr != nil {
		return errors.Join(err, printErr)
	}
	err = errors.Join(err, e.ci.run(e.sys, m.Summary))
	if e.judge != nil {
		return e.judge(m.Summary, err)
	}
	return verdict(m.Summary, err)
}

// claimable reports why the run's results could not be kept, before anything is sent for them.
func claimable(out string) error {
	if out == "" {
		out = filepath.Join(runsDir, "any")
	}
	err := store.Check(out)
	if errors.Is(err, fs.ErrExist) {
		return asUsage(err)
	}
	return err
}

// measured is a run that has its folder.
type measured struct {
	dir string
	report.Run
}

// measure carries out the plan and keeps everything in the run folder. With a measured run, err says what could not be
// done or saved of it; nil, nothing was measured.
func (e *execution) measure(ctx context.Context) (*measured, error) {
	hash, err := e.plan.Hash()
	if err != nil {
		return nil, err
	}
	e.nonce = rand.Uint64()
	if e.live == nil {
		e.live = &runner.Live{}
	}
	if err := e.agree(ctx, hash); err != nil {
		return nil, err
	}
	started := e.barrier.begins()
	anchor := monotonic() + time.Until(started).Nanoseconds()
	id := store.NewID(started, e.plan.Name, uint16(rand.Uint32()))
	summary := e.initial(id, hash, started, anchor)
	dir := e.out
	if dir == "" {
		dir = filepath.Join(runsDir, id)
	}
	planYAML, err := e.plan.YAML()
	if err != nil {
		return nil, err
	}
	w, err := store.Create(dir, planYAML, summary)
	if errors.Is(err, fs.ErrExist) {
		return nil, asUsage(err)
	}
	if err != nil {
		return nil, err
	}
	if e.began != nil {
		e.began(w)
	}
	if err := e.late(summary, started); err != nil {
		return nil, errors.Join(err, w.Finish(summary, nil))
	}
	requests := new(report.Digest)
	res, runErr := e.load(ctx, w, requests, id, started)
	if res == nil {
		return nil, errors.Join(runErr, w.Finish(summary, nil))
	}
	e.complete(summary, res)
	if summary.Run.PlanSHA256, err = e.plan.Hash(); err != nil { // of a plan that may have grown
		runErr = errors.Join(runErr, err)
	}
	if runErr != nil {
		summary.Valid, summary.InvalidReasons = false, append(summary.InvalidReasons, runErr.Error())
	}
	saveErr := w.Finish(summary, res.Histograms)
	if saveErr != nil {
		saveErr = fmt.Errorf("the run was measured, but not all of it was saved: %w", saveErr)
	}
	return &measured{dir, report.Run{Summary: summary, Histograms: res.Histograms, Requests: requests}}, errors.Join(runErr, saveErr)
}

func (e *execution) load(ctx context.Context, w *store.Writer, requests *report.Digest, id string, started time.Time) (*runner.Result, error) {
	stop := e.sys.watch(e.live)
	defer stop()
	cfg := runner.Config{
		RunID: id, Model: e.model, Nonce: e.nonce,
		Append: func(r *results.Record) {
			_ = w.Append(r) // what the store loses it counts, and Finish says it
			requests.Add(r)
			if e.tap != nil {
				e.tap(r)
			}
			if e.exposed != nil {
				e.exposed.record(r)
			}
		},
		AfterStage: e.after, Live: e.live, Start: started, KernelTimers: true,
	}
	if urls := e.metrics(); len(urls) > 0 {
		scraper := promscrape.New(urls)
		defer scraper.Close()
		cfg.Metrics = scraper
	}
	return runner.Run(ctx, e.part, e.target, cfg)
}

// initial is the summary of a run that has not finished: what a killed run leaves behind.
func (e *execution) initial(id, hash string, started time.Time, anchor int64) *results.Summary {
	_, mock := e.target.(*mockTarget)
	s := &results.Summary{
		SchemaVersion: results.SchemaVersion,
		Run: results.Run{
			ID: id, Name: e.plan.Name, StartedAt: started.UTC(), Seed: e.plan.Seed, PlanSHA256: hash,
			ToolVersion: version(), Labels: e.labels, MonotonicNS: anchor, Shard: e.barrier.facts(),
		},
		Environment: environment(),
		Target:      results.Target{Endpoint: runner.Redactor(e.plan).Replace(e.target.Endpoint()), Model: e.model, Mock: mock, More: runner.EndpointLabels(e.plan.Target.More), GPUs: e.plan.Target.GPUs, Metrics: runner.EndpointLabels(e.metrics())},
	}
	s.Environment.SelfTest = lastSelfTest(e.sys)
	for i := range e.plan.Stages {
		stage := &e.plan.Stages[i]
		s.Stages = append(s.Stages, results.StageSummary{Name: stage.Name, Load: runner.LoadOf(stage), SLO: runner.LimitsOf(e.plan)})
	}
	return s
}

func (e *execution) complete(s *results.Summary, res *runner.Result) {
	s.Run.FinishedAt = time.Now().UTC()
	s.Run.Interrupted = res.Interrupted
	s.Stages, s.Instrument, s.Conservation = res.Stages, res.Instrument, res.Conservation
	s.InvalidReasons, s.Budget = res.Invalid, res.Budget
	if res.Interrupted && len(res.Stages) == 0 {
		s.InvalidReasons = append(s.InvalidReasons, "interrupted before anything was measured")
	}
	s.Valid = len(s.InvalidReasons) == 0
	if s.Run.Shard != nil {
		s.Run.Shard.LateMS = float64(res.Late) / 1e6
	}
	if e.barrier.sharded() {
		return // thresholds are for the whole, which merge makes
	}
	var thresholds []results.Threshold
	for _, t := range e.plan.Thresholds {
		thresholds = append(thresholds, results.Threshold{Stage: t.Stage, Expr: t.Expr})
	}
	s.Thresholds = results.Evaluate(thresholds, s.Stages, res.Histograms)
}

// print writes the tables, or the summary as JSON, on stdout, and what is to be looked at into the run folder. The
// folder's path is the last line.
func (e *execution) print(dir string, r report.Run) error {
	s := r.Summary
	if e.knee != nil {
		r.Knee = e.knee()
	}
	e.sys.draw(dir, r) // before the tables: who reads those through `head` may end this process with its first line
	switch {
	case e.conclude != nil:
		return e.conclude(dir, s)
	case e.json:
		return printJSON(e.sys.Out, s)
	}
	if err := report.WriteTables(e.sys.Out, s, e.sys.tableOptions()); err != nil {
		return err
	}
	if e.closing != nil {
		for _, line := range e.closing(s) {
			fmt.Fprintln(e.sys.Out, line)
		}
	}
	_, err := fmt.Fprintln(e.sys.Out, dir)
	return err
}

// verdict turns a finished run into its exit code: 130, 1, 3, 99 in this order.
func verdict(s *results.Summary, err error) error {
	failed, undecided := false, false
	for _, t := range s.Thresholds {
		failed = failed || t.Verdict == results.Fail
		undecided = undecided || t.Verdict == results.Undecided
	}
	switch {
	case s.Run.Interrupted:
		return &exitError{exitInterrupted, err}
	case err != nil:
		return &exitError{exitRun, err}
	case !s.Valid || undecided:
		return &exitError{exitInvalid, nil}
	case failed:
		return &exitError{exitThreshold, nil}
	}
	return nil
}

// probeClient is a small client with the plan's credentials, for questions beside the load.
func probeClient(ctx context.Context, p *scenarios.Plan, endpoint string) (*client.Client, error) {
	cfg := client.Config{APIKey: string(p.Target.APIKey), MaxRetries: client.Off, RateLimit: client.Off, Timeout: 60 * time.Second, LazyInit: true}
	cfg.Header = runner.Header(p.Target.Headers)
	c, err := client.New(ctx, endpoint, cfg)
	return c, asUsage(err)
}
