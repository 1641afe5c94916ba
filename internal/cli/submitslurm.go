package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/fixtures"
)

func slurmFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "go", Usage: "slurm: submit the job with sbatch; without, only write it"},
		&cli.StringFlag{Name: "partition", Usage: "slurm: the job's `PARTITION`"},
		&cli.StringFlag{Name: "time", Usage: "slurm: the job's limit of `TIME`, as sbatch takes it"},
		&cli.StringFlag{Name: "binary", Usage: "slurm: `PATH` of llmload on the nodes (default: that of this program)"},
	}
}

// slurmJob is what the script is made of.
type slurmJob struct {
	submission
	Log, Partition, Time string
	Lead                 int // seconds
}

// submitSlurm writes the job's script into the folder of the run and, with --go, submits it.
func submitSlurm(c *cli.Context, sys IO) error {
	file := c.Args().Get(1)
	plan, err := checked(sys, c, file)
	if err != nil {
		return err
	}
	if _, builtIn := fixtures.Scenario(file); !builtIn || exists(file) {
		if file, err = filepath.Abs(file); err != nil {
			return err
		}
	}
	j := slurmJob{submission: newSubmission(c, plan, file, c.String("out")), Partition: c.String("partition"), Time: c.String("time"), Lead: int(c.Duration("lead").Seconds())}
	if j.Out, err = filepath.Abs(j.Out); err != nil {
		return err
	}
	j.folders(filepath.Join)
	j.Log = filepath.Join(j.Out, "job.log")
	binary := c.String("binary")
	if binary == "" {
		if binary, err = os.Executable(); err != nil {
			return fmt.Errorf("--binary is not set, and this program does not know its path: %w", err)
		}
	}
	j.Run, j.Merge = append([]string{binary}, j.Run...), append([]string{binary}, j.Merge...)
	for _, word := range append(j.Run, j.Log, j.Partition, j.Time) {
		if strings.ContainsAny(word, "\n\r") {
			return usage("%q holds a line break, which a job's script cannot", word)
		}
	}
	text, err := render("slurm.sh", j)
	if err != nil {
		return err
	}
	script := filepath.Join(j.Out, "job.sh")
	if err := writeScript(script, text); err != nil {
		return err
	}
	if !c.Bool("go") {
		_, err := fmt.Fprintf(sys.Out, "%s\nsbatch %s\n", script, shellWord(script))
		return err
	}
	return sbatch(c, sys, script)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// writeScript writes a file that must be new: a folder serves one run.
func writeScript(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of the run: %w; choose another with --out", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return usage("%s is there already: each run needs a folder of its own, choose another with --out", name)
	}
	if err != nil {
		return fmt.Errorf("cannot write the job: %w; choose another folder with --out", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func sbatch(c *cli.Context, sys IO, script string) error {
	cmd := exec.CommandContext(c.Context, "sbatch", script)
	cmd.Stdout, cmd.Stderr = sys.Out, sys.Err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("sbatch %s: %w", script, err)
	}
	return nil
}
