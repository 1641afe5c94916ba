package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
)

func reportCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "print the tables of finished runs and draw their plots again",
		ArgsUsage: "RUN...",
		Description: example(
			"llmload report results/runs/20260102T150405Z-quickstart-abcd",
			"llmload report RUN --json",
		) + "\n\nA run that was killed has a summary without figures; report makes them from its records.",
		Flags: slices.Concat([]cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the summary as JSON on stdout, and nothing else there"},
		}, ciFlags(), figureFlags()),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usage("report needs the folder of a run, such as %s/ID", runsDir)
			}
			files, err := ciOptions(c)
			if err != nil {
				return err
			}
			var all []*results.Summary
			for _, dir := range c.Args().Slice() {
				s, err := reportRun(sys, dir, c.Bool("json"))
				if err != nil {
					return err
				}
				all = append(all, s)
			}
			return files.run(sys, all...)
		},
	}
}

func reportRun(sys IO, dir string, asJSON bool) (*results.Summary, error) {
	run, err := store.Open(dir)
	if err != nil {
		return nil, asUsage(err)
	}
	s, hs, err := read(run)
	if err != nil {
		return nil, err
	}
	if asJSON {
		return s, printJSON(sys.Out, s)
	}
	if err := report.WriteTables(sys.Out, s, sys.tableOptions()); err != nil {
		return nil, err
	}
	if _, err := report.WritePlots(filepath.Join(dir, "plots"), report.Run{Summary: s, Histograms: hs}); err != nil {
		fmt.Fprintf(sys.Err, "llmload: no plots: %v\n", err)
	}
	_, err = fmt.Fprintln(sys.Out, dir)
	return s, err
}

// read takes a run's summary, or makes it from the records of a run that did not finish.
func read(run *store.Run) (*results.Summary, []results.StageHistograms, error) {
	if !run.Finished() {
		return run.Rebuild()
	}
	hs, err := run.Histograms()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // tables need none, and the percentile plot joins the quantiles of the summary
	}
	return run.Summary, hs, err
}
