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
	target  runner.Target
	model   string
	labels  map[string]string
	out     string // run folder; empty: one under runsDir
	json    bool
	after   func(results.StageSummary) string
	closing func(*results.Summary) []string // lines after the tables
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
	started, anchor := time.Now(), monotonic()
	id := store.NewID(started, e.plan.Name, uint16(rand.Uint32()))
	summary, err := e.initial(id, started, anchor)
	if err != nil {
		return err
	}
	dir := e.out
	if dir == "" {
		dir = filepath.Join(runsDir, id)
	}
	planYAML, err := e.plan.YAML()
	if err != nil {
		return err
	}
	w, err := store.Create(dir, planYAML, summary)
	if errors.Is(err, fs.ErrExist) {
		return asUsage(err)
	}
	if err != nil {
		return err
	}
	requests := new(report.Digest)
	res, runErr := e.load(ctx, w, requests, id, started)
	if res == nil {
		return errors.Join(runErr, w.Finish(summary, nil))
	}
	e.complete(summary, res)
	if runErr != nil {
		summary.Valid, summary.InvalidReasons = false, append(summary.InvalidReasons, runErr.Error())
	}
	saveErr := w.Finish(summary, res.Histograms)
	if saveErr != nil {
		saveErr = fmt.Errorf("the run was measured, but not all of it was saved: %w", saveErr)
	}
	if err := e.print(dir, report.Run{Summary: summary, Histograms: res.Histograms, Requests: requests}); err != nil {
		return errors.Join(runErr, saveErr, err)
	}
	return verdict(summary, errors.Join(runErr, saveErr))
}

func (e *execution) load(ctx context.Context, w *store.Writer, requests *report.Digest, id string, started time.Time) (*runner.Result, error) {
	live := &runner.Live{}
	stop := e.sys.watch(live, len(e.plan.Stages))
	defer stop()
	return runner.Run(ctx, e.plan, e.target, runner.Config{
		RunID: id, Model: e.model, Nonce: rand.Uint64(),
		Append: func(r *results.Record) {
			_ = w.Append(r) // what the store loses it counts, and Finish says it
			requests.Add(r)
		},
		AfterStage: e.after, Live: live, Start: started, KernelTimers: true,
	})
}

// initial is the summary of a run that has not finished: what a killed run leaves behind.
func (e *execution) initial(id string, started time.Time, anchor int64) (*results.Summary, error) {
	hash, err := e.plan.Hash()
	if err != nil {
		return nil, err
	}
	_, mock := e.target.(*mockTarget)
	s := &results.Summary{
		SchemaVersion: results.SchemaVersion,
		Run: results.Run{
			ID: id, Name: e.plan.Name, StartedAt: started.UTC(), Seed: e.plan.Seed, PlanSHA256: hash,
			ToolVersion: version(), Labels: e.labels, MonotonicNS: anchor,
		},
		Environment: environment(),
		Target:      results.Target{Endpoint: runner.Redactor(e.plan).Replace(e.target.Endpoint()), Model: e.model, Mock: mock, More: runner.EndpointLabels(e.plan.Target.More), GPUs: e.plan.Target.GPUs},
	}
	s.Environment.SelfTest = lastSelfTest(e.sys)
	for i := range e.plan.Stages {
		stage := &e.plan.Stages[i]
		s.Stages = append(s.Stages, results.StageSummary{Name: stage.Name, Load: runner.LoadOf(stage), SLO: runner.LimitsOf(e.plan)})
	}
	return s, nil
}

func (e *execution) complete(s *results.Summary, res *runner.Result) {
	s.Run.FinishedAt = time.Now().UTC()
	s.Run.Interrupted = res.Interrupted
	s.Stages, s.Instrument, s.Conservation = res.Stages, res.Instrument, res.Conservation
	s.InvalidReasons, s.Budget = res.Invalid, res.Budget
	s.Valid = len(res.Invalid) == 0
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
	e.sys.draw(dir, r) // before the tables: who reads those through `head` may end this process with its first line
	if e.json {
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
