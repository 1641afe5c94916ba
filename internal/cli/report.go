package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

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
			"llmload report RUN OTHER --html both.html          one page with the runs laid over one another",
		) + "\n\nA run that was killed has a summary without figures; report makes them from its records.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "html", Usage: "write one page of all the runs to `FILE`, instead of each run's own report.html"},
			&cli.BoolFlag{Name: "json", Usage: "print the summary as JSON on stdout, and nothing else there"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usage("report needs the folder of a run, such as %s/ID", runsDir)
			}
			return reportRuns(sys, c.Args().Slice(), c.String("html"), c.Bool("json"))
		},
	}
}

// reportRuns reports run after run. One page of all is written to html where that names a file.
func reportRuns(sys IO, dirs []string, html string, asJSON bool) error {
	var all []report.Run
	for _, dir := range dirs {
		run, err := reportRun(sys, dir, html == "", asJSON)
		if err != nil {
			return err
		}
		all = append(all, run)
	}
	if html == "" {
		return nil
	}
	if err := writePage(html, all...); err != nil {
		return &exitError{exitRun, fmt.Errorf("no page: %w", err)}
	}
	return nil
}

// reportRun prints a run and, unless its summary alone is wanted, draws it again into its folder.
func reportRun(sys IO, dir string, page, asJSON bool) (r report.Run, err error) {
	run, err := store.Open(dir)
	if err != nil {
		return r, asUsage(err)
	}
	if r.Summary, r.Histograms, err = read(run); err != nil {
		return r, err
	}
	if !asJSON || !page {
		r.Requests = sys.digest(run)
	}
	if asJSON {
		return r, printJSON(sys.Out, r.Summary)
	}
	if err := report.WriteTables(sys.Out, r.Summary, sys.tableOptions()); err != nil {
		return r, err
	}
	sys.plots(dir, r)
	if page {
		sys.page(dir, r)
	}
	_, err = fmt.Fprintln(sys.Out, dir)
	return r, err
}

// digest reads a run's records for its page, which without them shows no single request.
func (sys IO) digest(run *store.Run) *report.Digest {
	d := new(report.Digest)
	for rec, err := range run.Records() {
		if err != nil {
			fmt.Fprintf(sys.Err, "llmload: the page lacks requests: %v\n", err)
			continue
		}
		d.Add(rec)
	}
	return d
}

// draw puts into a run folder what is to be looked at. A run is none the worse for lacking it.
func (sys IO) draw(dir string, r report.Run) {
	sys.plots(dir, r)
	sys.page(dir, r)
}

func (sys IO) plots(dir string, r report.Run) {
	if _, err := report.WritePlots(filepath.Join(dir, "plots"), r); err != nil {
		fmt.Fprintf(sys.Err, "llmload: no plots: %v\n", err)
	}
}

// pageFile is a run's page in its folder.
const pageFile = "report.html"

func (sys IO) page(dir string, r report.Run) {
	if err := writePage(filepath.Join(dir, pageFile), r); err != nil {
		fmt.Fprintf(sys.Err, "llmload: no page: %v\n", err)
	}
}

// writePage puts a page in place. What is there already stays until the new one is whole.
func writePage(path string, runs ...report.Run) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	err = errors.Join(report.WriteHTML(f, runs...), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
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
