package scenarios_test

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/llmload/llmload/scenarios"
)

// shardOf is one part of a scenario's only stage.
func shardOf(t testing.TB, p *scenarios.Plan, i, n int) *scenarios.Stage {
	t.Helper()
	part, err := p.Shard(scenarios.Shard{Index: i, Count: n})
	if err != nil {
		t.Fatal(err)
	}
	return &part.Stages[0]
}

// drain takes a stage's arrivals up to the tail. Time goes on by tick with each.
func drain(s *scenarios.Stage, tick time.Duration) (out []scenarios.Arrival) {
	schedule := s.Schedule()
	for now := time.Duration(0); ; now += tick {
		a, ok := schedule.Next(now)
		if !ok || a.Tail {
			return out
		}
		out = append(out, a)
	}
}

func byIndex(a, b scenarios.Arrival) int { return cmp.Compare(a.Index, b.Index) }

func TestTheUnionOfShardsIsTheWhole(t *testing.T) {
	for _, row := range []struct{ sentence, load string }{
		{"constant arrivals", "{open: {rate: 50/s, arrivals: constant}, requests: 203, warmup: {requests: 11}}"},
		{"a Poisson process for a time", "{open: {rate: 50/s}, duration: 5s, warmup: {duration: 1s}}"},
		{"bursts, in batches", "{open: {rate: 50/s, arrivals: gamma(0.3)}, requests: 200, batch: {size: 3}}"},
		{"a ramp", `{open: {arrivals: "ramp(5/s, 80/s)"}, duration: 4s}`},
		{"a trace", `{open: {arrivals: "trace(mooncake.jsonl)"}}`},
		{"sessions of several turns", "{sessions: {rate: 20/s, turns: {mean: 4, stddev: 2}}, requests: 300}"},
		{"a closed loop", "{closed: {concurrency: 7}, requests: 203, warmup: {requests: 11}}"},
		{"a closed loop of batches, the last one smaller", "{closed: {concurrency: 7}, requests: 203, batch: {size: 4}}"},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			p := mustPlan(t, "seed: 5\nload: "+row.load)
			whole := drain(&p.Stages[0], 0)
			for _, n := range []int{1, 2, 3, 7} {
				if row.sentence == "a trace" && n > 2 {
					continue
				}
				var union []scenarios.Arrival
				shares := 0
				for i := range n {
					part := shardOf(t, p, i, n)
					union = append(union, drain(part, 0)...)
					shares += part.Share()
				}
				if shares != p.Stages[0].Requests {
					t.Errorf("%d shards: the shares of %d requests are %d", n, p.Stages[0].Requests, shares)
				}
				slices.SortFunc(union, byIndex)
				if !reflect.DeepEqual(union, whole) {
					t.Errorf("%d shards: the union has %d arrivals, the whole %d, or others", n, len(union), len(whole))
				}
			}
		})
	}
}

// Shards of a closed loop go at their own pace; what a time ends they end apart, and the requests are all sent all the same.
func TestRequestsOfAClosedLoopAddUpAtAnyPace(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(r, "shards")
		workers := rapid.IntRange(n, 40).Draw(r, "workers")
		warm := rapid.SampledFrom([]string{"", ", warmup: {requests: 13}", ", warmup: {duration: 2s}", ", warmup: {requests: 9, duration: 1s}"}).Draw(r, "warm-up")
		p := mustPlan(t, "load: {closed: {concurrency: "+strconv.Itoa(workers)+"}, requests: 500"+warm+"}")
		measured, seen, all := 0, map[int64]bool{}, 0
		for i := range n {
			s := shardOf(t, p, i, n)
			all += s.Workers()
			for _, a := range drain(s, time.Duration(rapid.IntRange(1, 100).Draw(r, "pace"))*time.Millisecond) {
				if seen[a.First] {
					r.Fatalf("prompt %d is sent twice", a.First)
				}
				seen[a.First] = true
				if !a.Warmup {
					measured += a.Size
				}
			}
		}
		if measured != 500 || all != workers {
			r.Fatalf("%d of 500 requests were measured, %d of %d workers sent them", measured, all, workers)
		}
	})
}

