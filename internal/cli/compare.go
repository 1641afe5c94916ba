package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/report/compare"
	"github.com/llmload/llmload/results/store"
)

// baselinesDir is where baselines are that are named by a word alone.
const baselinesDir = "results/baselines"

// judgeFlags are of both commands that compare.
func judgeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "gate", Usage: "`'[STAGE: ]METRIC < CHANGE'` such as 'tpot.p50 < +3%' that must be proven; may be repeated"},
		&cli.StringFlag{Name: "margin", Value: "3%", Usage: "a change under this `SHARE` does not matter"},
		&cli.BoolFlag{Name: "json", Usage: "print the comparison as JSON on stdout, and nothing else there"},
	}
}

func compareCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "compare", Usage: "say whether a stored run is better or worse than another, and whether gates hold",
		ArgsUsage: "BASE NEW",
		Description: example(
			"llmload compare results/runs/A results/runs/B",
			"llmload compare ci results/runs/B --gate 'tpot.p50 < +3%'   against "+baselinesDir+"/ci.json",
			"llmload compare ci results/runs/B --update-baseline         make B the baseline, after comparing",
		) + "\n\nGates end with exit code 0 where all are proven to hold, 99 where one is proven broken, 3 where one is undecided.",
		Flags: slices.Concat(judgeFlags(), []cli.Flag{
			&cli.BoolFlag{Name: "force", Usage: "compare runs of different plans all the same"},
			&cli.BoolFlag{Name: "update-baseline", Usage: "then keep NEW as the file BASE, or as " + baselinesDir + "/BASE.json; gates decide nothing"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of the draws from runs that were not repeated"},
		}, ciFlags()),
		Action: func(c *cli.Context) error { return compareRuns(c, sys) },
	}
}

func compareRuns(c *cli.Context, sys IO) error {
	if c.NArg() != 2 {
		return usage("compare takes two runs, BASE and NEW, got %q; see llmload compare --help", c.Args().Slice())
	}
	o, files, err := judgeOptions(c)
	if err != nil {
		return err
	}
	o.Force, o.Seed = c.Bool("force"), c.Uint64("seed")
	next, nextRun, err := openSide(c.Args().Get(1))
	if err != nil {
		return err
	}
	name := c.Args().Get(0)
	update := c.Bool("update-baseline")
	base, _, err := openSide(name)
	if update && errors.Is(err, fs.ErrNotExist) {
		return updateBaseline(sys, name, nextRun)
	}
	if err != nil {
		return err
	}
	res, err := compare.Runs(base, next, o)
	var differs *compare.PlanError
	switch {
	case errors.As(err, &differs) && update: // a new plan is what new baselines are for
		fmt.Fprintf(sys.Err, "llmload: not compared: %v\n", err)
		return updateBaseline(sys, name, nextRun)
	case errors.As(err, &differs):
		return usage("%v\nchange the plan of one, or compare all the same with --force", err)
	case err != nil:
		return err
	}
	if err := sys.comparison(res, c.Bool("json"), files); err != nil {
		return err
	}
	if update {
		return updateBaseline(sys, name, nextRun)
	}
	return gateError(res)
}

// judgeOptions reads what both commands that compare have in common.
func judgeOptions(c *cli.Context) (o compare.Options, files ciOutput, err error) {
	for _, text := range c.StringSlice("gate") {
		g, err := metric.ParseGate(text)
		if err != nil {
			return o, files, usage("--gate: %v", err)
		}
		o.Gates = append(o.Gates, g)
	}
	// A margin is a change without its sign.
	g, err := metric.ParseGate("tpot.p50 < +" + strings.TrimPrefix(c.String("margin"), "+"))
	if err != nil || g.Change <= 0 {
		return o, files, usage("--margin %q: write a share above 0 such as 3%%", c.String("margin"))
	}
	o.Margin = g.Change
	files, err = ciOptions(c)
	return o, files, err
}

// openSide finds a run: a folder, a file, or a baseline by its name.
func openSide(name string) (compare.Run, *store.Run, error) {
	info, err := os.Stat(name)
	if err == nil && info.IsDir() {
		run, err := store.Open(name)
		if err != nil {
			return compare.Run{}, nil, asUsage(err)
		}
		s, hs, err := read(run)
		if err != nil {
			return compare.Run{}, nil, err
		}
		run.Summary = s
		return compare.Run{Summary: s, Plan: run.Plan, Histograms: hs, Records: run.Records()}, run, nil
	}
	run, err := store.OpenBaseline(baselineFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("no run folder %s and no baseline %s: %w", name, baselineFile(name), fs.ErrNotExist)
	}
	if err != nil {
		return compare.Run{}, nil, asUsage(err)
	}
	return compare.Run{Summary: run.Summary, Plan: run.Plan}, run, nil
}

// baselineFile is a baseline's file: one that is there or is named as a path, else the one of that name.
func baselineFile(name string) string {
	info, err := os.Stat(name)
	if strings.ContainsAny(name, `/\`) || filepath.Ext(name) == ".json" || err == nil && info.Mode().IsRegular() {
		return name
	}
	return filepath.Join(baselinesDir, name+".json")
}

func updateBaseline(sys IO, name string, run *store.Run) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return usage("%s is a run folder: --update-baseline replaces a file, such as %s/ci.json", name, baselinesDir)
	}
	file := baselineFile(name)
	if err := store.WriteBaseline(file, run); err != nil {
		return &exitError{exitInvalid, fmt.Errorf("the baseline %s stays as it is: %w", file, err)}
	}
	fmt.Fprintf(sys.Err, "llmload: %s is now the baseline %s\n", run.Summary.Run.ID, file)
	return nil
}

// comparison prints a comparison and writes its files.
func (sys IO) comparison(res *compare.Result, asJSON bool, files ciOutput) error {
	var err error
	if asJSON {
		err = printJSON(sys.Out, res)
	} else {
		err = report.WriteComparison(sys.Out, res, sys.tableOptions())
	}
	return errors.Join(err, files.comparison(sys, res))
}

// gateError turns the gates' verdict into its exit code.
func gateError(res *compare.Result) error {
	switch res.Verdict() {
	case compare.Undecided:
		return &exitError{exitInvalid, nil}
	case compare.Outside:
		return &exitError{exitThreshold, nil}
	}
	return nil
}
