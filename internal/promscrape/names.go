package promscrape

// Name is a figure by llmload's own name.
type Name string

// Figures of the moment.
const (
	Running      Name = "running"       // requests in the batch
	Waiting      Name = "waiting"       // requests in the queue
	CacheUse     Name = "cache_use"     // share of the KV memory
	AcceptLength Name = "accept_length" // tokens a step of speculative decoding, as the server averages them
	PowerW       Name = "power_w"       // of all GPUs that are told of
)

// Counts since the server's start.
const (
	InputTokens  Name = "input_tokens"
	OutputTokens Name = "output_tokens"
	CacheQueries Name = "cache_queries" // prompt tokens looked up in the prefix cache
	CacheHits    Name = "cache_hits"
	Preemptions  Name = "preemptions"
	Drafts       Name = "drafts"          // steps of speculative decoding
	Drafted      Name = "draft_tokens"    // tokens proposed
	Accepted     Name = "accepted_tokens" // of those
	EnergyMJ     Name = "energy_mj"       // millijoules
)

// figure says under which names servers export a figure, the first that is there wins, and how several series of it, of
// models, replicas or GPUs, make one number.
type figure struct {
	name   Name
	share  bool // the mean of its series, not their sum
	called []string
}

// figures are those of vLLM (vllm/v1/metrics/loggers.py, vllm/v1/spec_decode/metrics.py, and older names), SGLang
// (docs.sglang.io, production metrics) and NVIDIA's dcgm-exporter (etc/default-counters.csv).
var figures = [...]figure{ // figures of the moment first
	{Running, false, []string{"vllm:num_requests_running", "sglang:num_running_reqs"}},
	{Waiting, false, []string{"vllm:num_requests_waiting", "sglang:num_queue_reqs"}},
	{CacheUse, true, []string{"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage"}},
	{AcceptLength, true, []string{"sglang:spec_accept_length"}},
	{PowerW, false, []string{"DCGM_FI_DEV_POWER_USAGE"}},
	{InputTokens, false, []string{"vllm:prompt_tokens_total", "sglang:prompt_tokens_total"}},
	{OutputTokens, false, []string{"vllm:generation_tokens_total", "sglang:generation_tokens_total"}},
	{CacheQueries, false, []string{"vllm:prefix_cache_queries_total", "vllm:gpu_prefix_cache_queries_total"}},
	{CacheHits, false, []string{"vllm:prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"}},
	{Preemptions, false, []string{"vllm:num_preemptions_total"}},
	{Drafts, false, []string{"vllm:spec_decode_num_drafts_total"}},
	{Drafted, false, []string{"vllm:spec_decode_num_draft_tokens_total"}},
	{Accepted, false, []string{"vllm:spec_decode_num_accepted_tokens_total"}},
	{EnergyMJ, false, []string{"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"}},
}

// nGauges is how many of figures are of the moment.
const nGauges = 5

// firstToken are the names of the histogram of the time to first token, in seconds.
var firstToken = []string{"vllm:time_to_first_token_seconds", "sglang:time_to_first_token_seconds"}
