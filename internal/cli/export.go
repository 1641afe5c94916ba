package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/interop"
	"github.com/llmload/llmload/results/store"
)

// exportFormats are what export writes, and who reads it.
var exportFormats = []struct{ name, what string }{
	{"vegeta", "binary results for `vegeta report` and `vegeta plot`"},
	{"csv", "a table with a line a request"},
	{"hlog", "HdrHistogram log, nanoseconds, every stage and metric"},
	{"hgrm", "HdrHistogram percentiles of one --stage and --metric, milliseconds, for its plotter"},
	{"openmetrics", "the summary as text for Prometheus"},
}

func exportCommand(sys IO) *cli.Command {
	var what []string
	for _, f := range exportFormats {
		what = append(what, fmt.Sprintf("  %-12s %s", f.name, f.what))
	}
	return &cli.Command{
		Name: "export", Usage: "write a run in another tool's format",
		ArgsUsage: "RUN",
		Description: example(
			"llmload export RUN --format vegeta -o run.bin      then: vegeta report run.bin; vegeta plot run.bin > plot.html",
			"llmload export RUN --format csv | head",
			"llmload export RUN --format hgrm --stage c=8 --metric ttft -o ttft.hgrm",
		) + "\n\nFormats:\n" + strings.Join(what, "\n") + "\n\nWhat each holds, and what it has no place for: docs/interop.md.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Usage: "`FORMAT`, one of the above"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "-", Usage: "write to `FILE`, whole or not at all; - is stdout"},
			&cli.StringFlag{Name: "stage", Usage: "hgrm: of this `STAGE` (may be left out where there is only one)"},
			&cli.StringFlag{Name: "metric", Value: string(metric.E2E), Usage: "hgrm: of this `METRIC`; ttft and e2e of an open loop count from the intended time"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usage("export needs the folder of one run, such as %s/ID", runsDir)
			}
			return export(sys, c)
		},
	}
}

func export(sys IO, c *cli.Context) error {
	format, to := c.String("format"), c.String("output")
	if !slices.ContainsFunc(exportFormats, func(f struct{ name, what string }) bool { return f.name == format }) {
		return usage("--format %q: write one of %s", format, strings.Join(formatNames(), ", "))
	}
	if _, terminal := terminalWidth(sys.Out); terminal && to == "-" && format == "vegeta" {
		return usage("vegeta results are binary: name a file with -o, or pipe them to `vegeta report`")
	}
	run, err := store.Open(c.Args().First())
	if err != nil {
		return asUsage(err)
	}
	write, err := exporter(c, run, format)
	if err != nil {
		return err
	}
	return sys.writeTo(to, write)
}

func formatNames() (names []string) {
	for _, f := range exportFormats {
		names = append(names, f.name)
	}
	return names
}

// exporter makes the function that writes the format. What needs no figures takes the records as they are.
func exporter(c *cli.Context, run *store.Run, format string) (func(io.Writer) error, error) {
	if format == "vegeta" || format == "csv" {
		if err := holdsRequests(run, format); err != nil {
			return nil, err
		}
	}
	switch format {
	case "vegeta":
		return func(w io.Writer) error { return interop.Vegeta(w, run.Summary, run.Records()) }, nil
	case "csv":
		return func(w io.Writer) error { return interop.CSV(w, run.Records()) }, nil
	}
	s, hs, err := read(run)
	switch {
	case err != nil:
		return nil, err
	case format == "openmetrics":
		return func(w io.Writer) error { return interop.OpenMetrics(w, s) }, nil
	case len(hs) == 0:
		return nil, fmt.Errorf("%s holds no histograms: no request succeeded, or it was imported from a file without requests", run.Dir)
	case format == "hlog":
		return func(w io.Writer) error { return store.WriteHistograms(w, s.Run.StartedAt, hs) }, nil
	}
	return percentiles(s, hs, c.String("stage"), metric.Name(c.String("metric")))
}

// holdsRequests refuses what would be an empty file: vegeta's holds the requests that count, and a table all. One that
// cannot be read is left to the export, which says where.
func holdsRequests(run *store.Run, format string) error {
	for r, err := range run.Records() {
		if err != nil || format == "csv" || r.Measured() && r.Outcome != results.Cancelled {
			return nil
		}
	}
	if from := run.Summary.Run.Imported; from != nil {
		return fmt.Errorf("%s holds no requests: it was imported from %s, a file of figures alone, which --format openmetrics writes", run.Dir, from.File)
	}
	return fmt.Errorf("%s holds no measured requests, so there is nothing to write", run.Dir)
}

// percentiles finds the one distribution that an .hgrm file holds.
func percentiles(s *results.Summary, hs []results.StageHistograms, stage string, name metric.Name) (func(io.Writer) error, error) {
	var stages []string
	for _, h := range hs {
		stages = append(stages, h.Stage)
	}
	if stage == "" && len(stages) == 1 {
		stage = stages[0]
	}
	i := slices.Index(stages, stage)
	if i < 0 {
		return nil, usage("hgrm holds one stage: choose it with --stage, one of %s", strings.Join(stages, ", "))
	}
	info, _ := metric.Lookup(string(name))
	at := slices.IndexFunc(s.Stages, func(s results.StageSummary) bool { return s.Name == stage })
	if at >= 0 && s.Stages[at].Load.Mode == "open" && hs[i].Metrics[info.Open] != nil {
		name = info.Open
	}
	if hs[i].Metrics[name] == nil {
		var have []string
		for _, m := range metric.All() {
			if hs[i].Metrics[m.Name] != nil {
				have = append(have, string(m.Name))
			}
		}
		return nil, usage("stage %s has no values of %s%s; it has %s", stage, name, didYouMean(string(name), have), strings.Join(have, ", "))
	}
	failed := int64(0)
	if at >= 0 && s.Stages[at].Metrics[name] != nil {
		failed = s.Stages[at].Metrics[name].Failed
	}
	return func(w io.Writer) error { return interop.Percentiles(w, hs[i], name, failed) }, nil
}

// writeTo writes to stdout, or a file that appears whole or not at all.
func (sys IO) writeTo(path string, write func(io.Writer) error) error {
	if path == "-" {
		return buffered(sys.Out, write)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return usage("%s is a folder: name a file", path)
	case err == nil && !info.Mode().IsRegular(): // a pipe or a device cannot be replaced
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(buffered(f, write), f.Close())
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("cannot write to %s: %w", filepath.Dir(path), err)
	}
	err = errors.Join(buffered(f, write), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
