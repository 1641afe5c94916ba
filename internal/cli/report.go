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

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/dialect"
	"github.com/llmload/llmload/results/store"
)

// overlayDir is where the plots of several runs go unless --plots names another.
const overlayDir = "results/plots"

// reportFormats are how report prints.
var reportFormats = []string{"table", "markdown", "csv", "json"}

func reportCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "print the tables of finished runs and draw their plots again",
		ArgsUsage: "RUN...",
		Description: example(
			"llmload report results/runs/20260102T150405Z-quickstart-abcd",
			"llmload report BASE NEW                         both in one table, and laid over one another in "+overlayDir,
			"llmload report RUN --format markdown >> \"$GITHUB_STEP_SUMMARY\"",
			"llmload report RUN --format csv | column -s, -t",
			"llmload report BASE NEW --html both.html        one page with the runs laid over one another",
			"llmload report RUN --dialect vllm               what vllm bench serve would have reported of the same requests",
		) + "\n\nA run that was killed has a summary without figures; report makes them from its records.",
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "`FORMAT`: " + strings.Join(reportFormats, ", ")},
			&cli.BoolFlag{Name: "json", Usage: "the same as --format json: the summary on stdout, and nothing else there"},
			&cli.StringFlag{Name: "dialect", Usage: "add the figures of `TOOL`: vllm, guidellm, aiperf or inference-perf"},
			&cli.StringFlag{Name: "html", Usage: "write the page to `FILE` (default: report.html in the run folder; of several runs, or with --plots, beside the plots)"},
			&cli.StringFlag{Name: "plots", Usage: "draw into `DIR` (default: plots in the run folder; of several runs " + overlayDir + ")"},
		}, ciFlags(), figureFlags()),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usage("report needs the folder of a run, such as %s/ID", runsDir)
			}
			return reportRuns(sys, c)
		},
	}
}

// opened is a run folder with its figures.
type opened struct {
	folder *store.Run
	report.Run
}

func reportRuns(sys IO, c *cli.Context) error {
	files, err := ciOptions(c)
	if err != nil {
		return err
	}
	format, tool, err := reportFlags(c)
	if err != nil {
		return err
	}
	runs, summaries, err := openRuns(c.Args().Slice())
	if err != nil {
		return err
	}
	if err := printRuns(sys, c, runs, summaries, format, tool); err != nil {
		return err
	}
	return files.run(sys, summaries...)
}

func openRuns(dirs []string) (runs []opened, summaries []*results.Summary, err error) {
	for _, dir := range dirs {
		run, err := store.Open(dir)
		if err != nil {
			return nil, nil, asUsage(err)
		}
		s, hs, err := read(run)
		if err != nil {
			return nil, nil, err
		}
		runs, summaries = append(runs, opened{run, report.Run{Summary: s, Histograms: hs}}), append(summaries, s)
	}
	return runs, summaries, nil
}

func printRuns(sys IO, c *cli.Context, runs []opened, summaries []*results.Summary, format string, tool *dialect.Tool) error {
	if format == "json" || format == "csv" {
		if err := printData(sys, summaries, format); err != nil || !c.IsSet("html") && !c.IsSet("plots") {
			return err
		}
		return drawRuns(sys, c, runs, true)
	}
	options := sys.tableOptions()
	options.Markdown = format == "markdown"
	if err := report.WriteRuns(sys.Out, summaries, options); err != nil {
		return err
	}
	if tool != nil {
		if err := writeDialects(sys, runs, tool, options); err != nil {
			return err
		}
	}
	return drawRuns(sys, c, runs, options.Markdown)
}

// printData prints for programs, which want nothing drawn unless they say where.
func printData(sys IO, summaries []*results.Summary, format string) error {
	switch {
	case format == "csv":
		return report.WriteCSV(sys.Out, summaries)
	case len(summaries) == 1:
		return printJSON(sys.Out, summaries[0])
	}
	return printJSON(sys.Out, summaries)
}

func reportFlags(c *cli.Context) (format string, tool *dialect.Tool, err error) {
	format = c.String("format")
	if c.Bool("json") {
		format = "json"
	}
	if !slices.Contains(reportFormats, format) {
		return "", nil, usage("--format %q: write one of %s%s", format, strings.Join(reportFormats, ", "), didYouMean(format, reportFormats))
	}
	if name := c.String("dialect"); name != "" {
		if format == "json" || format == "csv" {
			return "", nil, usage("--dialect is printed as a table: leave --format %s out", format)
		}
		if tool, err = dialect.Lookup(name); err != nil {
			return "", nil, usage("--dialect: %v", err)
		}
	}
	return format, tool, nil
}

func writeDialects(sys IO, runs []opened, tool *dialect.Tool, o report.Options) error {
	for _, r := range runs {
		stages, err := tool.Compute(r.folder.Records())
		if err != nil {
			return err
		}
		if len(runs) > 1 {
			fmt.Fprintf(sys.Out, "\n%s\n", r.Summary.Run.ID)
		}
		if err := report.WriteDialect(sys.Out, r.Summary, tool, stages, o); err != nil {
			return err
		}
	}
	return nil
}

// drawRuns draws plots and the page, several runs laid over one another, and says where: the last line on stdout, but for
// what goes into a page or a program itself.
func drawRuns(sys IO, c *cli.Context, runs []opened, quiet bool) error {
	plots, last := filepath.Join(runs[0].folder.Dir, plotsDir), runs[0].folder.Dir
	if len(runs) > 1 {
		plots, last = overlayDir, overlayDir
	}
	html := filepath.Join(last, pageFile)
	if c.IsSet("plots") {
		plots, last = c.String("plots"), c.String("plots")
		html = filepath.Join(plots, pageFile)
	}
	drawn := make([]report.Run, len(runs))
	for i, r := range runs {
		drawn[i] = r.Run
		drawn[i].Requests, drawn[i].Knee = sys.digest(r.folder), storedKnee(r.folder.Dir)
	}
	sys.plots(plots, drawn...)
	if c.IsSet("html") {
		if err := writePage(c.String("html"), drawn...); err != nil {
			return &exitError{exitRun, fmt.Errorf("no page: %w", err)}
		}
	} else {
		sys.page(html, drawn...)
	}
	if quiet {
		return nil
	}
	_, err := fmt.Fprintln(sys.Out, last)
	return err
}

// digest reads a run's records for its page. Without them, nil, a page shows no single request.
func (sys IO) digest(run *store.Run) *report.Digest {
	d, read, failed := new(report.Digest), 0, false
	for rec, err := range run.Records() {
		if err != nil {
			fmt.Fprintf(sys.Err, "llmload: the page lacks requests: %v\n", err)
			failed = true
			continue
		}
		d.Add(rec)
		read++
	}
	if failed && read == 0 {
		return nil
	}
	return d
}

// The names in a run folder of what is to be looked at.
const (
	plotsDir = "plots"
	pageFile = "report.html"
)

// draw puts into a run folder what is to be looked at. A run is none the worse for lacking it.
func (sys IO) draw(dir string, r report.Run) {
	sys.plots(filepath.Join(dir, plotsDir), r)
	sys.page(filepath.Join(dir, pageFile), r)
}

func (sys IO) plots(dir string, runs ...report.Run) {
	if _, err := report.WritePlots(dir, runs...); err != nil {
		fmt.Fprintf(sys.Err, "llmload: no plots: %v\n", err)
	}
}

func (sys IO) page(file string, runs ...report.Run) {
	if err := writePage(file, runs...); err != nil {
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
