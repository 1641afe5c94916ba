package cli

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/simulate"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/scenarios"
)

// simulate lets the search run on the mock's engine in virtual time, each probe on an empty server. No folder is left: the
// same command prints the same again.
func (h *hunt) simulate(c *cli.Context) error {
	if h.plan.Target.Endpoint != "" && !c.IsSet("preset-from") {
		return usage("an endpoint cannot be simulated: name a scenario whose target is the mock, leave the address out, or give a server like it with --preset-from")
	}
	if c.IsSet("out") {
		return usage("--out has no meaning with --simulate, which leaves no run folder")
	}
	cfg, err := mockserver.ParseConfig(h.plan.Target.Mock)
	if err != nil {
		return asUsage(err)
	}
	if err := presetFrom(c, h.sys, &cfg); err != nil {
		return err
	}
	h.first()
	for more := true; more; more = h.next() {
		last := len(h.plan.Stages) - 1
		one := *h.plan
		one.Stages = []scenarios.Stage{h.plan.Stages[last]}
		res, err := simulate.Records(c.Context, &one, cfg, h.add)
		if err != nil {
			return asUsage(err)
		}
		if res.Interrupted {
			return &exitError{exitInterrupted, errors.New("interrupted: a simulation keeps nothing")}
		}
		o := h.meter.Observe(h.probe)
		o.Stage = h.plan.Stages[last].Name
		complete(&o, &h.plan.Stages[last], &res.Stages[0])
		h.search.Observe(o)
		fmt.Fprintln(h.sys.Err, o)
	}
	return h.simulated()
}

// simulated prints the answer; it is judged as a measured one is.
func (h *hunt) simulated() (err error) {
	r := h.report()
	if h.json {
		err = printJSON(h.sys.Out, r)
	} else {
		err = r.Write(h.sys.Out, h.markdown)
	}
	if err == nil && !r.Reliable() {
		return &exitError{exitInvalid, nil}
	}
	return err
}
