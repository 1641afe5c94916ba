package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// outputFlags are what every command that runs load has.
func outputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "out", Usage: "the run folder itself `DIR` (default: " + runsDir + "/ID)"},
		&cli.BoolFlag{Name: "json", Usage: "print the summary as JSON on stdout, and nothing else there"},
		&cli.StringSliceFlag{Name: "label", Usage: "`KEY=VALUE` kept with the run; may be repeated"},
		&cli.StringFlag{Name: "metrics-addr", Usage: "expose the run for Prometheus at `ADDR`/metrics while it lasts; a port alone is on 127.0.0.1"},
		&cli.BoolFlag{Name: "yes", Usage: "load an address outside this machine and network without asking"},
	}
}

func runCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "run a scenario: a file, or a built-in one by name (default " + defaultScenario + ")",
		ArgsUsage: "[SCENARIO]",
		Description: example(
			"llmload run                                        the built-in quickstart against the bundled mock",
			"llmload run chat.yaml --label gpu=h100",
			"llmload run quickstart --endpoint http://127.0.0.1:8000 --model my-model",
			"llmload run chat.yaml --shard 0/4 --start-at 1767225600 --out runs/shard-{shard}   one of four machines",
		),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "endpoint", Usage: "load this `URL` instead of the scenario's target"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "send this `MODEL`"},
			&cli.Uint64Flag{Name: "seed", Usage: "use this `SEED` instead of the scenario's"},
			metricsFlag(),
		}, slices.Concat(outputFlags(), ciFlags(), figureFlags(), shardFlags())...),
		Action: func(c *cli.Context) error {
			if err := onlyArgs(c, 1); err != nil {
				return err
			}
			if _, err := ciOptions(c); err != nil {
				return err // before anything is started
			}
			b, err := barrierOf(sys, c, time.Now())
			if err != nil {
				return err
			}
			plan, err := planFor(sys, c, c.Args().First())
			if err != nil {
				return err
			}
			return runPlan(c, sys, plan, &execution{barrier: b})
		},
	}
}

// planFor loads the scenario that a command line names, with its overrides.
func planFor(sys IO, c *cli.Context, name string) (*scenarios.Plan, error) {
	if name == "" {
		name = defaultScenario
	}
	l, err := loadSpec(sys, name)
	if err != nil {
		return nil, err
	}
	if c.IsSet("seed") {
		l.spec.Seed = c.Uint64("seed")
	}
	plan, err := l.resolve()
	if err != nil {
		return nil, err
	}
	if c.IsSet("model") {
		plan.Model = c.String("model")
	}
	if err := redirect(sys, plan, c.String("endpoint")); err != nil {
		return nil, err
	}
	return plan, readMetrics(plan, c.StringSlice("metrics"))
}

// metricsFlag names the Prometheus endpoints of the server.
func metricsFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "metrics", Usage: "read the server's own metrics from this `URL` of Prometheus' text format while it is loaded; may be repeated"}
}

// readMetrics has a plan read these addresses instead of its own.
func readMetrics(p *scenarios.Plan, urls []string) error {
	for _, u := range urls {
		if err := scenarios.CheckMetrics(u); err != nil {
			return asUsage(err)
		}
	}
	if len(urls) > 0 {
		p.Target.Metrics = urls
	}
	return nil
}

// redirect points a plan at another server. Stages with faults are left out, and said so: only the mock can inject them.
func redirect(sys IO, p *scenarios.Plan, endpoint string) error {
	if endpoint == "" {
		return nil
	}
	if err := scenarios.CheckEndpoint(endpoint); err != nil {
		return asUsage(err)
	}
	kept := slices.DeleteFunc(slices.Clone(p.Stages), func(s scenarios.Stage) bool {
		return s.Faults != nil && len(s.Faults.Items()) > 0
	})
	if len(kept) == 0 {
		return usage("every stage of %s injects faults, which only the bundled mock can do: leave --endpoint out", p.Name)
	}
	if n := len(p.Stages) - len(kept); n > 0 {
		fmt.Fprintf(sys.Err, "llmload: %d stage(s) with injected faults left out: only the bundled mock can inject them\n", n)
	}
	p.Stages = kept
	p.Thresholds = slices.DeleteFunc(p.Thresholds, func(t scenarios.Threshold) bool {
		return !slices.ContainsFunc(kept, func(s scenarios.Stage) bool { return metric.MatchStage(t.Stage, s.Name) })
	})
	was := p.Target
	p.Target = scenarios.Target{
		Endpoint: endpoint, APIKey: was.APIKey, Headers: was.Headers, Connections: was.Connections, LabelHeaders: was.LabelHeaders,
	}
	return nil
}

