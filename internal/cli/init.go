package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"
)

// starter is a scenario to begin with. Its comments say what a beginner changes.
const starter = `# A scenario: what is sent, when, and what must hold. Every key: docs/scenario.md
# llmload plan %[1]s   checks it and sends nothing
# llmload run %[1]s    carries it out
name: my-server
seed: 42
target: {endpoint: "http://127.0.0.1:8000"}   # your server; without a target the bundled mock
# target: {endpoint: "https://host/v1", api_key: "${LLMLOAD_API_KEY}"}
workload:
  prompts: {synthetic: {input_tokens: 512}, cache: cold}
  output: {tokens: 128, mode: exact}
load:
  closed: {concurrency: [1, 4, 16]}           # or open: {rate: [2/s, 4/s]}, arrivals that do not wait for answers
  requests: 320
  warmup: {requests: 16}
slo: {ttft: 500ms, tpot: 50ms}
thresholds: ["ttft.p95 < 500ms", "success_rate >= 0.99"]
`

func initCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "init", Usage: "write a scenario to begin with",
		ArgsUsage:   "[FILE]",
		Description: example("llmload init chat.yaml", "llmload plan chat.yaml") + "\n\nWithout FILE it is scenario.yaml. A file that is there is left alone.",
		Action: func(c *cli.Context) error {
			if err := onlyArgs(c, 1); err != nil {
				return err
			}
			name := c.Args().First()
			if name == "" {
				name = "scenario.yaml"
			}
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if errors.Is(err, fs.ErrExist) {
				return usage("%s is there already: name another file", name)
			}
			if err != nil {
				return fmt.Errorf("cannot write the scenario: %w", err)
			}
			_, err = fmt.Fprintf(f, starter, name)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			_, err = fmt.Fprintf(sys.Out, "%s\n", name)
			return err
		},
	}
}
