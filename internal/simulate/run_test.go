package simulate_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/llmload/llmload/internal/simulate"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// A bench is a real runner, client and server in a bubble, joined by pipes: a
// run in which the wire takes no time.
type bench struct {
	*mockserver.Server
	conns chan net.Conn
	done  chan struct{}
}

func (b *bench) Accept() (net.Conn, error) {
	select {
	case c := <-b.conns:
		return c, nil
	case <-b.done:
		return nil, net.ErrClosed
	}
}

func (b *bench) Addr() net.Addr { return &net.TCPAddr{} }

func (b *bench) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case b.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A listener closes the bench's door, not its server.
type listener struct{ *bench }

func (l listener) Close() error { close(l.done); return nil }

func (b *bench) Endpoint() string { return "http://mock" }

func (b *bench) BeginStage(_ context.Context, s *scenarios.Stage) error {
	_, err := b.Server.BeginStage(s.Name, nil)
	return err
}

func (b *bench) Seen(context.Context) (runner.Seen, error) {
	n := b.State().Attempts
	return runner.Seen{Attempts: &n}, nil
}

// ran is what a run of the plan measures, with prompts of the same nonce as a simulation's.
func ran(t *testing.T, plan *scenarios.Plan, cfg mockserver.Config) (stages []results.StageSummary) {
	synctest.Test(t, func(t *testing.T) {
		server, err := mockserver.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		b := &bench{server, make(chan net.Conn), make(chan struct{})}
		web := &http.Server{Handler: server}
		go web.Serve(listener{b})
		res, err := runner.Run(t.Context(), plan, b, runner.Config{RunID: "run", Model: "demo-8b", Nonce: plan.Seed, Dial: b.dial})
		if err != nil {
			t.Fatal(err)
		}
		server.Close()
		web.Close()
		stages = res.Stages
	})
	return stages
}

