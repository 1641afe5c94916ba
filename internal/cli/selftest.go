package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// maxSelfError is the median error against the truth over which this machine's figures are not to be trusted.
const maxSelfError = time.Millisecond

// maxSelfRequests is how many records the mock's ledger holds in memory.
const maxSelfRequests = 10_000

func selftestCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "selftest", Usage: "measure this machine's own error against the mock server's truth ledger",
		ArgsUsage: " ",
		Description: example(
			"llmload selftest                 8 streams of 32 tokens, 200 ms to the first and 20 ms between",
			"llmload selftest --streams 100",
		) + "\n\nEach client stamp is held against the time just before the server's write that caused it, request by request.\nExit code 3 when the median error is over " + maxSelfError.String() + ".",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "streams", Value: 8, Usage: "`N` streams at once"},
			&cli.IntFlag{Name: "requests", Aliases: []string{"n"}, Value: 40, Usage: "`N` requests in all"},
		},
		Action: func(c *cli.Context) error {
			if err := onlyArgs(c, 0); err != nil {
				return err
			}
			if c.Int("streams") < 1 || c.Int("requests") < 1 || c.Int("requests") > maxSelfRequests {
				return usage("--streams must be at least 1, --requests 1 to %d: the ledger holds no more", maxSelfRequests)
			}
			j, err := selftest(c.Context, sys, c.Int("streams"), c.Int("requests"))
			if err != nil {
				return err
			}
			return j.print(sys)
		},
	}
}

func selftest(ctx context.Context, sys IO, streams, requests int) (*joined, error) {
	l := &loaded{sys: sys, dir: "."}
	text := fmt.Sprintf(`
name: selftest
target: {mock: {engine: {model: fixed, ttft: 200ms, itl: 20ms, max_num_seqs: %d}}}
model: demo-8b
workload: {prompts: {synthetic: {input_tokens: 32}}, output: {tokens: 32}}
load: {closed: {concurrency: %d}, requests: %d}
`, streams, streams, requests)
	if err := l.parse("selftest", []byte(text)); err != nil {
		return nil, err
	}
	plan, err := l.resolve()
	if err != nil {
		return nil, err
	}
	m, err := startMock(ctx, sys, plan.Target.Mock)
	if err != nil {
		return nil, err
	}
	defer m.stop()
	return m.compare(ctx, plan)
}

// compare runs the plan against the mock and joins the records with its ledger.
func (m *mockTarget) compare(ctx context.Context, plan *scenarios.Plan) (*joined, error) {
	var mu sync.Mutex
	var records []*results.Record
	start, anchor := time.Now(), monotonic()
	if anchor == 0 {
		return nil, fmt.Errorf("selftest needs a clock that two processes share, which this system has not")
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
		return nil, err
	}
	if res.Interrupted {
		return nil, &exitError{exitInterrupted, ctx.Err()}
	}
	if len(res.Invalid) > 0 {
		return nil, &exitError{exitInvalid, fmt.Errorf("the run is invalid: %s", res.Invalid[0])}
	}
	ledger, err := m.ledger(ctx, 0)
	if err != nil {
		return nil, err
	}
	return join(records, ledger, anchor), nil
}

// print shows the error of each metric and judges it.
func (j *joined) print(sys IO) error {
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"error of", "compared", "mean ms", "p50 ms", "p99 ms", "max ms"})
	for _, row := range []struct {
		name string
		l    *lateness
	}{{"time to first token", &j.ttft}, {"each arrival", &j.arrival}} {
		n := row.l.size.Count()
		if n == 0 {
			continue
		}
		at := func(q float64) string {
			if n < int64(metric.MinSamples(q)) {
				return "·" // too few to resolve it
			}
			return fmt.Sprintf("%.3f", float64(row.l.size.Quantile(q))/1e6)
		}
		t.AppendRow(table.Row{
			row.name, n, fmt.Sprintf("%+.3f", row.l.sum/float64(n)/1e6), at(0.50), at(0.99), fmt.Sprintf("%.3f", float64(row.l.size.Max())/1e6),
		})
	}
	fmt.Fprintf(sys.Out, "%s\n%d requests matched, %d unknown to the server, %d unknown to the client, %d with other counts\n",
		t.Render(), j.matched, j.onlyClient, j.onlyServer, j.odd)
	if j.matched == 0 || j.onlyClient+j.onlyServer+j.odd > 0 {
		return &exitError{exitInvalid, fmt.Errorf("the run and the ledger do not tell the same requests")}
	}
	for _, l := range []*lateness{&j.ttft, &j.arrival} {
		if p50 := time.Duration(l.size.Quantile(0.5)); p50 > maxSelfError {
			return &exitError{exitInvalid, fmt.Errorf("the median error is %s, over %s: do not trust times of this machine under this load", p50, maxSelfError)}
		}
	}
	return nil
}
