// Package runner sends a plan to a target and yields records. It is the only home of load goroutines.
//
// Goals: what the plan says is what is sent; every request that was intended has a record; the tool's own lateness is
// measured beside the server's. Non-goals: deciding what to send (scenarios), what a metric means (results), printing.
package runner

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/internal/alarm"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// Target is the server under load, as far as the runner needs to know it.
type Target interface {
	// Endpoint is the base address, with or without /v1.
	Endpoint() string
	// BeginStage is called before a stage's first request, so that a simulator can switch to the stage's faults.
	BeginStage(ctx context.Context, s *scenarios.Stage) error
	// Seen is what the server itself knows of the load.
	Seen(ctx context.Context) (Seen, error)
}

// Seen is a server's own account. A nil is a thing that it cannot say.
type Seen struct {
	Attempts  *int64   // requests received since the run began
	LateP99MS *float64 // how far behind its own plan a simulator wrote its tokens since the stage began
}

// Config is what a run needs beside its plan and target.
type Config struct {
	RunID string
	Model string // sent with each request; empty leaves it out
	Nonce uint64 // makes cold prompts new to the server; a new one for each run
	// Append keeps a record; it must not wait for a disk, and several goroutines call it. Nil keeps none.
	Append func(*results.Record)
	// AfterStage sees each finished stage, all of whose records were appended, and may end the run: a reason that is not empty
	// does, and is kept. It may append stages to the plan that have no more in flight than those it began with.
	AfterStage func(results.StageSummary) (stop string)
	// Start is the records' zero and the time of the first request; the zero value is when Run is called, and one that is to
	// come is waited for.
	Start time.Time
	// Live is progress, for another goroutine to watch; nil is none.
	Live *Live
	// Metrics reads what the server says of itself, once a second; nil reads nothing.
	Metrics Metrics
	// Drain is how long requests under way may take after an interrupt or a stop; 0 is DefaultDrain.
	Drain time.Duration
	// KernelTimers sends and measures lag by timers of the kernel where those are to be had (Linux), which are late by some
	// 50 us and not by up to 1 ms. Off, all waiting is package time's: a testing/synctest bubble knows no other.
	KernelTimers bool
	// Dial opens connections; nil is TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// DefaultDrain is how long requests under way may take after an interrupt, or after a rule has stopped their stage.
const DefaultDrain = 5 * time.Second

// Result is a finished run, or one that was interrupted: what was measured until then.
type Result struct {
	Stages       []results.StageSummary
	Histograms   []results.StageHistograms
	Instrument   results.Instrument
	Conservation results.Conservation
	Budget       *results.Budget // nil: the plan has none
	Invalid      []string
	Interrupted  bool
	Late         time.Duration // how long after Config.Start the run began
}

// Run carries out the plan stage by stage. When ctx ends it stops sending, lets requests under way finish for
// Config.Drain, and returns what was measured with Interrupted set; that is no error. An error is a target that could not
// be used at all.
func Run(ctx context.Context, plan *scenarios.Plan, target Target, cfg Config) (*Result, error) {
	if cfg.Live == nil {
		cfg.Live = &Live{}
	}
	if cfg.Drain == 0 {
		cfg.Drain = DefaultDrain
	}
	if cfg.Start.IsZero() {
		cfg.Start = time.Now()
	}
	c, err := newClients(ctx, plan, target.Endpoint(), cfg)
	if err != nil {
		return nil, err
	}
	defer c.close()
	r := &run{
		plan: plan, target: target, cfg: cfg, clients: c, start: cfg.Start, prefix: idPrefix(cfg.RunID), secrets: Redactor(plan),
		spending: NewSpending(plan.Budget),
	}
	r.until(ctx, cfg.Start)
	r.result.Late = max(0, time.Since(cfg.Start))
	whole := startProbe(cfg.KernelTimers)
	err = r.stages(ctx)
	r.result.Instrument = worst(whole.stop(), r.result.Stages)
	if len(r.result.Stages) == 0 {
		r.result.Instrument.CPURatio = nil // of no time worth the name
	}
	r.result.Interrupted = ctx.Err() != nil
	r.result.Budget = r.spending.Summary()
	r.conserve(context.WithoutCancel(ctx))
	return &r.result, err
}

type run struct {
	plan    *scenarios.Plan
	target  Target
	cfg     Config
	clients *clients
	start   time.Time
	agreed  time.Time // of shards: when all begin the stage; zero: when the last stage is over
	prefix  string    // of request ids

	secrets *strings.Replacer

	issued int64 // requests so far: the next one's sequence number
	cut    bool  // a stage was ended with requests under way, which it may have cancelled on their way to the server
	ends   bool  // by a rule that ends the run

	spending *Spending
	totals   totals
	result   Result
}

// since is nanoseconds from the run's start; a stamp that never happened stays zero.
func (r *run) since(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(1, t.Sub(r.start).Nanoseconds())
}

func (r *run) stages(ctx context.Context) error {
	starts := r.plan.StageStarts()
	for i := 0; i < len(r.plan.Stages); i++ { // AfterStage may append
		if starts != nil {
			r.agreed = r.start.Add(starts[i])
			r.until(ctx, r.agreed)
		}
		if ctx.Err() != nil {
			return nil
		}
		s := &r.plan.Stages[i]
		if err := r.target.BeginStage(ctx, s); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("begin stage %s: %w", s.Name, err)
		}
		r.cfg.Live.begin(s, i, len(r.plan.Stages))
		summary, err := r.stage(ctx, s)
		if err != nil {
			return err
		}
		if r.cfg.AfterStage != nil {
			if why := r.cfg.AfterStage(summary); why != "" {
				if last := &r.result.Stages[i]; ctx.Err() == nil {
					last.StopReason = why
				}
				return nil
			}
		}
		if r.ends {
			return nil
		}
		if i < len(r.plan.Stages)-1 && starts == nil {
			pause(ctx, s.Pause)
		}
	}
	return nil
}

