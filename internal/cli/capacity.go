package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/report/capacity"
	"github.com/llmload/llmload/results/store"
	"github.com/llmload/llmload/scenarios"
)

func capacityCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "capacity", Usage: "find the highest rate inside an SLO, confirm it, and plan the fleet that a demand needs",
		ArgsUsage: "[URL|SCENARIO]",
		Description: example(
			"llmload capacity http://127.0.0.1:8000 --slo ttft.p99=500ms,tpot.p90=50ms",
			"llmload capacity --slo ttft.p99=100ms --time 2m            the same of the bundled mock, in two minutes",
			"llmload capacity chat.yaml --slo ttft=500ms,attainment=0.99  a scenario's first workload and its target",
			"llmload capacity capacity --simulate --slo ttft.p90=50ms    a scenario's mock in virtual time, in seconds",
			"llmload capacity --from RUN --peak 120/s --gpu-hour 2.5    what a demand needs, from what was measured",
			"llmload capacity --from RUN --what-if ttft.p99=1s           another SLO, judged by the same requests",
			"llmload capacity --fit RUN                                 the step model behind a sweep such as `llmload run sweep`",
		) + "\n\nAn = in an SLO is the side on which the metric is better. A latency without a quantile, as in ttft=500ms, bounds each\nrequest, and attainment is the share inside all of those (0.99 where it is not said).",
		Flags: append(append([]cli.Flag{
			&cli.StringFlag{Name: "slo", Usage: "`LIST` such as ttft.p99=500ms,tpot.p90=50ms or ttft=500ms,attainment=0.99 (default: the scenario's slo, else that the server keeps up)"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "send this `MODEL` (default: the only one of the server)"},
			&cli.IntFlag{Name: "isl", Value: defaultISL, Usage: "input tokens `N`, without a scenario"},
			&cli.IntFlag{Name: "osl", Value: defaultOSL, Usage: "output tokens `N`, without a scenario"},
			&cli.Uint64Flag{Name: "seed", Value: 42, Usage: "`SEED` of prompts and arrivals"},
			&cli.IntFlag{Name: "gpus", Usage: "a replica's accelerators `N`"},
			&cli.StringSliceFlag{Name: "header", Aliases: []string{"H"}, Usage: "`'NAME: VALUE'` sent with each request; may be repeated"},
			&cli.StringFlag{Name: "extra-body", Usage: "`JSON` object merged into each request's body"},
			&cli.BoolFlag{Name: "simulate", Usage: "send nothing: search on the mock's engine in virtual time, in seconds instead of minutes"},
			&cli.StringFlag{Name: "preset-from", Usage: "with --simulate: the engine that fits the sweep in the run folder `RUN`"},
			&cli.StringFlag{Name: "start", Usage: "first `RATE` (default: one request at a time)"},
			&cli.StringFlag{Name: "max-rate", Value: "1000/s", Usage: "no probe goes beyond this `RATE`"},
			&cli.IntFlag{Name: "stages", Value: 15, Usage: "probes `N` at most, with the two of the confirmation"},
			&cli.DurationFlag{Name: "time", Value: 30 * time.Minute, Usage: "`D` of all probes together at most"},
			&cli.StringFlag{Name: "tokens", Usage: "tokens `N` at most, input and output, such as 5M"},
			&cli.Float64Flag{Name: "usd", Usage: "`USD` at most, with --input-price and --output-price"},
			&cli.Float64Flag{Name: "precision", Value: 0.03, Usage: "half of the interval, as a `SHARE` of the rate, at which the search is content"},
		}, planFlags()...), outputFlags()...),
		Action: func(c *cli.Context) error { return capacityAction(c, sys) },
	}
}

// capacityAction chooses between measuring and reading what was measured.
func capacityAction(c *cli.Context, sys IO) error {
	if err := onlyArgs(c, 1); err != nil {
		return err
	}
	fleet, err := fleetFlags(c, sys)
	if err != nil {
		return err
	}
	from, fit := c.String("from"), c.String("fit")
	if err := onlySearching(c, from != "" || fit != ""); err != nil {
		return err
	}
	switch {
	case from != "" && fit != "", (from != "" || fit != "") && c.NArg() > 0:
		return usage("an address or scenario, --from and --fit exclude each other: leave one")
	case fit != "":
		return printFit(c, sys, fit)
	case from != "":
		return planFrom(c, sys, from, fleet)
	}
	return searchCapacity(c, sys, fleet)
}

// onlySearching refuses what steers a search where none is made, and a fitted engine where nothing is simulated.
func onlySearching(c *cli.Context, stored bool) error {
	if c.IsSet("preset-from") && !c.Bool("simulate") {
		return usage("--preset-from goes with --simulate")
	}
	if c.IsSet("window") && c.String("trace") == "" {
		return usage("--window goes with --trace")
	}
	if !stored {
		return nil
	}
	for _, name := range []string{
		"model", "isl", "osl", "seed", "header", "extra-body", "simulate", "start", "max-rate", "stages", "time", "tokens", "usd", "precision", "out", "label", "metrics-addr",
	} {
		if c.IsSet(name) {
			return usage("--%s has no meaning with --from or --fit, which send nothing", name)
		}
	}
	return nil
}

