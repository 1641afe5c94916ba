package cli

import (
	"errors"
	"fmt"
	"io/fs"
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
			"llmload report RUN --dialect vllm               what vllm bench serve would have reported of the same requests",
		) + "\n\nA run that was killed has a summary without figures; report makes them from its records.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "`FORMAT`: " + strings.Join(reportFormats, ", ")},
			&cli.BoolFlag{Name: "json", Usage: "the same as --format json: the summary on stdout, and nothing else there"},
			&cli.StringFlag{Name: "dialect", Usage: "add the figures of `TOOL`: vllm, guidellm, aiperf or inference-perf"},
			&cli.StringFlag{Name: "plots", Usage: "draw into `DIR` (default: plots in the run folder; of several runs " + overlayDir + ")"},
		},
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
	*store.Run
	summary *results.Summary
	hs      []results.StageHistograms
}

func reportRuns(sys IO, c *cli.Context) error {
	format, tool, err := reportFlags(c)
	if err != nil {
		return err
	}
	var runs []opened
	var summaries []*results.Summary
	for _, dir := range c.Args().Slice() {
		run, err := store.Open(dir)
		if err != nil {
			return asUsage(err)
		}
		s, hs, err := read(run)
		if err != nil {
			return err
		}
		runs, summaries = append(runs, opened{run, s, hs}), append(summaries, s)
	}
	switch {
	case format == "json" && len(runs) == 1:
		return printJSON(sys.Out, summaries[0])
	case format == "json":
		return printJSON(sys.Out, summaries)
	case format == "csv":
		return report.WriteCSV(sys.Out, summaries)
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
		stages, err := tool.Compute(r.Records())
		if err != nil {
			return err
		}
		if len(runs) > 1 {
			fmt.Fprintf(sys.Out, "\n%s\n", r.summary.Run.ID)
		}
		if err := report.WriteDialect(sys.Out, r.summary, tool, stages, o); err != nil {
			return err
		}
	}
	return nil
}

// drawRuns draws plots, several runs laid over one another, and says where: the last line on stdout, but for Markdown, which
// goes into a page.
func drawRuns(sys IO, c *cli.Context, runs []opened, quiet bool) error {
	dir, last := filepath.Join(runs[0].Dir, "plots"), runs[0].Dir
	if len(runs) > 1 {
		dir, last = overlayDir, overlayDir
	}
	if c.IsSet("plots") {
		dir, last = c.String("plots"), c.String("plots")
	}
	var drawn []report.Run
	for _, r := range runs {
		drawn = append(drawn, report.Run{Summary: r.summary, Histograms: r.hs})
	}
	if _, err := report.WritePlots(dir, drawn...); err != nil {
		fmt.Fprintf(sys.Err, "llmload: no plots: %v\n", err)
	}
	if quiet {
		return nil
	}
	_, err := fmt.Fprintln(sys.Out, last)
	return err
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
