package scenarios_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestAPlanSaysWhatItMaySend holds the line below the hash.
func TestAPlanSaysWhatItMaySend(t *testing.T) {
	for _, c := range []struct{ sentence, src, want string }{
		{"warm-up counts", "load: {closed: {concurrency: [1, 2]}, requests: 10, warmup: {requests: 2}}", "at most 24 prompts, input tokens 12288, output tokens 3072"},
		{"so does the tail of an open loop", "load: {open: {rate: 5/s}, requests: 10}", "at most 20 prompts, input tokens 10240, output tokens 2560"},
		{"whose batches are full", "load: {open: {rate: 5/s}, requests: 10, batch: {size: 4}}", "at most 22 prompts, input tokens 11264, output tokens 2816"},
		{"a duration of even arrivals is a count", "load: {open: {rate: 5/s, arrivals: constant}, duration: 2s, warmup: {duration: 1s}}", "at most 25 prompts, input tokens 12800, output tokens 3200"},
		{"an hour of many, too, but for its cost in time", "load: {open: {rate: 1000/s, arrivals: constant}, duration: 1h}", "how much is sent is not bounded: time ends stage rate=1000/s"},
		{"a duration of a closed loop is not", "load: {closed: {concurrency: 3}, duration: 1m}", "how much is sent is not bounded: time ends stage c=3"},
		{"but for its budget", "load: {closed: {concurrency: 3}, duration: 1m}\nbudget: {total_tokens: 5k}", "the budget bounds what is sent: time ends stage c=3"},
		{"a requests bound of a closed loop is one", "load: {closed: {concurrency: 3}, duration: 1m, requests: 5}", "at most 5 prompts, input tokens 2560, output tokens 640"},
		{"prompts of a file have as many tokens as the server says", "workload: {prompts: {file: two.jsonl}}", "at most 100 prompts, input tokens unknown, output tokens 12800"},
		{"natural answers are as long as it likes", "workload: {output: {mode: natural}}", "at most 100 prompts, input tokens 51200, output tokens unknown"},
		{"embeddings have none", "workload: {api: embeddings}", "at most 100 prompts, input tokens 51200, output tokens 0"},
		{"a trace has its own", "load: {open: {arrivals: trace(azure.csv)}, requests: 2}", "at most 4 prompts, input tokens 1740, output tokens 224"},
		{"with prices there is a cost", "budget: {total_tokens: 1M, prices: {input_per_mtok: 10, output_per_mtok: 100}}", "at most 100 prompts, input tokens 51200, output tokens 12800, 1.79 USD"},
		{"which may be too high", "budget: {usd: 1, prices: {input_per_mtok: 10, output_per_mtok: 100}}", "at most 100 prompts, input tokens 51200, output tokens 12800, 1.79 USD; the budget ends it earlier"},
		{"as may the tokens", "budget: {total_tokens: 60k}", "at most 100 prompts, input tokens 51200, output tokens 12800; the budget ends it earlier"},
		{"a billion of drawn lengths is not drawn", "workload: {prompts: {synthetic: {input_tokens: {mean: 100, stddev: 9, min: 100, max: 100}}}}\nload: {requests: 1000000000}", "about 1000000000 prompts, input tokens 100000000000, output tokens 128000000000"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			if got := strings.Split(text(t, mustPlan(t, c.src)), "\n")[2]; got != "# "+c.want {
				t.Errorf("got  %s\nwant # %s", got, c.want)
			}
		})
	}
}