// A simulation must be the very run that a wire without length would carry.
func TestASimulationIsARunWithoutTheWire(t *testing.T) {
	const fixed = "mock: {seed: 4, engine: {model: fixed, ttft: 30ms, itl: 3ms, max_num_seqs: 5, max_queue: 500}}"
	const step = "mock: {seed: 4, engine: {model: step, c0: 6ms, prefill_per_token: 20us, decode_per_seq: 200us, kv_per_token: 60ns, max_num_seqs: 6, " +
		"max_batched_tokens: 200, kv_tokens: 4000, jitter: {cv: 0.2}}, "
	const prompts = "workload: {prompts: {synthetic: {input_tokens: 100}}, output: {tokens: 20}"
	for _, c := range []struct{ name, scenario string }{
		{"a closed loop", fixed + "}\n" + prompts + "}\nload: {closed: {concurrency: [1, 4]}, requests: 60, warmup: {requests: 9}, pause: 200ms}"},
		{"a time in place of a count", fixed + "}\n" + prompts + "}\nload: {closed: {concurrency: 4}, duration: 2s, warmup: {duration: 300ms}}"},
		{"plain answers", fixed + "}\n" + prompts + ", stream: false}\nload: {closed: {concurrency: 7}, requests: 40}"},
		{"batches of requests", fixed + "}\n" + prompts + "}\nload: {closed: {concurrency: 1}, batch: {size: [3, 7]}, requests: 50}"},
		{"requests of several prompts", fixed + "}\n" + prompts + ", api: completions}\nload: {closed: {concurrency: 2}, batch: {size: 3, mode: request}, requests: 50}"},
		{"embeddings", fixed + "}\nworkload: {api: embeddings}\nload: {closed: {concurrency: 7}, requests: 50}"},
		{"a constant rate under a cap", fixed + "}\n" + prompts + "}\nload: {open: {rate: [50/s], arrivals: constant, max_in_flight: 3}, requests: 60, warmup: {requests: 5}}"},
		{"answers longer than the load", "mock: {engine: {ttft: 3s}}}\n" + prompts + "}\nload: {open: {rate: 50/s, arrivals: constant}, requests: 20}"},
		{"a Poisson process", step + "}}\n" + prompts + "}\nslo: {ttft: 100ms, tpot: 9ms}\nload: {open: {rate: [20/s, 40/s], arrivals: poisson}, duration: 2s, warmup: {duration: 500ms}}"},
		{"bursts", step + "}}\n" + prompts + "}\nload: {open: {rate: 30/s, arrivals: gamma(0.3)}, requests: 80, warmup: {requests: 5}}"},
		{"a think time", fixed + "}\n" + prompts + "}\nload: {closed: {concurrency: [1, 4], think_time: {mean: 50ms, stddev: 20ms, min: 10ms}}, duration: 2s, warmup: {requests: 3}}"},
		{"a server that cannot keep up", fixed + "}\n" + prompts + "}\nload: {open: {rate: 100/s}, requests: 3000, stop: {saturated: true}, repeat: 2}"},
		{"a server that cannot keep up, under a cap", fixed + "}\n" + prompts + "}\nload: {open: {rate: 100/s, max_in_flight: 50}, requests: 3000, stop: {saturated: true}}"},
		{"answers that outlast the stop", "mock: {seed: 4, engine: {model: fixed, ttft: 3s, itl: 200ms, max_num_seqs: 12, max_queue: 5000}}}\n" + prompts + "}\nload: {open: {rate: 40/s}, requests: 3000, stop: {saturated: true, ends: run}}\nstages: [{name: a}, {name: never}]"},
		{"a budget", fixed + "}\n" + prompts + "}\nload: {closed: {concurrency: 4}, requests: 60}\nbudget: {total_tokens: 5k}\nstages: [{name: a}, {name: never}]"},
		{"a budget of an open loop", fixed + "}\n" + prompts + "}\nload: {open: {rate: 30/s}, requests: 60}\nbudget: {usd: 0.01, prices: {input_per_mtok: 1, output_per_mtok: 5}}\nstages: [{name: a}, {name: never}]"},
		{"a budget that ends in the tail", fixed + "}\n" + prompts + "}\nload: {open: {rate: 50/s}, requests: 20}\nbudget: {total_tokens: 3k}"},
		{"a ramp", fixed + "}\n" + prompts + "}\nload: {open: {arrivals: \"ramp(5/s, 60/s)\"}, duration: 2s, warmup: {duration: 500ms}}"},
		{"steps", fixed + "}\n" + prompts + "}\nload: {open: {arrivals: \"steps(5/s 1s, 60/s 1s)\"}}"},
		{"a trace, with its lengths", fixed + "}\nload: {open: {arrivals: \"trace(t.csv, 2)\"}, requests: 50}"},
		{"a step engine in a closed loop", step + "}}\n" + prompts + "}\nload: {closed: {concurrency: [1, 9]}, requests: 50}"},
		{"natural lengths", step + "output: {natural: 15}}}\nworkload: {prompts: {synthetic: {input_tokens: 100}}, output: {tokens: 40, mode: cap}}\nload: {open: {rate: 30/s}, requests: 50}"},
		{"a warm cache", step + "prefix_cache: true}}\nworkload: {prompts: {synthetic: {input_tokens: 100}, cache: warm}, output: {tokens: 20}}\nload: {open: {rate: 30/s}, requests: 50}"},
		{"a mix", step + "}}\nmix: [{weight: 2, prompts: {synthetic: {input_tokens: {distribution: uniform, min: 9, max: 90}}}, output: {tokens: 9}}, {name: code, api: completions, prompts: {text: {words: 70}}, output: {mode: cap, tokens: {mean: 20, stddev: 5}}}]\n" +
			"load: {open: {rate: 30/s}, requests: 50}"},
		{"a shared prefix", step + "prefix_cache: true}}\nworkload: {prompts: {synthetic: {input_tokens: 200}, cache: shared(0.5)}, output: {tokens: 20}}\nload: {closed: {concurrency: 3}, requests: 50}"},
		{"a batch file", step + "}}\nworkload: {prompts: {batch: requests.jsonl}}\nload: {open: {rate: 20/s}, requests: 20}"},
		{"sessions", step + "prefix_cache: true}}\nworkload: {prompts: {synthetic: {input_tokens: 40}}, output: {tokens: 20}}\n" +
			"load: {sessions: {rate: 3/s, turns: {distribution: uniform, min: 1, max: 6}, tool_delay: {mean: 500ms, stddev: 200ms}, system_tokens: 64}, requests: 90, warmup: {requests: 12}}"},
		{"sessions under a cap", "mock: {engine: {ttft: 100ms, itl: 3ms}}}\nworkload: {prompts: {synthetic: {input_tokens: 40}}, output: {tokens: 20}}\n" +
			"load: {sessions: {rate: 5/s, max_in_flight: 2}, requests: 60}"},
		{"sessions that come in steps", fixed + "}\nworkload: {prompts: {synthetic: {input_tokens: 40}}, output: {tokens: 20}}\n" +
			"load: {sessions: {arrivals: \"steps(2/s 2s, 9/s 2s)\", turns: 3, tool_delay: 300ms}, warmup: {duration: 1s}}"},
		{"a budget of a mix", step + "}}\nmix: [{weight: 2, prompts: {synthetic: {input_tokens: {distribution: uniform, min: 9, max: 90}}}, output: {tokens: 9}}, {name: code, api: completions, output: {tokens: {mean: 20, stddev: 5}}}]\n" +
			"load: {open: {rate: 30/s}, requests: 50}\nbudget: {total_tokens: 8k}"},
		{"speculative decoding", "mock: {engine: {model: step, c0: 6ms, speculative: {tokens: 3, acceptance: 0.6}}}}\n" + prompts + ", extra_body: {stream_options: {include_usage: true, continuous_usage_stats: true}}}\nload: {open: {rate: 30/s}, requests: 50}"},
		{"hidden reasoning", "mock: {engine: {ttft: 30ms, itl: 3ms}, output: {reasoning: 8, reasoning_mode: hidden}, stream: {tokens_per_chunk: 3}}}\n" + prompts + "}\nload: {closed: {concurrency: 3}, requests: 40}"},
		{"nothing but hidden reasoning", "mock: {engine: {ttft: 30ms, itl: 3ms}, output: {reasoning: 20, reasoning_mode: hidden}}}\n" + prompts + "}\nload: {closed: {concurrency: 3}, requests: 40}"},
		{"streamed reasoning", "mock: {engine: {ttft: 30ms, itl: 3ms}, output: {reasoning: 8}, stream: {tokens_per_chunk: 3}}}\n" + prompts + "}\nload: {closed: {concurrency: 3}, requests: 40}"},
		{"two choices and a prefix cache", step + "prefix_cache: true}}\nworkload: {prompts: {synthetic: {input_tokens: 100}, cache: warm}, output: {tokens: 20}, extra_body: {n: 2}}\nload: {open: {rate: 20/s}, requests: 50}"},
		{"speculative decoding with hidden reasoning", "mock: {engine: {model: step, c0: 6ms, speculative: {tokens: 3, acceptance: 0.6}}, output: {reasoning: 6, reasoning_mode: hidden}}}\n" + prompts + ", extra_body: {stream_options: {include_usage: true, continuous_usage_stats: true}}}\nload: {open: {rate: 30/s}, requests: 50}"},
		{"speculative decoding with streamed reasoning", "mock: {engine: {model: step, c0: 6ms, speculative: {tokens: 3, acceptance: 0.6}}, output: {reasoning: 6}}}\n" + prompts + ", extra_body: {stream_options: {include_usage: true, continuous_usage_stats: true}}}\nload: {open: {rate: 30/s}, requests: 50}"},
		{"an answer that is a call", "mock: {engine: {ttft: 30ms, itl: 3ms}}}\n" + prompts + ", extra_body: {tool_choice: required, tools: [{type: function, function: {name: f, parameters: {type: object, properties: {a: {type: string}}, required: [a]}}}], " +
			"stream_options: {include_usage: true, continuous_usage_stats: true}}}\nload: {closed: {concurrency: 3}, requests: 40}"},
		{"an answer that stops at once", "mock: {engine: {ttft: 30ms, itl: 3ms}}}\nworkload: {output: {tokens: 20, mode: cap}, extra_body: {stop: [a, e, o, i]}}\nload: {closed: {concurrency: 3}, requests: 40}"},
		{"an early role and chunks of three", "mock: {engine: {ttft: 30ms, itl: 3ms}, stream: {role_chunk: early, tokens_per_chunk: 3}}}\n" + prompts + "}\nload: {closed: {concurrency: 3}, requests: 40}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := plan(t, "name: x\nseed: 11\ntarget: {"+c.scenario)
			cfg := config(t, plan)
			want := ran(t, plan, cfg)
			got, err := simulate.Run(t.Context(), plan, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Stages) != len(want) {
				t.Fatalf("%d stages simulated, %d ran", len(got.Stages), len(want))
			}
			for i := range want {
				want[i].Instrument = results.Instrument{} // what the client alone knows
				if a, b := text(t, got.Stages[i]), text(t, want[i]); a != b {
					t.Errorf("stage %s\nsimulated %s\nran       %s", want[i].Name, a, b)
				}
			}
		})
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
