package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// What ends the doubling of the concurrency: a growth of throughput under minGain, or maxErrors of a stage's requests. The
// scenario has the second as a rule, which ends the stage, too.
const (
	minGain   = 0.05
	maxErrors = 0.5
)

func benchCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "measure a server with nothing else to write: chat, 512 tokens in, 128 out",
		ArgsUsage: "[URL]",
		Description: example(
			"llmload bench http://127.0.0.1:8000                double the concurrency until throughput gains under 5%",
			"llmload bench                                      the same against the bundled mock",
			"llmload bench http://127.0.0.1:8000 -c 8 -n 200    one concurrency",
			"llmload bench http://127.0.0.1:8000 -r 4/s -d 60s --slo ttft=500ms,tpot=50ms",
		) + "\n\nAn API key is taken from the environment variable " + keyVariable + ".",
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "endpoint", Aliases: []string{"url", "target", "base-url"}, Usage: "the server's `URL`, instead of the argument"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "send this `MODEL` (default: the only one of the server)"},
			metricsFlag(),
			&cli.BoolFlag{Name: "print-scenario", Usage: "print the scenario that the flags stand for, and send nothing"},
		}, loadFlagsOfBench(), outputFlags()),
		Action: func(c *cli.Context) error { return bench(c, sys) },
	}
}

// loadFlagsOfBench say what is sent where no scenario does.
func loadFlagsOfBench() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "concurrency", Aliases: []string{"c"}, Usage: "`LIST` such as 1,8,64 (left out: bench doubles, ab takes 8)"},
		&cli.StringFlag{Name: "rate", Aliases: []string{"r", "request-rate"}, Usage: "open loop: `LIST` of arrivals a second such as 2,4 or 90/m (Poisson)"},
		&cli.IntFlag{Name: "requests", Aliases: []string{"n", "num-prompts", "request-count"}, Usage: "measured requests `N` a stage"},
		&cli.DurationFlag{Name: "duration", Aliases: []string{"d"}, Usage: "longest time `D` a stage"},
		&cli.IntFlag{Name: "isl", Value: defaultISL, Usage: "input tokens `N`"},
		&cli.IntFlag{Name: "osl", Value: defaultOSL, Usage: "output tokens `N`"},
		&cli.Uint64Flag{Name: "seed", Value: 42, Usage: "`SEED` of prompts and arrivals"},
		&cli.StringFlag{Name: "slo", Aliases: []string{"goodput"}, Usage: "`LIST` such as ttft=500ms,tpot=50ms, or ttft:500 in milliseconds as other tools have it"},
		&cli.IntFlag{Name: "gpus", Usage: "the server's accelerators `N`, for tokens a second each"},
		&cli.StringSliceFlag{Name: "header", Aliases: []string{"H"}, Usage: "`'NAME: VALUE'` sent with each request; may be repeated"},
		&cli.StringFlag{Name: "extra-body", Usage: "`JSON` object merged into each request's body"},
	}
}

