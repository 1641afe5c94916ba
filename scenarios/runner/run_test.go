package runner_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// pipes is a listener whose connections are net.Pipe: virtual time needs sockets that no kernel holds.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// bed is a mock server inside a bubble, and a Target for it.
type bed struct {
	*mockserver.Server
	pipes *pipes
	http  *http.Server

	before int64 // attempts seen when the run began
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
}

func newBed(t *testing.T, config string) *bed {
	t.Helper()
	node, err := strictyaml.Parse("mock.yaml", []byte(config), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := mockserver.ParseConfig(node)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mockserver.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{Server: s, pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}, http: &http.Server{Handler: s}}
	b.dial = b.pipes.dial
	go b.http.Serve(b.pipes)
	return b
}

func (b *bed) close() {
	b.Server.Close()
	b.http.Close()
}

func (b *bed) Endpoint() string { return "http://mock" }

func (b *bed) BeginStage(_ context.Context, s *scenarios.Stage) error {
	var faults []mockserver.Fault
	if s.Faults != nil {
		var err error
		if faults, err = mockserver.ParseFaults(*s.Faults); err != nil {
			return err
		}
	}
	_, err := b.Server.BeginStage(s.Name, faults)
	return err
}

func (b *bed) Seen(context.Context) (runner.Seen, error) {
	n := b.State().Attempts - b.before
	return runner.Seen{Attempts: &n}, nil
}

// trial is one run in a bubble and what came of it.
type trial struct {
	*runner.Result
	records []*results.Record
	state   mockserver.State
}

func plan(t *testing.T, scenario string) *scenarios.Plan {
	t.Helper()
	spec, err := scenarios.Parse("test.yaml", []byte(scenario), nil, open)
	if err != nil {
		t.Fatal(err)
	}
	p, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run carries out a scenario against a mock in virtual time. stop, if not zero, interrupts it after that time.
func run(t *testing.T, mock, scenario string, stop time.Duration) (out trial) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, mock)
		defer b.close()
		out = runOn(t, b, scenario, 1, stop)
	})
	return out
}

func runOn(t *testing.T, b *bed, scenario string, nonce uint64, stop time.Duration) (out trial) {
	t.Helper()
	ctx := t.Context()
	if stop > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, stop)
		defer cancel()
	}
	b.before = b.State().Attempts
	var mu sync.Mutex
	res, err := runner.Run(ctx, plan(t, scenario), b, runner.Config{
		RunID: "t", Model: "demo-8b", Nonce: nonce, Dial: b.dial,
		Append: func(r *results.Record) {
			mu.Lock()
			defer mu.Unlock()
			out.records = append(out.records, r)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	out.Result, out.state = res, b.State()
	if !res.Conservation.Holds {
		t.Errorf("the books do not balance: %+v", res.Conservation)
	}
	if int64(len(out.records)) != res.Conservation.Issued {
		t.Errorf("%d records of %d requests", len(out.records), res.Conservation.Issued)
	}
	seen := map[int64]bool{}
	for _, r := range out.records {
		if seen[r.Seq] {
			t.Errorf("two records have the number %d", r.Seq)
		}
		seen[r.Seq] = true
		if r.Error != "" && t.Failed() {
			t.Log(r.Error)
		}
	}
	return out
}

func near(t *testing.T, what string, got *float64, want, tolerance float64) {
	t.Helper()
	if got == nil || *got < want-tolerance || *got > want+tolerance {
		t.Errorf("%s is %v, want %v", what, show(got), want)
	}
}

func show(v *float64) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprint(*v)
}

// One slot, 0.5 s of service, 10 arrivals a second: request i waits for the i before it, so its response time is
// 0.5 + 0.4 i: mean 1.90 s, largest 3.30 s over 8 requests, while each request alone takes 0.5 s.
func TestCoordinatedOmissionIsSeen(t *testing.T) {
	out := run(t, `engine: {model: fixed, ttft: 500ms, itl: 0s}`, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 1}}
load: {open: {rate: 10/s, arrivals: constant, max_in_flight: 1}, requests: 8}
`, 0)
	s := out.Stages[0]
	if s.Requests.Issued != 8 || s.Requests.Succeeded != 8 {
		t.Fatalf("requests %+v, want 8 issued and succeeded; %s", s.Requests, out.records[0].Error)
	}
	near(t, "response_e2e mean", s.Metrics[metric.ResponseE2E].Mean, 1900, 0.5)
	near(t, "response_e2e max", s.Metrics[metric.ResponseE2E].Max, 3300, 0.5)
	near(t, "e2e mean", s.Metrics[metric.E2E].Mean, 500, 0.5)
	near(t, "e2e max", s.Metrics[metric.E2E].Max, 500, 0.5)
	near(t, "queue_delay mean", s.Metrics[metric.QueueDelay].Mean, 1400, 0.5)
	near(t, "dispatch_delay max", s.Metrics[metric.DispatchDelay].Max, 0, 0.5)
	if len(out.Invalid) > 0 {
		t.Errorf("invalid: %q; waiting for the cap is no fault of the instrument", out.Invalid)
	}
	if out.state.MaxInFlightSeen != 1 {
		t.Errorf("%d in flight at once, the cap is 1", out.state.MaxInFlightSeen)
	}
}

func TestOpenLoopKeepsTheServerLoadedUntilTheMeasuredHaveEnded(t *testing.T) {
	out := run(t, `engine: {model: fixed, ttft: 1s, itl: 0s, max_num_seqs: 100}`, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 1}}
load: {open: {rate: 10/s, arrivals: constant}, requests: 20, warmup: {requests: 5}}
`, 0)
	s := out.Stages[0]
	if s.Requests.Issued != 20 || s.Requests.Warmup != 5 {
		t.Errorf("requests %+v, want 20 measured after 5 of warm-up", s.Requests)
	}
	// The last measured one is intended at 2.4 s and ends at 3.4 s: the arrivals between are tail.
	if s.Requests.Tail < 9 || s.Requests.Tail > 10 {
		t.Errorf("%d requests of tail, want the 9 or 10 that are due in the last second", s.Requests.Tail)
	}
	if got := s.Window.DurationS; got < 1.899 || got > 1.901 {
		t.Errorf("window %v s, want the 1.9 s from the first measured arrival to the last", got)
	}
}

