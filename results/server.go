package results

// Server is what the server said of itself on its Prometheus endpoints while a stage ran. A null is a thing that it did not
// say. Figures of the moment are of the readings inside the measured window; counts grew from the stage's first reading,
// before any request, to its last, after all of them: warm-up and tail are in them.
type Server struct {
	Readings int     `json:"readings"`        // in all
	Failed   int     `json:"failed_readings"` // of those, with a source that failed
	Samples  int     `json:"samples"`         // inside the window
	SpanS    float64 `json:"span_s"`          // counts are of: from the first to the last that was answered

	Running  *Gauge `json:"running_requests"`
	Waiting  *Gauge `json:"waiting_requests"`
	CacheUse *Gauge `json:"kv_cache_use_ratio"`
	PowerW   *Gauge `json:"power_w"`

	InputTokens   *float64     `json:"input_tokens"`
	OutputTokens  *float64     `json:"output_tokens"`
	CacheHitRatio *float64     `json:"prefix_cache_hit_ratio"` // of the prompt tokens that were looked up
	Preemptions   *float64     `json:"preemptions"`
	EnergyJ       *float64     `json:"energy_j"`
	JPerOutToken  *float64     `json:"energy_j_per_output_token"` // as the server counts both
	Speculative   *Speculative `json:"speculative,omitempty"`     // where tokens were proposed
	TTFT          *ServerTTFT  `json:"ttft,omitempty"`            // where its histogram is told
}

// Gauge is a figure of the moment over a stage's window.
type Gauge struct {
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
}

// Speculative is what came of guessing ahead.
type Speculative struct {
	Drafts           *float64 `json:"drafts"` // steps for which tokens were proposed
	DraftTokens      *float64 `json:"draft_tokens"`
	AcceptedTokens   *float64 `json:"accepted_tokens"`
	AcceptanceRatio  *float64 `json:"acceptance_ratio"`
	AcceptanceLength *float64 `json:"acceptance_length"` // tokens a step: those accepted, and the one of its own
}

// ServerTTFT holds the server's own time to first token against ours, over the same time. Ours is of each attempt of which
// a first token came: of a request's first from its dispatch, of a retry from its start.
type ServerTTFT struct {
	Count     int64       `json:"count"`
	MeanMS    *float64    `json:"mean_ms"`
	P50MS     *float64    `json:"p50_ms"` // straight through its bucket
	P50Bucket *[2]float64 `json:"p50_bucket_ms"`
	P99MS     *float64    `json:"p99_ms"`
	P99Bucket *[2]float64 `json:"p99_bucket_ms"`

	ClientCount  int64    `json:"client_count"`
	ClientMeanMS *float64 `json:"client_mean_ms"`
	ClientP50MS  *float64 `json:"client_p50_ms"`
	ClientP99MS  *float64 `json:"client_p99_ms"`

	DifferenceMS   *float64 `json:"difference_ms"`    // client mean - server mean; null where they are not of the same requests
	ClientBeforeMS *float64 `json:"client_before_ms"` // of ours, mean: before the request was written; null where it is not known for all
	ClientAfterMS  *float64 `json:"client_after_ms"`  // of ours, mean: from the kernel's stamp to ours; null where it is not known for all
	Explanation    string   `json:"explanation"`
}
