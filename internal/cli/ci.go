package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/report/ci"
	"github.com/llmload/llmload/report/compare"
	"github.com/llmload/llmload/results"
)

// summaryVariable names the file that GitHub shows as a step's summary.
const summaryVariable = "GITHUB_STEP_SUMMARY"

// ciFlags are of every command that judges.
func ciFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "junit", Usage: "write the verdicts as JUnit XML to `FILE`, a case each"},
		&cli.BoolFlag{Name: "github", Usage: "annotate what did not pass (on stderr), and append tables to the file of $" + summaryVariable},
	}
}

// figureFlags are of every command that has a run's figures.
func figureFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "benchfmt", Usage: "write the figures in the Go benchmark format, which benchstat reads, to `FILE`"},
		&cli.StringFlag{Name: "action-benchmark", Usage: "write the figures for github-action-benchmark to `PREFIX`-smaller.json and PREFIX-bigger.json, by which is better"},
	}
}

// ciOutput is what a command writes beside its tables.
type ciOutput struct {
	junit, benchfmt, figures string
	github                   bool
}

// ciOptions reads the flags. What cannot be a file is refused before anything is measured.
func ciOptions(c *cli.Context) (ciOutput, error) {
	o := ciOutput{c.String("junit"), c.String("benchfmt"), c.String("action-benchmark"), c.Bool("github")}
	for name, file := range map[string]string{"junit": o.junit, "benchfmt": o.benchfmt, "action-benchmark": o.figures} {
		if info, err := os.Stat(filepath.Dir(file)); file != "" && (err != nil || !info.IsDir()) {
			return o, usage("--%s %s: there is no folder %s", name, file, filepath.Dir(file))
		}
		if info, err := os.Stat(file); name != "action-benchmark" && err == nil && info.IsDir() {
			return o, usage("--%s %s is a folder: name a file", name, file)
		}
	}
	return o, nil
}

// run writes what was asked for of finished runs.
func (o ciOutput) run(sys IO, runs ...*results.Summary) error {
	var cases []ci.Case
	var text bytes.Buffer
	var errs []error
	for _, s := range runs {
		cases = append(cases, ci.Cases(s)...)
	}
	errs = append(errs, report.WriteRuns(&text, runs, report.Options{Unicode: true, Markdown: true}))
	errs = append(errs, o.verdicts(sys, cases, &text))
	errs = append(errs, writeWith(o.benchfmt, func(w io.Writer) error { return ci.WriteBenchfmt(w, runs...) }))
	for suffix, bigger := range map[string]bool{"-smaller.json": false, "-bigger.json": true} {
		if o.figures == "" {
			break
		}
		errs = append(errs, writeWith(o.figures+suffix, func(w io.Writer) error { return ci.WriteActionBenchmark(w, bigger, runs...) }))
	}
	return errors.Join(errs...)
}

// comparison writes what was asked for of a comparison.
func (o ciOutput) comparison(sys IO, r *compare.Result) error {
	var text bytes.Buffer
	err := report.WriteComparison(&text, r, report.Options{Unicode: true, Markdown: true})
	return errors.Join(err, o.verdicts(sys, ci.GateCases(r), &text))
}

func (o ciOutput) verdicts(sys IO, cases []ci.Case, markdown *bytes.Buffer) error {
	err := writeWith(o.junit, func(w io.Writer) error { return ci.WriteJUnit(w, cases) })
	if !o.github {
		return err
	}
	err = errors.Join(err, ci.WriteAnnotations(sys.Err, cases))
	file, ok := sys.LookupEnv(summaryVariable)
	if !ok || file == "" {
		fmt.Fprintf(sys.Err, "llmload: $%s is not set, so no tables are appended to it\n", summaryVariable)
		return err
	}
	f, openErr := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	_, writeErr := f.Write(markdown.Bytes())
	return errors.Join(err, writeErr, f.Close())
}

// writeWith writes a file, or nothing where it has no name.
func writeWith(file string, write func(io.Writer) error) error {
	if file == "" {
		return nil
	}
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	return os.WriteFile(file, text.Bytes(), 0o644)
}