func bench(c *cli.Context, sys IO) error {
	if err := onlyArgs(c, 1); err != nil {
		return err
	}
	b, err := benchOptions(c, sys)
	if err != nil {
		return err
	}
	if _, err := labels(c.StringSlice("label")); err != nil {
		return err // before the probe: a wrong flag sends nothing
	}
	if _, err := metricsAddr(c); err != nil {
		return err
	}
	text := b.scenario()
	if c.Bool("print-scenario") {
		_, err := fmt.Fprint(sys.Out, text)
		return err
	}
	plan, err := b.plan(text)
	if err != nil {
		return err
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
	found, err := sys.probe(c.Context, plan, e.target.Endpoint())
	if err != nil {
		return err
	}
	fmt.Fprintf(sys.Err, "%s\n", found)
	if plan, err = b.after(found, plan.Model); err != nil {
		return err
	}
	fmt.Fprintf(sys.Err, "%s\n", b.announce(plan, found, runner.Redactor(plan).Replace(e.target.Endpoint())))
	sweep := &sweep{doubling: b.doubling(), again: b.command(c.String("model")), load: loadFlags(c)}
	e.after, e.closing = sweep.after, sweep.closing
	return runPlan(c, sys, plan, e)
}

// after adapts the plan to what the probe found: whether exact lengths can be had, and how long a stage must be.
func (b *benchFlags) after(p probed, model string) (*scenarios.Plan, error) {
	b.exact = p.ignoreEOS
	b.shortest = 4 * p.e2e
	plan, err := b.plan(b.scenario())
	if err != nil {
		return nil, err
	}
	plan.Model = model
	return plan, nil
}

// announce says what will be sent and for how long at most: a stage, and all of them.
func (b *benchFlags) announce(plan *scenarios.Plan, p probed, endpoint string) string {
	var all time.Duration
	for i := range plan.Stages {
		all += stageBound(&plan.Stages[i], p.e2e)
	}
	what := fmt.Sprintf("sending to %s, model %s: %d tokens in, %d out, cold prompts", endpoint, plan.Model, b.isl, b.osl)
	if len(b.slo) > 0 {
		what += ", SLO " + b.sloList()
	}
	first, last := &plan.Stages[0], &plan.Stages[len(plan.Stages)-1]
	switch {
	case b.doubling():
		return fmt.Sprintf("%s, concurrency doubling from 1 until throughput gains under %.0f%%; a stage takes at most about %s, all up to %s about %s",
			what, 100*minGain, roundTime(stageBound(first, p.e2e)), last.Name, roundTime(all))
	case first == last:
		return fmt.Sprintf("%s, %s, about %s", what, first.Name, roundTime(all))
	}
	return fmt.Sprintf("%s, stages %s to %s, about %s in all", what, first.Name, last.Name, roundTime(all))
}

// stageBound estimates how long a stage takes from one request's duration.
func stageBound(s *scenarios.Stage, e2e time.Duration) time.Duration {
	bound := s.Duration
	if s.Requests > 0 {
		n := time.Duration(s.Requests + s.Warmup.Requests)
		each := e2e / time.Duration(max(1, s.Concurrency))
		if s.Open() {
			each = time.Duration(float64(time.Second) / float64(s.Rate))
		}
		if t := n * each; bound == 0 || t < bound {
			bound = t
		}
	}
	return bound + e2e
}

func roundTime(d time.Duration) time.Duration {
	if d > time.Minute {
		return d.Round(10 * time.Second)
	}
	return d.Round(time.Second)
}

// sweep watches the stages of a bench: it ends the doubling, and says at the end what was found.
type sweep struct {
	doubling bool
	again    string // the command to start from for the next one
	load     string // the flags of this one's load

	best  *results.StageSummary
	first *results.StageSummary
	last  *results.StageSummary
	why   string
}

// after takes a stage in. The best point is the last that was worth its doubling: a few per cent more throughput at twice
// the wait is no better point.
func (w *sweep) after(s results.StageSummary) (stop string) {
	if w.first == nil {
		w.first = &s
	}
	w.last = &s
	gain := tokensPerS(&s)/tokensPerS(w.best) - 1
	switch {
	case w.doubling && strings.HasPrefix(s.StopReason, "error_rate: "):
		w.why = strings.TrimPrefix(s.StopReason, "error_rate: ") + " at " + s.Name
		return "" // that rule has ended the run
	case w.doubling && s.Success != nil && *s.Success <= 1-maxErrors: // of fewer requests than the rule judges
		w.why = fmt.Sprintf("%.0f%% of the requests failed at %s", 100*(1-*s.Success), s.Name)
	case w.doubling && w.best != nil && gain < minGain:
		w.why = fmt.Sprintf("throughput gained %+.1f%% from the doubling to %s", 100*gain, s.Name)
	case w.best == nil || gain > 0:
		w.best = &s
	}
	return w.why
}

func tokensPerS(s *results.StageSummary) float64 {
	if s == nil || s.Throughput.OutputTokensPerS == nil {
		return 0
	}
	return *s.Throughput.OutputTokensPerS
}

func (b *benchFlags) plan(text string) (*scenarios.Plan, error) {
	l := &loaded{sys: IO{LookupEnv: b.lookup}, dir: "."}
	if err := l.parse("bench", []byte(text)); err != nil {
		return nil, unplaced(err)
	}
	plan, err := l.resolve()
	return plan, unplaced(err)
}

// unplaced takes the places out of errors: the reader wrote flags, and has no file to look into.
func unplaced(err error) error {
	list, ok := errors.AsType[strictyaml.Errors](err)
	if !ok {
		return err
	}
	for _, e := range list {
		e.File, e.Line, e.Col, e.Source = "", 0, 0, ""
	}
	return asUsage(list)
}