func TestClosedLoopSendsExactlyWhatWasPlanned(t *testing.T) {
	tests := []struct {
		name, load          string
		issued, prompts, at int64
	}{
		{"one worker", "{closed: {concurrency: 1}, requests: 7}", 7, 7, 1},
		{"eight workers share the requests", "{closed: {concurrency: 8}, requests: 50}", 50, 50, 8},
		{"fewer requests than workers", "{closed: {concurrency: 8}, requests: 3}", 3, 3, 3},
		{"a batch is sent at once", "{closed: {concurrency: 2}, batch: {size: 4}, requests: 40}", 40, 40, 8},
		{"the last batch may be partial", "{closed: {concurrency: 1}, batch: {size: 4}, requests: 10}", 10, 10, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := run(t, `engine: {model: fixed, ttft: 10ms, itl: 1ms}`,
				"workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 4}}\nload: "+test.load, 0)
			s := out.Stages[0]
			if s.Requests.Issued != test.issued || s.Requests.Succeeded != test.issued {
				t.Errorf("requests %+v, want %d issued and succeeded", s.Requests, test.issued)
			}
			if int64(out.state.MaxInFlightSeen) != test.at {
				t.Errorf("%d in flight at once, want %d", out.state.MaxInFlightSeen, test.at)
			}
			if s.Tokens.Output != 4*test.prompts || s.Tokens.Input != 8*test.prompts {
				t.Errorf("tokens %+v, want 8 in and 4 out for each of %d prompts", s.Tokens, test.prompts)
			}
		})
	}
}

func TestRequestBatchSendsOneRequestWithAllPrompts(t *testing.T) {
	out := run(t, `engine: {model: fixed, ttft: 10ms, itl: 1ms}`, `
workload: {api: completions, stream: false, prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 4}}
load: {closed: {concurrency: 2}, batch: {size: 4, mode: request}, requests: 18}
`, 0)
	s := out.Stages[0]
	if s.Requests.Issued != 5 || s.Requests.Succeeded != 5 {
		t.Errorf("requests %+v, want 4 with 4 prompts and 1 with 2", s.Requests)
	}
	if s.Tokens.Input != 18*8 || s.Tokens.Output != 18*4 {
		t.Errorf("tokens %+v, want those of 18 prompts", s.Tokens)
	}
}

