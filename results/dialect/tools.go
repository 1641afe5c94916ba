package dialect

import (
	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

func succeeded(r *results.Record) bool { return r.Outcome == results.OK }

// vllm is `vllm bench serve` (vllm/benchmarks/serve.py, calculate_metrics; lib/endpoint_request_func.py).
func vllm() *Tool {
	return &Tool{
		Name: "vllm", Title: "vLLM 0.33.0, vllm bench serve",
		// An error event after the first chunk is a chunk without choices to it.
		counts: func(r *results.Record) bool {
			return succeeded(r) || r.Outcome == results.StreamError && r.Last().FirstTokenNS != 0
		},
		times: []definition{
			{"TTFT", metric.TTFT, "", once(firstToken)},
			{"TPOT", metric.TPOT, "divides by output tokens - 1, ours by visible tokens after the first arrival", once(perToken)},
			{"ITL", metric.ICL, "the gap between events, ours between arrivals: events that one read brought have gaps of 0", chunks},
			{"E2EL", metric.E2E, "ends with the last content, ours with the end marker", once(toContent)},
		},
		rates: wholeRun(func(s *sample) *span { return &s.all }, "Request throughput", "Output token throughput", "Total token throughput"),
	}
}

// guidellm is GuideLLM (guidellm/schemas/base/request_stats.py, statistics.py, benchmark/schemas/metrics.py).
func guidellm() *Tool {
	return &Tool{
		Name: "guidellm", Title: "GuideLLM 0.8.1", counts: succeeded, weighed: true,
		times: []definition{
			{"time_to_first_token_ms", metric.TTFT, "", once(firstToken)},
			{"time_per_output_token_ms", metric.TPOT, "from the start over all tokens, so it holds a share of TTFT; each request weighs as many as its tokens", perOutputToken},
			{"inter_token_latency_ms", metric.TPOT, "divides by output tokens - 1; each request weighs as many as that", weighedPerToken},
			{"request_latency", metric.E2E, "", once(toEnd)},
		},
		rates: wholeRun(func(s *sample) *span { return &s.all }, "requests_per_second mean", "output_tokens_per_second mean", "tokens_per_second mean"),
	}
}

func perOutputToken(r *results.Record, yield func(ns, weight float64)) {
	if n := float64(tokens(r)); n > 0 {
		ns, _ := toContent(r)
		yield(ns/n, n)
	}
}

func weighedPerToken(r *results.Record, yield func(ns, weight float64)) {
	if ns, after, ok := decode(r); ok {
		yield(ns/after, after)
	}
}

// aiperf is AIPerf (aiperf/metrics/types/*, metrics/metric_dicts.py), without --per-chunk-usage.
func aiperf() *Tool {
	return &Tool{
		Name: "aiperf", Title: "AIPerf 0.13.0", counts: succeeded,
		times: []definition{
			{"time_to_first_token", metric.TTFT, "", once(firstToken)},
			{"time_to_first_output_token", metric.TTFOT, "", once(firstOutput)},
			{"inter_token_latency", metric.TPOT, "divides by output tokens - 1, ours by visible tokens after the first arrival", once(perToken)},
			{"inter_chunk_latency", metric.ICL, "the gap between events, ours between arrivals: events that one read brought have gaps of 0", chunks},
			{"request_latency", metric.E2E, "ends with the last content, ours with the end marker", once(toContent)},
		},
		rates: wholeRun(func(s *sample) *span { return &s.phase }, "request_throughput", "output_token_throughput", "total_token_throughput"),
	}
}

// inferencePerf is inference-perf (inference_perf/reportgen/base.py). Its own tokenizer's counts are the server's here.
func inferencePerf() *Tool {
	return &Tool{
		Name: "inference-perf", Title: "inference-perf 0.7.0", counts: succeeded,
		times: []definition{
			{"time_to_first_token", metric.TTFT, "of answers of two tokens or more", once(several(firstToken))},
			{"time_per_output_token", metric.TPOT, "divides by output tokens - 1, ours by visible tokens after the first arrival", once(perToken)},
			{"normalized_time_per_output_token", metric.TPOT, "the whole latency over all tokens, so it holds a share of TTFT; 0 of an answer without tokens", once(normalized)},
			{"inter_token_latency", metric.ITL, "tokens that came together have gaps of 0, where ours shares the gap among them", tokenGaps},
			{"request_latency", metric.E2E, "", once(toEnd)},
		},
		rates: wholeRun(func(s *sample) *span { return &s.all }, "requests_per_sec", "output_tokens_per_sec", "total_tokens_per_sec"),
	}
}

// several leaves out streams of fewer than two tokens.
func several(of func(*results.Record) (float64, bool)) func(*results.Record) (float64, bool) {
	return func(r *results.Record) (float64, bool) {
		ns, ok := of(r)
		return ns, ok && tokens(r) > 1
	}
}

func normalized(r *results.Record) (float64, bool) {
	ns, _ := toEnd(r)
	if n := tokens(r); n > 0 {
		return ns / float64(n), true
	}
	return 0, true
}

// wholeRun makes the rates of tools that divide what succeeded by a span of the run, first requests and drain included.
func wholeRun(of func(*sample) *span, requests, output, total string) func(*sample) []Rate {
	return func(s *sample) []Rate {
		d := of(s)
		note := "over the whole run, its start and its drain included; ours over the measured window"
		return []Rate{
			{Name: requests, Unit: "req/s", Ours: metric.RequestsPerS, Note: note, V: d.per(int64(s.ok))},
			{Name: output, Unit: "tok/s", Ours: metric.OutputTokensPerS, Note: note, V: d.per(s.output)},
			{Name: total, Unit: "tok/s", Ours: metric.TotalTokensPerS, Note: note, V: d.per(s.input + s.output)},
		}
	}
}