// until waits for a moment, as precisely as requests are sent.
func (r *run) until(ctx context.Context, due time.Time) {
	timer := alarm.NewTimer(r.cfg.KernelTimers)
	defer timer.Close()
	for ctx.Err() == nil && time.Now().Before(due) {
		timer.Set(due)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// newClient builds the client under the load. The engine owns concurrency, so the client's own cap is off.
func newClient(ctx context.Context, plan *scenarios.Plan, endpoint string, cfg Config) (c *client.Client, pool int, err error) {
	p := plan.Client
	pool = int(p.PoolSize)
	for i := range plan.Stages {
		if p.PoolSize == 0 {
			pool = max(pool, plan.Stages[i].InFlight())
		}
	}
	if plan.Target.Connections == scenarios.Fresh {
		pool = client.Off
	}
	c, err = client.New(ctx, endpoint, client.Config{
		APIKey: string(plan.Target.APIKey), Model: cfg.Model, Header: Header(plan.Target.Headers), Dial: stampedDial(cfg.Dial, cfg.Start),
		Timeout:           off(time.Duration(p.Timeout)),
		FirstTokenTimeout: off(time.Duration(p.FirstTokenTimeout)),
		IdleTimeout:       off(time.Duration(p.IdleTimeout)),
		MaxRetries:        off(p.MaxRetries),
		RateLimit:         off(p.RateLimit.PerMinute),
		RequestsPerSecond: off(p.RateLimit.PerSecond),
		PoolSize:          pool,
		LazyInit:          true, // a pool for the largest stage is more than the others need
		MaxConcurrent:     client.Off,
		RetryBudget:       client.Off, // the plan's max_retries is what it asks to be measured
		Middleware:        func(next http.RoundTripper) http.RoundTripper { return tapping{next} },
	})
	return c, pool, err
}

// Header is a plan's headers as they are sent.
func Header(secrets map[string]scenarios.Secret) http.Header {
	h := http.Header{}
	for k, v := range secrets {
		h.Set(k, string(v))
	}
	return h
}

// off turns a plan's zero, which is off, into the client's.
func off[T ~int | ~int64 | ~float64](v T) T {
	if v == 0 {
		return client.Off
	}
	return v
}