func TestDurationEndsAStage(t *testing.T) {
	out := run(t, `engine: {model: fixed, ttft: 90ms, itl: 10ms}`, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 2}}
load: {closed: {concurrency: 2}, duration: 1s, warmup: {duration: 500ms}}
`, 0)
	s := out.Stages[0]
	if s.Requests.Issued != 20 || s.Requests.Warmup != 10 {
		t.Errorf("requests %+v, want 20 measured in 1 s after 10 in the 0.5 s before", s.Requests)
	}
	near(t, "requests a second", s.Throughput.RequestsPerS, 20, 0.01)
	near(t, "output tokens a second", s.Throughput.OutputTokensPerS, 40, 0.01)
	if s.StopReason != "duration" {
		t.Errorf("stop reason %q", s.StopReason)
	}
}

func TestEveryFailureHasItsNameAndNoneIsASuccess(t *testing.T) {
	out := run(t, `engine: {model: fixed, ttft: 10ms, itl: 1ms}`, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 20}}
load: {closed: {concurrency: 1}, requests: 400}
client: {idle_timeout: 1s}
faults:
  - {when: {every: 40}, action: {at_token: 5, do: error_event}}
  - {when: {every: 40}, action: {at_token: 5, do: clean_eof}}
  - {when: {every: 40}, action: {at_token: 5, do: stall, for: 20s, then: reset}}
  - {when: {every: 40}, action: {do: html_error}}
  - {when: {every: 40}, action: {status: 500}}
  - {when: {every: 40}, action: {status: 429, retry_after: 2s}}
  - {when: {every: 40}, action: {at_token: 5, do: reset}}
`, 0)
	s := out.Stages[0]
	// A fault counts the requests that no fault before it hit: every 40th of 400, of 390, ...
	want := map[results.Outcome]int64{
		results.StreamError: 10, results.Truncated: 9 + 8, results.TimeoutIdle: 9, results.ContentType: 9,
		results.StatusOutcome(500): 9, results.RateLimited: 8, results.OK: 338,
	}
	if !maps.Equal(s.Outcomes, want) || s.Requests.Succeeded != want[results.OK] {
		t.Errorf("outcomes %v, want %v; requests %+v", s.Outcomes, want, s.Requests)
	}
	ttft := s.Metrics[metric.TTFT]
	if _, state := ttft.Quantile("p99"); state != results.Failed {
		t.Errorf("p99 of TTFT is %s, want failed: more than 1%% of all issued requests did", state)
	}
	if v, state := ttft.Quantile("p50"); state != results.Value || v < 9 || v > 11 {
		t.Errorf("p50 of TTFT is %v (%s), want 10 ms", v, state)
	}
	if !ttft.Censored {
		t.Error("TTFT is not marked as censored")
	}
}

func TestAllRequestsFail(t *testing.T) {
	out := run(t, `{}`, `
load: {closed: {concurrency: 2}, requests: 40}
faults: [{action: {status: 500}}]
`, 0)
	s := out.Stages[0]
	near(t, "success rate", s.Success, 0, 0)
	if len(out.Invalid) != 1 || !strings.Contains(out.Invalid[0], "no request succeeded") {
		t.Errorf("invalid %q, want that no request succeeded", out.Invalid)
	}
}

func TestAnUnreachableServerFailsEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "{}")
		b.pipes.Close()
		defer b.close()
		out := runOn(t, b, "load: {closed: {concurrency: 2}, requests: 10}", 1, 0)
		if s := out.Stages[0]; s.Requests.Issued != 10 || s.Requests.Failed != 10 {
			t.Errorf("requests %+v, want 10 failures", s.Requests)
		}
	})
}

func TestAServerThatIsGoneEndsItsStage(t *testing.T) {
	for _, load := range []string{"{closed: {concurrency: 4}, requests: 100000}", "{open: {rate: 1000/s}, requests: 100000}"} {
		synctest.Test(t, func(t *testing.T) {
			b := newBed(t, "{}")
			b.pipes.Close()
			defer b.close()
			out := runOn(t, b, "load: "+load, 1, 0)
			s := out.Stages[0]
			if s.Requests.Issued > 2000 || s.StopReason != "the target stopped answering" || out.Interrupted {
				t.Errorf("%s: %d requests, stopped by %q, interrupted %v", load, s.Requests.Issued, s.StopReason, out.Interrupted)
			}
		})
	}
}

