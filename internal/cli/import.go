package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/results/interop"
	"github.com/llmload/llmload/results/store"
)

func importCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "import", Usage: "make a run folder of another tool's result file",
		ArgsUsage: "FILE",
		Description: example(
			"llmload import bench.json            of vllm bench serve --save-result --save-detailed",
			"llmload import benchmarks.json       of GuideLLM",
			"llmload import profile_export.jsonl  of AIPerf; profile_export_aiperf.json beside it says what load was offered",
		) + "\n\nreport and compare serve an imported run like any other. What the file does not hold is unknown, and a warning names it: docs/interop.md.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "the run folder itself `DIR` (default: " + runsDir + "/ID)"},
			&cli.StringFlag{Name: "name", Usage: "`NAME` of the run (default: the label in the file, or the tool)"},
			&cli.StringSliceFlag{Name: "label", Usage: "`KEY=VALUE` kept with the run; may be repeated"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usage("import needs one result file; see llmload import --help")
			}
			return importFile(sys, c)
		},
	}
}

func importFile(sys IO, c *cli.Context) error {
	name := c.Args().First()
	kept, err := labels(c.StringSlice("label"))
	if err != nil {
		return err
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return usage("cannot read the result file: %v", err)
	}
	in, err := interop.Read(name, src, func(other string) ([]byte, error) { return os.ReadFile(filepath.Join(filepath.Dir(name), other)) })
	if err != nil {
		return asUsage(err)
	}
	run := &in.Summary.Run
	run.ToolVersion, run.Labels = version(), kept
	if c.IsSet("name") {
		run.Name = c.String("name")
	}
	run.ID = store.NewID(run.StartedAt, run.Name, uint16(rand.Uint32()))
	dir := c.String("out")
	if dir == "" {
		dir = filepath.Join(runsDir, run.ID)
	}
	if err := save(dir, in); err != nil {
		return err
	}
	for i := range in.Summary.Stages {
		for _, w := range in.Summary.Stages[i].Warnings {
			fmt.Fprintf(sys.Err, "llmload: %s: %s\n", in.Summary.Stages[i].Name, w)
		}
	}
	_, err = fmt.Fprintln(sys.Out, dir)
	return err
}

// save makes the run folder. The plan that was carried out is not known.
func save(dir string, in *interop.Import) error {
	from := in.Summary.Run.Imported
	plan := fmt.Sprintf("# imported from %q of %s %s: what it sent is not known\nname: %q\n", from.File, from.Tool, from.Version, in.Summary.Run.Name)
	initial := *in.Summary
	initial.Stages, initial.Run.FinishedAt = nil, time.Time{}
	w, err := store.Create(dir, []byte(plan), &initial)
	if errors.Is(err, fs.ErrExist) {
		return asUsage(err)
	}
	if err != nil {
		return err
	}
	for _, r := range in.Records {
		_ = w.Append(r) // what the store loses it counts, and Finish says it
	}
	return w.Finish(in.Summary, in.Histograms)
}