func TestAPlanSaysHowLongItMayTake(t *testing.T) {
	const plain = "workload: {stream: false}\n"
	const goesOn = ", as no time-out ends a stream that goes on"
	const beside = " of load; unbounded beside it: counted warm-ups and each stage's last answers"
	const whole = ", if each answer takes as long as the client's time-outs let it"
	for _, c := range []struct{ sentence, src, want string }{
		{"a stream may go on, and requests alone end this stage", "", "time unbounded: stage c=1 ends with its last answer, and no time-out ends a stream that goes on"},
		{"a duration bounds the load", "load: {closed: {concurrency: [1, 2]}, duration: 30s, warmup: {requests: 4}, pause: 5s}", "time at most 1m5s" + beside + goesOn},
		{"so does an open loop", "load: {open: {rate: 10/s, arrivals: constant}, requests: 50}", "time at most 4.9s" + beside + goesOn},
		{"one stage without bound is enough", "stages: [{load: {duration: 9s}}, {name: b, load: {requests: 5}}]", "time unbounded: stage b ends with its last answer, and no time-out ends a stream that goes on"},
		{"a plain answer takes ten minutes, and two workers share six", plain + "load: {closed: {concurrency: 2}, requests: 5, warmup: {requests: 1}}", "time at most 30m0s" + whole},
		{"a duration and the last answers", plain + "load: {closed: {concurrency: 2}, duration: 20s}\nclient: {timeout: 10s}", "time at most 30s" + whole},
		{"a warm-up of requests comes before", plain + "load: {closed: {concurrency: 2}, duration: 20s, warmup: {requests: 4}}\nclient: {timeout: 10s}", "time at most 50s" + whole},
		{"an open loop, its answers, and those of its tail", plain + "load: {open: {rate: 10/s, arrivals: constant}, requests: 50}\nclient: {timeout: 10s}", "time at most 24.9s" + whole},
		{"a cap makes them wait", plain + "load: {open: {rate: 10/s, arrivals: constant, max_in_flight: 25}, requests: 50}\nclient: {timeout: 10s}", "time at most 54.9s" + whole},
		{"think time comes between", plain + "load: {closed: {think_time: 5s}, requests: 3}\nclient: {timeout: 10s}", "time at most 45s" + whole},
		{"as a rate limit does", plain + "load: {requests: 3}\nclient: {timeout: 10s, rate_limit: 1/s}", "time at most 33s" + whole},
		{"no time-out, no bound", plain + "client: {timeout: off}", "time unbounded: stage c=1 ends with its last answer, and client.timeout is off"},
		{"nor with retries", plain + "client: {max_retries: 1}", "time unbounded: stage c=1 ends with its last answer, and a server may have retries wait"},
		{"a year of arrivals is not walked", "load: {open: {rate: 1000/s}, duration: 900h}", "time about 900h0m0s" + beside + goesOn},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			if got := strings.Split(text(t, mustPlan(t, c.src)), "\n")[3]; got != "# "+c.want {
				t.Errorf("got  %s\nwant # %s", got, c.want)
			}
		})
	}
}

// What is set aside for a request is what it is sent with.
func TestTokensAreThoseOfTheRequest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SampledFrom([]string{
			"workload: {prompts: {synthetic: {input_tokens: {mean: 30, stddev: 9}}}}",
			"workload: {prompts: {synthetic: {input_tokens: {mean: 30, stddev: 9}}, cache: warm}}",
			"workload: {prompts: {synthetic: {input_tokens: {mean: 30, stddev: 9}}, cache: shared(0.5)}, output: {tokens: {distribution: uniform, min: 1, max: 50}}}",
			"load: {open: {arrivals: trace(azure.csv)}, requests: 9}",
			"load: {open: {arrivals: trace(mooncake.jsonl)}, requests: 9}",
			"workload: {output: {tokens: {mean: 30, stddev: 9}}}\nload: {open: {arrivals: trace(azure.csv)}, requests: 9}",
			"workload: {prompts: {file: two.jsonl}}",
			"workload: {prompts: {text: {words: {mean: 30, stddev: 9}}}}",
			"workload: {prompts: {batch: batch.jsonl}}",
			"mix: [{prompts: {synthetic: {input_tokens: {mean: 30, stddev: 9}}}}, {prompts: {file: two.jsonl}, output: {tokens: {mean: 9, stddev: 3}}}, {weight: 2, prompts: {synthetic: {}, cache: warm}}]\nload: {warmup: {requests: 20}}",
		}).Draw(t, "scenario")
		p, err := plan(src)
		if err != nil {
			t.Fatal(err)
		}
		s, index, prompts := &p.Stages[0], rapid.Int64Range(0, 1000).Draw(t, "index"), 1
		if s.Prompts.Source == "synthetic" {
			prompts = rapid.IntRange(1, 3).Draw(t, "prompts")
		}
		want := s.Request(index, prompts, 5)
		if in, out := s.Tokens(index, prompts); in != want.Input || out != want.Tokens*prompts {
			t.Errorf("%d and %d tokens, want %d and %d", in, out, want.Input, want.Tokens*prompts)
		}
	})
}