func TestAnInterruptKeepsWhatWasMeasured(t *testing.T) {
	tests := []struct{ name, load string }{
		{"closed loop", "{closed: {concurrency: 4}, requests: 1000}"},
		{"open loop", "{open: {rate: 50/s, arrivals: constant}, requests: 1000}"},
		{"open loop with requests waiting for a slot", "{open: {rate: 50/s, arrivals: constant, max_in_flight: 1}, requests: 1000}"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out := run(t, `engine: {model: fixed, ttft: 100ms, itl: 0s}`,
				"workload: {output: {tokens: 1}}\nload: "+test.load+"\nstages: [{}, {name: never}]", 950*time.Millisecond)
			if !out.Interrupted || len(out.Stages) != 1 || out.Stages[0].StopReason != "interrupted" {
				t.Fatalf("interrupted %v, %d stages: %+v", out.Interrupted, len(out.Stages), out.Stages)
			}
			s := out.Stages[0]
			if s.Requests.Succeeded < 9 || s.Requests.Failed > 0 {
				t.Errorf("requests %+v: those under way should have been let finish", s.Requests)
			}
			if s.Window.DurationS < 0.9 || s.Window.DurationS > 0.96 {
				t.Errorf("the window is %v s, want the 0.95 s until the interrupt", s.Window.DurationS)
			}
		})
	}
}

func TestAServerThatHangsIsLeftAfterTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, `engine: {model: fixed, ttft: 1h, itl: 0s}`)
		defer b.close()
		begin := time.Now()
		out := runOn(t, b, "load: {closed: {concurrency: 3}, requests: 10}", 1, time.Second)
		if took := time.Since(begin); took > 7*time.Second {
			t.Errorf("the interrupt took effect after %s", took)
		}
		if s := out.Stages[0]; s.Requests.Cancelled != 3 || s.Success != nil {
			t.Errorf("requests %+v, success %v: want 3 cancelled and no success rate", s.Requests, show(s.Success))
		}
	})
}

func TestPrefixCacheIsAvoidedWhenColdAndSaidWhenWarm(t *testing.T) {
	const scenario = `
seed: 7
workload: {prompts: {synthetic: {input_tokens: 64}, cache: %s}, output: {tokens: 2}}
load: {closed: {concurrency: 2}, requests: 20, warmup: {requests: 4}}
`
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, "{engine: {model: fixed, ttft: 1ms, itl: 1ms}, prefix_cache: true}")
		defer b.close()
		for nonce := range uint64(2) {
			out := runOn(t, b, fmt.Sprintf(scenario, "cold"), nonce+1, 0)
			if got := out.Stages[0].Tokens; got.Cached != 0 || got.Input != 20*64 {
				t.Errorf("cold run %d: %d of %d input tokens cached, want none", nonce+1, got.Cached, got.Input)
			}
			if len(out.Invalid) > 0 {
				t.Errorf("cold run %d is invalid: %q", nonce+1, out.Invalid)
			}
		}
		out := runOn(t, b, fmt.Sprintf(scenario, "warm"), 3, 0)
		s := out.Stages[0]
		if s.Tokens.Cached < s.Tokens.Input/2 {
			t.Errorf("warm: %d of %d input tokens cached, want most", s.Tokens.Cached, s.Tokens.Input)
		}
		if !slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "prefix cache") }) {
			t.Errorf("warm: the cached share is not said: %q", s.Warnings)
		}
		// The same nonce again is what cold must never be: the run says so.
		out = runOn(t, b, fmt.Sprintf(scenario, "cold"), 1, 0)
		if len(out.Invalid) != 1 || !strings.Contains(out.Invalid[0], "prefix cache") {
			t.Errorf("a cold run that hit the cache is not invalid: %q", out.Invalid)
		}
	})
}

