package cli

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/simulate"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// simulateScenario replays a scenario on the mock's engine in virtual time and prints what a run would.
func simulateScenario(c *cli.Context, sys IO) error {
	for _, flag := range []string{"addr", "admin", "truth", "while-stdin"} {
		if c.IsSet(flag) {
			return usage("--%s has no meaning with --simulate, which serves nothing: leave it out", flag)
		}
	}
	l, err := loadSpec(sys, c.String("simulate"))
	if err != nil {
		return err
	}
	plan, err := l.resolve()
	if err != nil {
		return err
	}
	cfg, err := simulatedMock(c, sys, plan)
	if err != nil {
		return err
	}
	if err := presetFrom(c, sys, &cfg); err != nil {
		return err
	}
	res, err := simulate.Run(c.Context, plan, cfg)
	if err != nil {
		return asUsage(err)
	}
	summary, err := simulated(plan, res)
	if err != nil {
		return err
	}
	note := simulationNote(plan, cfg)
	if c.Bool("json") {
		fmt.Fprintln(sys.Err, "llmload: "+note)
		err = printJSON(sys.Out, summary)
	} else if err = report.WriteTables(sys.Out, summary, sys.tableOptions()); err == nil {
		_, err = fmt.Fprintln(sys.Out, note)
	}
	return verdict(summary, err)
}

// simulatedMock is the config of the mock: a file of its own, else the target's.
func simulatedMock(c *cli.Context, sys IO, plan *scenarios.Plan) (mockserver.Config, error) {
	switch {
	case c.IsSet("config"):
		return mockConfig(sys, c.String("config"))
	case c.IsSet("preset-from"):
		return mockserver.Config{}, nil
	case plan.Target.Endpoint != "":
		return mockserver.Config{}, usage("the scenario's target is an endpoint, which cannot be simulated: say with --config FILE what the mock is to be like")
	}
	cfg, err := mockserver.ParseConfig(plan.Target.Mock)
	return cfg, asUsage(err)
}

// simulated is the summary of a simulation. It carries no time of day and no machine: the same seed gives the same bytes.
func simulated(plan *scenarios.Plan, res *simulate.Result) (*results.Summary, error) {
	hash, err := plan.Hash()
	if err != nil {
		return nil, err
	}
	return &results.Summary{
		SchemaVersion: results.SchemaVersion,
		Run: results.Run{
			ID: "simulated", Name: plan.Name, Seed: plan.Seed, PlanSHA256: hash, ToolVersion: version(), Interrupted: res.Interrupted,
		},
		Target: results.Target{Endpoint: "simulated", Model: res.Model, Mock: true, GPUs: plan.Target.GPUs},
		Valid:  len(res.Invalid) == 0, InvalidReasons: res.Invalid, Conservation: res.Conservation,
		Stages: res.Stages, Thresholds: res.Thresholds(plan), Budget: res.Budget,
	}, nil
}

// simulationNote says what a run would add.
func simulationNote(plan *scenarios.Plan, cfg mockserver.Config) string {
	note := "simulated in virtual time: the wire, the client's own time and limits, faults and rate limits are left out"
	if out := simulate.LeftOut(plan, cfg); len(out) > 0 {
		note += "; this scenario has " + strings.Join(out, ", ")
	}
	return note
}