func TestPromptsOfShardsAreThoseOfTheWhole(t *testing.T) {
	p := mustPlan(t, `
mix:
  - {name: a, prompts: {synthetic: {input_tokens: {mean: 40, stddev: 10}}}, output: {tokens: {mean: 20, stddev: 5}}}
  - {name: b, prompts: {synthetic: {input_tokens: 30}, cache: shared(0.5)}}
load: {open: {rate: 50/s}, requests: 60}
`)
	for i := range 3 {
		s := shardOf(t, p, i, 3)
		for _, a := range drain(s, 0) {
			got, want := s.Request(a.First, 1, 9), p.Stages[0].Request(a.First, 1, 9)
			if got.Name != want.Name || got.Tokens != want.Tokens || !slices.Equal(got.Texts, want.Texts) {
				t.Fatalf("shard %d, request %d: %+v, want %+v", i, a.Index, got, want)
			}
		}
	}
}

func TestWhatShardsDivide(t *testing.T) {
	p := mustPlan(t, "client: {pool_size: 5}\nbudget: {total_tokens: 1001, usd: 3, prices: {input_per_mtok: 1, output_per_mtok: 1}}\nload: {open: {rate: 50/s, max_in_flight: 7}, duration: 5s}")
	before, _ := p.Hash()
	var tokens, places, pool int
	usd := 0.0
	for i := range 3 {
		part, err := p.Shard(scenarios.Shard{Index: i, Count: 3})
		if err != nil {
			t.Fatal(err)
		}
		tokens, usd = tokens+int(part.Budget.TotalTokens), usd+part.Budget.USD
		places, pool = places+part.Stages[0].InFlight(), pool+int(part.Client.PoolSize)
	}
	if tokens != 1001 || usd != 3 || places != 7 || pool != 5 {
		t.Errorf("the shards have %d tokens, %v USD, %d places and %d connections", tokens, usd, places, pool)
	}
	if after, _ := p.Hash(); after != before || p.Stages[0].InFlight() != 7 || p.Budget.TotalTokens != 1001 {
		t.Error("the whole plan has changed")
	}
}

func TestWhatCannotBeDividedIsRefused(t *testing.T) {
	for _, row := range []struct{ sentence, scenario, want string }{
		{"a worker for each shard", "load: {closed: {concurrency: [1, 8]}, duration: 5s, pause: 1s}", "stage c=1: its workers, 1, cannot be divided among 4 shards: use at most 1"},
		{"a request for each", "load: {open: {rate: 5/s}, requests: 3}", "stage rate=5/s: its 3 requests, in batches of 1, cannot"},
		{"a place for each", "load: {open: {rate: 5/s, max_in_flight: 2}, duration: 5s}", "a max_in_flight of 2 cannot"},
		{"a limit of one process", "client: {rate_limit: 60/m}\nload: {open: {rate: 5/s}, duration: 5s}", "client.rate_limit holds one process"},
		{"a pool", "client: {pool_size: 3}\nload: {open: {rate: 5/s}, duration: 5s}", "a pool_size of 3 cannot"},
		{"a budget", "budget: {total_tokens: 3}\nload: {open: {rate: 5/s}, duration: 5s}", "a budget of 3 tokens cannot"},
		{"a second stage at no certain time", "load: {open: {rate: [5/s, 9/s]}, requests: 100, pause: 1s}", "stage rate=5/s: shards begin the next stage together"},
		{"stages without a pause", "load: {open: {rate: [5/s, 9/s]}, duration: 5s}", "write duration and pause"},
		{"a warm-up of requests before a second stage", "load: {open: {rate: [5/s, 9/s]}, duration: 5s, pause: 1s, warmup: {requests: 5}}", "warmup with a duration and no requests"},
		{"nothing: stages that all know ahead", "load: {open: {rate: [5/s, 9/s]}, duration: 5s, pause: 1s, warmup: {duration: 2s}}", ""},
	} {
		_, err := mustPlan(t, row.scenario).Shard(scenarios.Shard{Index: 1, Count: 4})
		if (row.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", row.sentence, err, row.want)
		}
	}
	for _, sh := range []scenarios.Shard{{0, 0}, {-1, 4}, {4, 4}, {0, 1001}} {
		if _, err := mustPlan(t, "").Shard(sh); err == nil {
			t.Errorf("%+v was taken", sh)
		}
	}
}

func TestStagesOfShardsBeginTogether(t *testing.T) {
	p := mustPlan(t, "load: {open: {rate: [5/s, 9/s, 12/s]}, duration: 5s, pause: 1s, warmup: {duration: 2s}}")
	part, err := p.Shard(scenarios.Shard{Index: 1, Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	if got := part.StageStarts(); !slices.Equal(got, []time.Duration{0, 8 * time.Second, 16 * time.Second}) {
		t.Errorf("stages begin at %v", got)
	}
	if got := p.StageStarts(); got != nil {
		t.Errorf("a whole plan has stages at %v", got)
	}
}