func TestLengthsThatTheServerDoesNotKeepMakeTheRunInvalid(t *testing.T) {
	const load = "\nload: {closed: {concurrency: 2}, requests: 40}"
	mock := "{engine: {model: fixed, ttft: 1ms, itl: 1ms}, ignore_eos: false, output: {natural: 10}}"
	if out := run(t, mock, "workload: {output: {tokens: 50, mode: exact}}"+load, 0); len(out.Invalid) != 1 || !strings.Contains(out.Invalid[0], "ignore_eos") {
		t.Errorf("exact: invalid %q, want that the server does not take ignore_eos", out.Invalid)
	}
	if out := run(t, mock, "workload: {output: {tokens: 50, mode: cap}}"+load, 0); len(out.Invalid) != 0 {
		t.Errorf("cap: invalid %q", out.Invalid)
	}
}

func TestRetriesAreAttemptsOfOneRequest(t *testing.T) {
	out := run(t, `engine: {model: fixed, ttft: 100ms, itl: 0s}`, `
workload: {output: {tokens: 1}}
load: {closed: {concurrency: 1}, requests: 10}
client: {max_retries: 2}
faults: [{when: {first: 1, per: "header:x-request-id"}, action: {status: 500}}]
`, 0)
	s := out.Stages[0]
	if s.Requests.Succeeded != 10 || s.Attempts != 20 || s.Retries != 10 {
		t.Errorf("requests %+v, %d attempts, %d retries; want 10 successes of 2 attempts each", s.Requests, s.Attempts, s.Retries)
	}
	near(t, "e2e of the last attempt", s.Metrics[metric.E2E].Mean, 100, 0.5)
	near(t, "logical_e2e, with 1 s of back-off", s.Metrics[metric.LogicalE2E].Mean, 1100, 0.5)
	if c := out.Conservation; c.Attempts != c.Dispatched+c.Retries || c.ServerAttempts == nil || *c.ServerAttempts != 20 {
		t.Errorf("conservation %+v", c)
	}
}

func TestPlainAnswersHaveNoTokenTimes(t *testing.T) {
	out := run(t, `engine: {model: fixed, ttft: 100ms, itl: 10ms}`, `
workload: {stream: false, output: {tokens: 11}}
load: {closed: {concurrency: 1}, requests: 10}
`, 0)
	s := out.Stages[0]
	near(t, "e2e", s.Metrics[metric.E2E].Mean, 200, 0.5)
	for _, name := range []metric.Name{metric.TTFT, metric.TPOT, metric.ICL} {
		if _, has := s.Metrics[name]; has {
			t.Errorf("a plain answer has %s", name)
		}
	}
	if s.Tokens.Output != 110 || s.Tokens.Source != string(results.FromUsage) {
		t.Errorf("tokens %+v, want 110 from usage", s.Tokens)
	}
}

func TestAfterStageMayEndTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, `engine: {model: none}`)
		defer b.close()
		res, err := runner.Run(t.Context(), plan(t, "load: {closed: {concurrency: [1, 2, 4]}, requests: 4}"), b, runner.Config{
			RunID: "t", Model: "demo-8b", Dial: b.pipes.dial,
			AfterStage: func(s results.StageSummary) string {
				if s.Name == "c=2" {
					return "enough"
				}
				return ""
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Stages) != 2 || res.Stages[1].StopReason != "enough" {
			t.Errorf("%d stages, the last stopped by %q; want 2, by enough", len(res.Stages), res.Stages[len(res.Stages)-1].StopReason)
		}
	})
}

func TestRecordsNeverLeakGoroutinesOrSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble itself fails when a goroutine stays
		b := newBed(t, `engine: {model: none}`)
		defer b.close()
		p := plan(t, "load: {closed: {concurrency: 4}, requests: 40}\nfaults: [{when: {every: 2}, action: {status: 401, body: '{\"error\": {\"message\": \"bad key sk-planted\"}}'}}]")
		p.Target.APIKey = "sk-planted"
		var mu sync.Mutex
		var seen []string
		_, err := runner.Run(t.Context(), p, b, runner.Config{RunID: "t", Model: "demo-8b", Dial: b.pipes.dial, Append: func(r *results.Record) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprintf("%+v", *r))
		}})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range seen {
			if strings.Contains(text, "sk-planted") {
				t.Fatalf("a record holds the key: %s", text)
			}
		}
	})
}
