package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/report/compare"
	"github.com/llmload/llmload/results/store"
	"github.com/llmload/llmload/scenarios"
)

// The bounds of one run of an interleaved comparison, where flags leave them open. Many short runs tell more than few long
// ones: what scatters is the run.
const (
	abPairs       = 10
	abMostPairs   = 500
	abConcurrency = 8
	abRequests    = 120
	abDuration    = 15 * time.Second
)

func abCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "ab", Usage: "compare two live servers by interleaved runs, the way to find a few per cent",
		ArgsUsage: "[SCENARIO]",
		Description: example(
			"llmload ab --a http://10.0.0.1:8000 --b http://10.0.0.2:8000 -c 8",
			"llmload ab --a http://127.0.0.1:8000 --b http://127.0.0.1:8001 chat.yaml --gate 'tpot.p50 < +3%'",
		) + "\n\nThe runs alternate, ABBA: what drifts, drifts for both. All have the same plan, and prompts that the servers have not seen.\n" +
			"Gates end with exit code 0 where all are proven to hold, 99 where one is proven broken, 3 where one is undecided.",
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "a", Usage: "the base: this server's `URL`"},
			&cli.StringFlag{Name: "b", Usage: "the new one: this server's `URL`"},
			&cli.IntFlag{Name: "pairs", Value: abPairs, Usage: "runs of each server `N`, even"},
			&cli.StringFlag{Name: "model", Aliases: []string{"m"}, Usage: "send this `MODEL` to both (default: the only one of each server)"},
		}, loadFlagsOfBench(), judgeFlags(), ciFlags(), abOutputFlags()),
		Action: func(c *cli.Context) error { return ab(c, sys) },
	}
}

// abOutputFlags are outputFlags for many runs.
func abOutputFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "out", Usage: "the folder of all runs `DIR` (default: " + runsDir + "/ID)"},
		&cli.StringSliceFlag{Name: "label", Usage: "`KEY=VALUE` kept with each run; may be repeated"},
		&cli.BoolFlag{Name: "yes", Usage: "load an address outside this machine and network without asking"},
	}
}

func ab(c *cli.Context, sys IO) error {
	o, files, err := judgeOptions(c)
	if err != nil {
		return err
	}
	x, err := newInterleaved(c, sys)
	if err != nil {
		return err
	}
	runErr := x.run(c.Context)
	if x.runs == 0 {
		_ = os.Remove(x.dir) // it is empty, or not ours alone
		return runErr
	}
	res := compare.Pairs(x.pairs, o)
	err = errors.Join(runErr, x.keep(res), sys.comparison(res, c.Bool("json"), files))
	if !c.Bool("json") {
		fmt.Fprintln(sys.Out, x.dir)
	}
	switch {
	case c.Context.Err() != nil:
		return &exitError{exitInterrupted, err}
	case err != nil:
		return err
	}
	return gateError(res)
}

// interleaved is a comparison of two live servers under way.
type interleaved struct {
	sys    IO
	sides  [2]execution // a, b
	count  int
	dir    string
	labels map[string]string

	pairs []compare.Pair
	runs  int // that left a folder
}

// sideFlags name the two servers.
var sideFlags = [2]string{"a", "b"}

func newInterleaved(c *cli.Context, sys IO) (*interleaved, error) {
	if err := onlyArgs(c, 1); err != nil {
		return nil, err
	}
	x := &interleaved{sys: sys, count: c.Int("pairs"), dir: c.String("out")}
	if x.count < 2 || x.count > abMostPairs || x.count%2 == 1 {
		return nil, usage("--pairs %d: an even number from 2 to %d, for ABBA comes to an end with an even number", x.count, abMostPairs)
	}
	var err error
	if x.labels, err = labels(c.StringSlice("label")); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(x.dir, abFile)); x.dir != "" && err == nil {
		return nil, usage("%s already holds a comparison: choose another folder", x.dir)
	}
	var plans [2]*scenarios.Plan
	for i, flag := range sideFlags {
		if plans[i], err = x.plan(c, flag, c.String(flag)); err != nil {
			return nil, err
		}
	}
	if err := claimable(filepath.Join(cmp.Or(x.dir, runsDir), "pair-001-a")); err != nil {
		return nil, err
	}
	exact := true
	for i, plan := range plans {
		if err := sys.confirm(c.Context, plan, c.Bool("yes")); err != nil {
			return nil, err
		}
		target := realTarget(plan.Target.Endpoint)
		if plan.Model, err = resolveModel(c.Context, plan, target.Endpoint(), c.String("model")); err != nil {
			return nil, fmt.Errorf("--%s: %w", sideFlags[i], err)
		}
		x.sides[i] = execution{sys: sys, plan: plan, part: plan, target: target, model: plan.Model, labels: x.labels}
		if c.NArg() == 0 {
			found, err := sys.probe(c.Context, plan, target.Endpoint())
			if err != nil {
				return nil, fmt.Errorf("--%s: %w", sideFlags[i], err)
			}
			exact = exact && found.ignoreEOS
		}
	}
	if !exact { // of either: both are asked alike
		fmt.Fprintln(sys.Err, "llmload: a server does not heed ignore_eos, so answers may end before their length")
		for i := range x.sides {
			for s := range x.sides[i].plan.Stages {
				x.sides[i].plan.Stages[s].Output.Mode = scenarios.Capped
			}
		}
	}
	if plans[0].Budget != nil {
		fmt.Fprintf(sys.Err, "llmload: the budget is of each run, and there are up to %d\n", 2*x.count)
	}
	return x, x.makeDir("ab-" + strings.TrimPrefix(plans[0].Name, "ab"))
}

