package cli

import (
	"embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/results/store"
	"github.com/llmload/llmload/scenarios"
)

//go:embed templates
var templates embed.FS

// render fills one of the templates.
func render(name string, data any) (string, error) {
	funcs := template.FuncMap{
		"shell": shellWord,
		"words": func(words []string) string {
			quoted := make([]string, len(words))
			for i, w := range words {
				quoted[i] = shellWord(w)
			}
			return strings.Join(quoted, " ")
		},
		"json": func(v any) (string, error) { // JSON is YAML, with no doubt where a value ends
			text, err := json.Marshal(v)
			return string(text), err
		},
	}
	t, err := template.New(name).Funcs(funcs).ParseFS(templates, "templates/"+name)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, data)
	return out.String(), err
}

func submitCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "submit", Usage: "hand a run of many shards to a job engine: slurm, or kubernetes",
		ArgsUsage: "slurm|kubernetes SCENARIO",
		Description: example(
			"llmload submit slurm chat.yaml --nodes 4 --endpoint http://gpu1:8000 --out /shared/run1 --go",
			"llmload submit kubernetes chat.yaml --shards 4 --image registry/llmload:1 --claim runs --endpoint http://vllm:8000 > run.yaml",
		) + "\n\nllmload keeps no queue and no agent: the engine starts the shards, each waits for the start that all agreed on, and a merge makes one run of them.",
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "shards", Aliases: []string{"nodes"}, Usage: "how many machines share the load, `N`"},
			&cli.StringFlag{Name: "endpoint", Usage: "load this `URL` instead of the scenario's target"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "send this `MODEL`"},
			&cli.Uint64Flag{Name: "seed", Usage: "use this `SEED` instead of the scenario's"},
			metricsFlag(),
			&cli.StringSliceFlag{Name: "label", Usage: "`KEY=VALUE` kept with each shard's run; may be repeated"},
			&cli.StringFlag{Name: "out", Usage: "`DIR` that all machines see, for the shards' folders and merged (default: " + runsDir + "/ID; with kubernetes, /runs/NAME on the volume)"},
			&cli.BoolFlag{Name: "yes", Usage: "load an address outside this machine and network without asking"},
			&cli.DurationFlag{Name: "lead", Value: 20 * time.Second, Usage: "how long all may take to be ready, once started"},
		}, append(slurmFlags(), kubernetesFlags()...)...),
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return usage("submit needs an engine and a scenario: llmload submit slurm chat.yaml --nodes 4, or llmload submit kubernetes chat.yaml --shards 4 --image IMAGE --claim CLAIM")
			}
			submit, others := submitSlurm, kubernetesFlags()
			switch engine := c.Args().First(); engine {
			case "slurm":
			case "kubernetes":
				submit, others = submitKubernetes, slurmFlags()
			default:
				return usage("unknown engine %q%s: slurm and kubernetes are known", engine, didYouMean(engine, []string{"slurm", "kubernetes"}))
			}
			for _, f := range others {
				if name := f.Names()[0]; c.IsSet(name) {
					return usage("--%s is not for %s: leave it out", name, c.Args().First())
				}
			}
			return submit(c, sys)
		},
	}
}

// submission is what all engines are told.
type submission struct {
	Name       string
	Shards     int
	Out        string // the folder of the shards' folders
	Run, Merge []string
}

// checked is the plan, as each of the shards will read it: mistakes are found here, and not on n machines.
func checked(sys IO, c *cli.Context, file string) (*scenarios.Plan, error) {
	n := c.Int("shards")
	if n < 1 {
		return nil, usage("say how many machines share the load: --shards 4, or --nodes 4")
	}
	if c.Duration("lead") < time.Second { // less, and all shards would come too late
		return nil, usage("--lead %s is too short: shards need some seconds to be ready", c.Duration("lead"))
	}
	plan, err := planFor(sys, c, file)
	if err != nil {
		return nil, err
	}
	e := execution{plan: plan, barrier: barrier{shard: scenarios.Shard{Count: n}}}
	if err := e.prepare(); err != nil {
		return nil, err
	}
	if plan.Target.Endpoint == "" {
		return nil, usage("a job loads a server that is there: name it with --endpoint")
	}
	for place, addresses := range map[string][]string{"endpoint": {c.String("endpoint")}, "metrics": c.StringSlice("metrics")} {
		if strings.Contains(strings.Join(addresses, " "), "?") {
			return nil, usage("--%s would write what may be a key into a file: write the address as target.%s: ${NAME} in the scenario", place, place)
		}
	}
	_, err = labels(c.StringSlice("label"))
	return plan, err
}

// newSubmission says how a shard and the merge are called. The scenario's name is that on the machines.
func newSubmission(c *cli.Context, plan *scenarios.Plan, scenario, out string, start ...string) submission {
	id := store.NewID(time.Now(), plan.Name, uint16(rand.Uint32()))
	s := submission{Name: "llmload-" + id[strings.Index(id, "-")+1:], Shards: c.Int("shards"), Out: out}
	if s.Out == "" {
		s.Out = filepath.Join(runsDir, id)
	}
	s.Run = []string{"run", scenario}
	for _, name := range []string{"endpoint", "model", "seed"} {
		if c.IsSet(name) {
			s.Run = append(s.Run, "--"+name, fmt.Sprint(c.Value(name)))
		}
	}
	for _, name := range []string{"metrics", "label"} {
		for _, value := range c.StringSlice(name) {
			s.Run = append(s.Run, "--"+name, value)
		}
	}
	if c.Bool("yes") {
		s.Run = append(s.Run, "--yes")
	}
	s.Run = append(s.Run, start...)
	return s
}

// folders completes the calls, once it is known where the folders are.
func (s *submission) folders(join func(...string) string) {
	s.Run = append(s.Run, "--out", join(s.Out, "shard-{shard}"))
	s.Merge = append(s.Merge, "merge", s.Out, "--partial", "--out", join(s.Out, "merged"))
}