// runPlan finds the target and the model, and runs.
func runPlan(c *cli.Context, sys IO, plan *scenarios.Plan, e *execution) error {
	var err error
	if e.labels, err = labels(c.StringSlice("label")); err != nil {
		return err
	}
	if e.ci, err = ciOptions(c); err != nil {
		return err
	}
	e.sys, e.plan, e.out, e.json, e.live = sys, plan, c.String("out"), c.Bool("json"), &runner.Live{}
	if err := e.prepare(); err != nil {
		return err
	}
	ctx := c.Context
	addr, err := metricsAddr(c)
	if err != nil {
		return err
	}
	if e.exposed, err = sys.expose(addr, e.live); err != nil {
		return err
	}
	defer e.exposed.close()
	if e.target == nil {
		if err := claimable(e.out); err != nil {
			return err
		}
		if err := sys.confirm(ctx, plan, c.Bool("yes")); err != nil {
			return err
		}
		stop, err := e.open(ctx)
		if err != nil {
			return err
		}
		defer stop()
	}
	if e.model, err = resolveModel(ctx, plan, e.target.Endpoint(), ""); err != nil {
		return err
	}
	if m, ok := e.target.(*mockTarget); ok {
		if err := m.mark(ctx); err != nil {
			return err
		}
	}
	return e.run(ctx)
}

// open makes the plan's target ready; stop ends what it started.
func (e *execution) open(ctx context.Context) (stop func(), err error) {
	if ep := e.plan.Target.Endpoint; ep != "" {
		e.target = realTarget(ep)
		return func() {}, nil
	}
	t := &e.plan.Target
	t.APIKey = cmp.Or(t.APIKey, scenarios.Secret(t.Mock.Get("api_key").Text())) // who starts the mock knows its key
	m, err := startMock(ctx, e.sys, t.Mock)
	if err != nil {
		return nil, err
	}
	e.target = m
	return m.stop, nil
}

func labels(pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range pairs {
		key, value, ok := strings.Cut(p, "=")
		if !ok || key == "" {
			return nil, usage("--label %q: write KEY=VALUE", p)
		}
		out[key] = value
	}
	return out, nil
}

// confirm asks before load goes to an address outside this machine and its private networks, unless a budget bounds it.
func (sys IO) confirm(ctx context.Context, p *scenarios.Plan, yes bool) error {
	if yes || p.Budget != nil {
		return nil
	}
	var hosts []string
	for _, endpoint := range p.Target.Endpoints() {
		host, isNear, err := near(ctx, endpoint)
		if err != nil {
			return fmt.Errorf("cannot find the address of %s: %w", host, err)
		}
		if !isNear {
			hosts = append(hosts, host)
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	return sys.ask(ctx, strings.Join(hosts, ", "))
}

// ask wants a yes from a person before a host is loaded.
func (sys IO) ask(ctx context.Context, host string) error {
	in, ok := sys.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usage("%s is outside this machine and its private networks: add --yes if you may load it, or a budget to the scenario", host)
	}
	fmt.Fprintf(sys.Err, "%s is outside this machine and its private networks. Load it? [y/N] ", host)
	answer := make(chan string, 1)
	go func() {
		var text string
		_, _ = fmt.Fscanln(in, &text) // no answer is no
		answer <- text
	}()
	select {
	case text := <-answer:
		if strings.EqualFold(text, "y") {
			return nil
		}
	case <-ctx.Done(): // the reader above ends with the process
	}
	return usage("not confirmed, nothing was sent")
}

// near reports whether all addresses of an endpoint's host are loopback, private or link-local.
func near(ctx context.Context, endpoint string) (host string, isNear bool, err error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "the endpoint", false, errors.New("it is not a URL") // the parser's own error would quote what may be a secret
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ips, err := net.DefaultResolver.LookupIP(ctx, "ip", u.Hostname())
	for _, ip := range ips {
		if !ip.IsLoopback() && !ip.IsPrivate() && !ip.IsLinkLocalUnicast() {
			return u.Hostname(), false, nil
		}
	}
	return u.Hostname(), true, err
}
