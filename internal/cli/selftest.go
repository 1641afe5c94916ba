package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// maxSelfRequests is how many records the mock's ledger holds in memory.
const maxSelfRequests = 10_000

// Answers of a selftest: 200 ms to the first token and 20 ms between, 32 tokens.
const (
	selfTokens = 32
	selfITL    = 20 * time.Millisecond
	selfTTFT   = 200 * time.Millisecond
)

// By default each load lasts some seconds, the whole under a minute.
const (
	selfRounds  = 3  // answers a stream
	selfLeast   = 40 // requests a load
	selfSeconds = 4  // of an open loop
)

func selftestCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "selftest", Usage: "measure this machine's own error against the mock server's truth ledger",
		ArgsUsage: " ",
		Description: example(
			"llmload selftest                          8 to 400 streams, 50 and 500 requests/s, in under a minute",
			"llmload selftest --streams 100 --rates none one load alone",
		) + "\n\nEach client stamp is held against the time just before the server's write that caused it, request by request. A load can be trusted where the median error is at most " +
			maxSelfError.String() + "\nand its p99 at most " + maxSelfTail.String() + ". What was found is kept for this machine, and later runs quote it. Exit code 3 when no load can be trusted.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "streams", Value: "8,50,200,400", Usage: "closed loops of so many streams at once, a `LIST` or none"},
			&cli.StringFlag{Name: "rates", Value: "50,500", Usage: "open loops of so many requests/s, a `LIST` or none"},
			&cli.DurationFlag{Name: "itl", Value: selfITL, Usage: "a token every `D`; another than the default is for a look, and not kept"},
			&cli.IntFlag{Name: "requests", Aliases: []string{"n"}, Usage: "`N` requests a load (default: 3 a stream, 4 s of a rate)"},
		},
		Action: func(c *cli.Context) error {
			if err := onlyArgs(c, 0); err != nil {
				return err
			}
			loads, err := selfLoads(c.String("streams"), c.String("rates"), c.Int("requests"), c.Duration("itl"))
			if err != nil {
				return err
			}
			return selftest(c.Context, sys, loads)
		},
	}
}

// selfLoad is one load of a selftest: so many streams at once, or so many requests a second.
type selfLoad struct {
	streams  int
	rate     int
	requests int
	itl      time.Duration
}

func (l selfLoad) String() string {
	if l.rate > 0 {
		return fmt.Sprintf("%d requests/s", l.rate)
	}
	return fmt.Sprintf("%d streams", l.streams)
}

// selfLoads reads the loads that a command line asks for.
func selfLoads(streams, rates string, requests int, itl time.Duration) (loads []selfLoad, err error) {
	counts, err := wholeNumbers("--streams", streams)
	if err != nil {
		return nil, err
	}
	perSecond, err := wholeNumbers("--rates", rates)
	if err != nil {
		return nil, err
	}
	if itl < time.Millisecond || itl > time.Second {
		return nil, usage("--itl %s: from 1ms to 1s", itl)
	}
	for _, n := range counts {
		loads = append(loads, selfLoad{streams: n, requests: max(selfLeast, selfRounds*n)})
	}
	for _, n := range perSecond {
		loads = append(loads, selfLoad{rate: n, requests: max(selfLeast, selfSeconds*n)})
	}
	if len(loads) == 0 {
		return nil, usage("no load to test: name one with --streams or --rates")
	}
	for i := range loads {
		loads[i].itl = itl
		if requests != 0 {
			loads[i].requests = requests
		}
		if n := loads[i].requests; n < 1 || n > maxSelfRequests {
			return nil, usage("%s would take %d requests: --requests may be 1 to %d, the ledger holds no more", loads[i], n, maxSelfRequests)
		}
	}
	return loads, nil
}

// wholeNumbers reads a list such as 8,50, or none.
func wholeNumbers(flag, list string) (out []int, err error) {
	if list == "none" {
		return nil, nil
	}
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 {
			return nil, usage("%s %q: write whole numbers from 1 on, such as 8,50, or none", flag, list)
		}
		out = append(out, n)
	}
	return out, nil
}

func selftest(ctx context.Context, sys IO, loads []selfLoad) error {
	var rows []selfRow
	for _, load := range loads {
		fmt.Fprintf(sys.Err, "llmload: %s ...\n", load)
		j, invalid, err := load.measure(ctx, sys)
		if err != nil {
			return err
		}
		rows = append(rows, newSelfRow(load, j, invalid))
	}
	printSelfRows(sys.Out, rows)
	result := newSelfResult(rows, time.Now())
	fmt.Fprintln(sys.Out, result.verdict())
	if result.judged() && loads[0].itl == selfITL {
		result.keep(sys)
	}
	return selfError(rows)
}

// plan is the load as a scenario. Streams are spread over a gap between two tokens: those that start in step would be
// written one after the other, which is the mock's lateness and not this machine's.
func (l selfLoad) plan(sys IO) (*scenarios.Plan, error) {
	shape := fmt.Sprintf("closed: {concurrency: %d}", l.streams)
	if l.rate > 0 {
		shape = fmt.Sprintf("open: {rate: %d/s, arrivals: poisson, max_in_flight: %d}", l.rate, maxSelfRequests)
	}
	text := fmt.Sprintf(`
name: selftest
target: {mock: {engine: {model: fixed, ttft: %s, itl: %s, stagger: %s, max_num_seqs: %d}}}
model: demo-8b
workload: {prompts: {synthetic: {input_tokens: 32}}, output: {tokens: %d}}
load: {%s, requests: %d}
`, selfTTFT, l.itl, l.itl, maxSelfRequests, selfTokens, shape, l.requests)
	loaded := &loaded{sys: sys, dir: "."}
	if err := loaded.parse("selftest", []byte(text)); err != nil {
		return nil, err
	}
	return loaded.resolve()
}

// measure runs the load against a mock of its own. invalid is why the run does not count, empty where it does.
func (l selfLoad) measure(ctx context.Context, sys IO) (j *joined, invalid string, err error) {
	plan, err := l.plan(sys)
	if err != nil {
		return nil, "", err
	}
	m, err := startMock(ctx, sys, plan.Target.Mock)
	if err != nil {
		return nil, "", err
	}
	defer m.stop()
	return m.compare(ctx, plan)
}

// compare runs the plan against the mock and joins the records with its ledger.
func (m *mockTarget) compare(ctx context.Context, plan *scenarios.Plan) (j *joined, invalid string, err error) {
	var mu sync.Mutex
	var records []*results.Record
	start, anchor := time.Now(), monotonic()
	if anchor == 0 {
		return nil, "", fmt.Errorf("selftest needs a clock that two processes share, which this system has not")
	}
	res, err := runner.Run(ctx, plan, m, runner.Config{
		RunID: fmt.Sprintf("selftest-%08x", rand.Uint32()), Model: plan.Model, Nonce: rand.Uint64(), Start: start, KernelTimers: true,
		Append: func(r *results.Record) {
			mu.Lock()
			defer mu.Unlock()
			records = append(records, r)
		},
	})
	if err != nil {
		return nil, "", err
	}
	if res.Interrupted {
		return nil, "", &exitError{exitInterrupted, ctx.Err()}
	}
	if len(res.Invalid) > 0 {
		invalid = res.Invalid[0]
	}
	ledger, err := m.ledger(ctx, 0)
	if err != nil {
		return nil, "", err
	}
	return join(records, ledger, anchor), invalid, nil
}