// plan is the scenario, or what the flags stand for, against one server.
func (x *interleaved) plan(c *cli.Context, flag, endpoint string) (*scenarios.Plan, error) {
	if endpoint == "" {
		return nil, usage("ab needs two servers: --a URL and --b URL; --%s is missing", flag)
	}
	if err := (&benchFlags{endpoint: endpoint}).checkEndpoint(); err != nil {
		return nil, usage("--%s: %v", flag, err)
	}
	if c.NArg() == 0 {
		b, err := benchOptions(c, x.sys)
		if err != nil {
			return nil, err
		}
		b.endpoint = endpoint
		return b.abPlan()
	}
	for _, f := range loadFlagsOfBench() {
		if c.IsSet(f.Names()[0]) {
			return nil, usage("--%s and a scenario exclude each other: write it in the scenario", f.Names()[0])
		}
	}
	l, err := loadSpec(x.sys, c.Args().First())
	if err != nil {
		return nil, err
	}
	plan, err := l.resolve()
	if err != nil {
		return nil, err
	}
	return plan, redirect(x.sys, plan, endpoint)
}

// abPlan is what the flags stand for. Where they bound nothing, one run takes some seconds.
func (b *benchFlags) abPlan() (*scenarios.Plan, error) {
	if b.doubling() {
		b.concurrency = []int{abConcurrency}
	}
	if b.requests == 0 && b.duration == 0 {
		b.requests, b.duration = abRequests, abDuration
	}
	plan, err := b.plan(b.scenario())
	if err != nil {
		return nil, err
	}
	plan.Name = "ab"
	return plan, nil
}

func (x *interleaved) makeDir(name string) error {
	if x.dir == "" {
		x.dir = filepath.Join(runsDir, store.NewID(time.Now(), name, uint16(rand.Uint32())))
	}
	return os.MkdirAll(x.dir, 0o755)
}

// run makes the pairs until all are made, or ctx ends. A pair counts when both of its runs came to their end.
func (x *interleaved) run(ctx context.Context) error {
	for i := range x.count {
		order := []int{0, 1}
		if i%2 == 1 {
			order = []int{1, 0}
		}
		var of [2]*measured
		for _, side := range order {
			name := fmt.Sprintf("pair-%03d-%c", i+1, 'a'+rune(side))
			fmt.Fprintf(x.sys.Err, "pair %d of %d, %c: %s\n", i+1, x.count, 'a'+rune(side), filepath.Join(x.dir, name))
			e := x.sides[side]
			e.out = filepath.Join(x.dir, name)
			m, err := e.measure(ctx)
			if m != nil {
				x.runs++
			}
			if err != nil || ctx.Err() != nil {
				return err
			}
			of[side] = m
		}
		x.pairs = append(x.pairs, compare.Pair{Base: asSide(of[0]), New: asSide(of[1])})
	}
	return nil
}

// asSide drops what pairs do not need: the courses of hundreds of runs would add up.
func asSide(m *measured) compare.Run {
	for i := range m.Summary.Stages {
		m.Summary.Stages[i].Series = nil
	}
	return compare.Run{Summary: m.Summary, Histograms: m.Histograms}
}

// abFile is the comparison in the folder of its runs.
const abFile = "ab.json"

func (x *interleaved) keep(res *compare.Result) error {
	f, err := os.Create(filepath.Join(x.dir, abFile))
	if err != nil {
		return err
	}
	return errors.Join(printJSON(f, res), f.Close())
}