// searchCapacity measures.
func searchCapacity(c *cli.Context, sys IO, fleet fleetRequest) error {
	plan, err := capacityPlan(c, sys)
	if err != nil {
		return err
	}
	h, err := newHunt(c, sys, plan, fleet)
	if err != nil {
		return err
	}
	if c.Bool("simulate") {
		return h.simulate(c)
	}
	if part, from := engineShard(sys); part != "" && !strings.HasPrefix(part, "0/") {
		return usage("this is task %s of a job (%s), and searches side by side measure each other: start one, as `srun -n 1 llmload capacity` does", part, from)
	}
	if err := claimable(c.String("out")); err != nil {
		return err
	}
	if err := sys.confirm(c.Context, plan, c.Bool("yes")); err != nil {
		return err
	}
	e := &execution{sys: sys, plan: plan}
	stop, err := e.open(c.Context)
	if err != nil {
		return err
	}
	defer stop()
	if plan.Model, err = resolveModel(c.Context, plan, e.target.Endpoint(), c.String("model")); err != nil {
		return err
	}
	if err := h.lookAtServer(c.Context, e.target.Endpoint()); err != nil {
		return err
	}
	h.first()
	e.began = func(w *store.Writer) { h.writer = w }
	e.tap, e.after, e.conclude, e.judge = h.add, h.after, h.conclude, h.verdict
	e.knee = func() *report.Knee { return kneeOf(h.report().Answer) }
	return runPlan(c, sys, plan, e)
}

// capacityPlan is the plan whose first stage says what is sent: of a scenario, or of the flags that bench has too.
func capacityPlan(c *cli.Context, sys IO) (*scenarios.Plan, error) {
	arg := c.Args().First()
	if isAddress(arg) || arg == "" {
		return flagsPlan(c, sys, arg)
	}
	for _, name := range []string{"isl", "osl", "gpus", "header", "extra-body"} {
		if c.IsSet(name) {
			return nil, usage("--%s has no meaning beside a scenario: write it there", name)
		}
	}
	l, err := loadSpec(sys, arg)
	if err != nil {
		return nil, err
	}
	if c.IsSet("seed") {
		l.spec.Seed = c.Uint64("seed")
	}
	return l.resolve()
}

// isAddress tells a server from a scenario.
func isAddress(arg string) bool {
	host, port, ok := strings.Cut(arg, ":")
	return strings.Contains(arg, "://") || ok && host != "" && port != "" && strings.Trim(port, "0123456789/v") == ""
}

func flagsPlan(c *cli.Context, sys IO, endpoint string) (*scenarios.Plan, error) {
	for _, name := range []string{"isl", "osl", "gpus"} {
		if c.IsSet(name) && c.Int(name) < 1 {
			return nil, usage("--%s must be above 0", name)
		}
	}
	b := &benchFlags{
		endpoint: endpoint, rates: []string{"1/s"}, requests: 1, seed: c.Uint64("seed"), isl: c.Int("isl"), osl: c.Int("osl"),
		gpus: c.Int("gpus"), exact: true, lookupEnv: sys.LookupEnv,
	}
	if err := b.checkEndpoint(); err != nil {
		return nil, err
	}
	for _, text := range c.StringSlice("header") {
		name, value, ok := strings.Cut(text, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, usage("--header %q: write 'NAME: VALUE'", strings.SplitN(text, ":", 2)[0])
		}
		b.headers = append(b.headers, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	if err := b.extraBody(c.String("extra-body")); err != nil {
		return nil, err
	}
	plan, err := b.plan(b.scenario())
	if err == nil {
		plan.Name = "capacity"
	}
	return plan, err
}

// lookAtServer sends one request: how long it takes alone is the first rate's measure, and whether lengths can be exact
// decides how they are asked for.
func (h *hunt) lookAtServer(ctx context.Context, endpoint string) error {
	if h.template.Workload.API != scenarios.Chat || len(h.template.Mix) > 0 || !h.template.Stream {
		return nil
	}
	p, err := h.sys.probe(ctx, &scenarios.Plan{Target: h.plan.Target, Model: h.plan.Model, Stages: []scenarios.Stage{h.template}}, endpoint)
	if err != nil {
		// A server that cannot answer one request is an answer too, and the search gives it.
		fmt.Fprintf(h.sys.Err, "llmload: %v\n", strings.Replace(err.Error(), "so no load was sent", "so nothing is known of one request alone", 1))
		return ctx.Err()
	}
	fmt.Fprintln(h.sys.Err, p)
	if !p.ignoreEOS && h.template.Output.Mode == scenarios.Exact {
		h.template.Output.Mode = scenarios.Capped
	}
	h.search.Bounds.Request = p.e2e
	if h.search.Bounds.Start == 0 && p.e2e > 0 {
		h.search.Bounds.Start = min(h.search.Bounds.MaxRate, capacity.Round(1/p.e2e.Seconds()))
	}
	return nil
}
