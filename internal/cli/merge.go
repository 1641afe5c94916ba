package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

func mergeCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "merge", Usage: "make one run of those of its shards: records in order, histograms added, figures computed anew",
		ArgsUsage: "RUN...",
		Description: example(
			"llmload merge runs/shard-0 runs/shard-1 runs/shard-2 runs/shard-3 --out runs/merged",
			"llmload merge runs --wait 1h --partial      the folders shard-* of runs, once all are there",
		) + "\n\nA shard that is missing, twice there or of another run is refused by name.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "the run folder itself `DIR` (default: " + runsDir + "/ID-merged)"},
			&cli.BoolFlag{Name: "partial", Usage: "merge what is there though a shard is missing or did not finish; the run is invalid and says which"},
			&cli.DurationFlag{Name: "wait", Usage: "how long to wait for shards that are not there or have not finished"},
			&cli.DurationFlag{Name: "stalled", Usage: "with --wait: once a shard has begun, wait on while any of them writes something at least this often"},
			&cli.BoolFlag{Name: "json", Usage: "print the summary as JSON on stdout, and nothing else there"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usage("merge needs the folders of all shards of a run, or the folder that holds them as shard-0, shard-1 ...")
			}
			m := mergeCall{sys: sys, args: c.Args().Slice(), out: c.String("out"), partial: c.Bool("partial"), json: c.Bool("json"), wait: c.Duration("wait"), stalled: c.Duration("stalled")}
			if m.stalled > 0 && m.wait <= 0 {
				return usage("--stalled needs --wait, which says how long the first shard may take to begin")
			}
			err := m.run(c.Context)
			if errors.Is(err, context.Canceled) {
				return &exitError{exitInterrupted, errors.New("interrupted; no merged run was written, and the shards' folders are as they were")}
			}
			return err
		},
	}
}

// mergeCall is a merge as the command line asks for it.
type mergeCall struct {
	sys           IO
	args          []string
	out           string
	partial, json bool
	wait, stalled time.Duration
}

// run merges, once more each half second while shards are missing and there is time to wait.
func (m *mergeCall) run(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var seen string
	for until := time.Now().Add(m.wait); time.Now().Before(until); {
		err := m.try(ctx, false)
		if !errors.Is(err, store.ErrIncomplete) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if now := m.written(); m.stalled > 0 && now != seen {
			seen, until = now, time.Now().Add(m.stalled)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return m.try(ctx, m.partial)
}

// written is how much there is of each shard: another text where one has written something. A shard that was killed cannot say so,
// and one that lives seldom keeps silent.
func (m *mergeCall) written() string {
	var text strings.Builder
	for _, dir := range shardFolders(m.args) {
		files, _ := os.ReadDir(dir) // what is not there has nothing
		for _, f := range files {
			if info, err := f.Info(); err == nil {
				fmt.Fprintln(&text, dir, f.Name(), info.Size())
			}
		}
	}
	return text.String()
}

// try merges once.
func (m *mergeCall) try(ctx context.Context, partial bool) error {
	shards, err := m.open(partial)
	if err != nil {
		return asUsage(err)
	}
	out := m.out
	if out == "" {
		out = filepath.Join(runsDir, shards[0].Summary.Run.ID+"-merged")
	}
	s, hs, err := store.Merge(ctx, out, shards, store.MergeConfig{Partial: partial, Judge: judgeMerged(shards[0].Plan)})
	switch {
	case errors.Is(err, store.ErrIncomplete):
		return &exitError{exitInvalid, fmt.Errorf("%w; --partial merges what is there, as an invalid run", err)}
	case errors.Is(err, store.ErrForeign), errors.Is(err, fs.ErrExist):
		return asUsage(err)
	case err != nil:
		return err
	}
	e := execution{sys: m.sys, json: m.json}
	merged, err := store.Open(out)
	if err != nil {
		return err
	}
	if err := e.print(out, report.Run{Summary: s, Histograms: hs, Requests: m.sys.digest(merged)}); err != nil {
		return err
	}
	judged := *s
	judged.Run.Interrupted = false // the shards' runs were, not this command
	return verdict(&judged, nil)
}

// open opens the folders that are named, and in one that holds no run its folders shard-*. A partial merge goes without those that
// hold no run yet, as a shard leaves one that was killed while it made it, and says so.
func (m *mergeCall) open(partial bool) (shards []*store.Run, err error) {
	var first error
	for _, dir := range shardFolders(m.args) {
		r, err := store.Open(dir)
		switch {
		case err == nil:
			shards = append(shards, r)
		case !partial || !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case first == nil:
			first = err
			fallthrough
		default:
			fmt.Fprintf(m.sys.Err, "llmload: left out: %v\n", err)
		}
	}
	if len(shards) == 0 {
		return nil, first
	}
	return shards, nil
}

// shardFolders are the folders that are named, and in the place of one that holds no run its folders shard-*, if it has any.
func shardFolders(args []string) (dirs []string) {
	for _, dir := range args {
		inner, _ := filepath.Glob(filepath.Join(dir, "shard-*")) // the pattern is well-formed
		if _, err := store.Open(dir); err == nil || len(inner) == 0 {
			inner = []string{dir}
		}
		dirs = append(dirs, inner...)
	}
	return dirs
}

// judgeMerged completes a merged run by its plan's thresholds, and by what only the whole can know.
func judgeMerged(plan []byte) func(*results.Summary, []results.StageHistograms) {
	return func(s *results.Summary, hs []results.StageHistograms) {
		for i := range s.Stages {
			for _, why := range runner.JudgeMerged(&s.Stages[i]) {
				why = s.Stages[i].Name + ": " + why
				said := func(reason string) bool { return strings.HasSuffix(reason, why) } // by the shard that is the worst
				if !slices.ContainsFunc(s.InvalidReasons, said) {
					s.InvalidReasons = append(s.InvalidReasons, why)
				}
			}
		}
		thresholds, err := thresholdsOf(plan)
		if err != nil {
			s.InvalidReasons = append(s.InvalidReasons, "the plan's thresholds cannot be read: "+err.Error())
		}
		s.Thresholds = results.Evaluate(thresholds, s.Stages, hs)
	}
}

// thresholdsOf reads those of a plan.yaml.
func thresholdsOf(plan []byte) (out []results.Threshold, err error) {
	node, err := strictyaml.Parse("plan.yaml", plan, func(string) (string, bool) { return "", true })
	if err != nil {
		return nil, err
	}
	var list []scenarios.Threshold
	if at := node.Get("thresholds"); !at.IsZero() {
		err = at.Decode(&list)
	}
	for _, t := range list {
		out = append(out, results.Threshold{Stage: t.Stage, Expr: t.Expr})
	}
	return out, err
}
