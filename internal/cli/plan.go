package cli

import (
	"github.com/urfave/cli/v2"
)

func planCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "plan", Usage: "check a scenario and print the resolved plan and its hash; sends nothing",
		ArgsUsage: "[SCENARIO]",
		Description: example(
			"llmload plan chat.yaml",
			"llmload plan quickstart --seed 7",
		),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "endpoint", Usage: "plan for this `URL` instead of the scenario's target"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "send this `MODEL`"},
			&cli.Uint64Flag{Name: "seed", Usage: "use this `SEED` instead of the scenario's"},
		},
		Action: func(c *cli.Context) error {
			if err := onlyArgs(c, 1); err != nil {
				return err
			}
			plan, err := planFor(sys, c, c.Args().First())
			if err != nil {
				return err
			}
			text, err := plan.YAML()
			if err != nil {
				return err
			}
			_, err = sys.Out.Write(text)
			return err
		},
	}
}
