package results

import (
	"net/http"
	"strconv"
)

// Outcome names how a request ended. Success is OK alone.
type Outcome string

// The outcomes of DESIGN section 4. HTTP answers other than 2xx and 429 are named by StatusOutcome.
const (
	OK                Outcome = "ok"
	RateLimited       Outcome = "rate_limited"
	TimeoutQueue      Outcome = "timeout_queue"
	TimeoutConnect    Outcome = "timeout_connect"
	TimeoutFirstToken Outcome = "timeout_first_token"
	TimeoutIdle       Outcome = "timeout_idle"
	TimeoutTotal      Outcome = "timeout_total"
	Refused           Outcome = "refused"
	Reset             Outcome = "reset"
	TLS               Outcome = "tls"
	DNS               Outcome = "dns"
	Truncated         Outcome = "truncated"
	Malformed         Outcome = "malformed"
	StreamError       Outcome = "stream_error"
	ContentType       Outcome = "content_type"
	TooLarge          Outcome = "too_large"
	Cancelled         Outcome = "cancelled"
	Dropped           Outcome = "dropped"
	Unknown           Outcome = "unknown" // a failure that an imported file does not explain
)

// StatusOutcome names an HTTP answer other than 2xx: rate_limited for 429, else http_ and the status, as in http_503.
func StatusOutcome(status int) Outcome {
	if status == http.StatusTooManyRequests {
		return RateLimited
	}
	return Outcome("http_" + strconv.Itoa(status))
}

// Record is one request from its place in the schedule to its end. Times are nanoseconds from the run's start on the
// monotonic clock; zero in a stamp that never happened. Warmup and Tail requests keep the server loaded before and after
// the measured ones.
type Record struct {
	ID           string            `json:"id"`
	Seq          int64             `json:"seq"`
	Stage        string            `json:"stage"`
	Warmup       bool              `json:"warmup,omitempty"` // sent first, outside every figure
	Tail         bool              `json:"tail,omitempty"`   // open loop: load kept up while the measured requests finish; outside too
	Batch        int64             `json:"batch,omitempty"`
	Session      int64             `json:"session,omitempty"`
	Turn         int               `json:"turn,omitempty"`
	Workload     string            `json:"workload,omitempty"`  // of a mix
	CustomID     string            `json:"custom_id,omitempty"` // of a batch file's request
	Endpoint     string            `json:"endpoint,omitempty"`  // where the target has several
	Labels       map[string]string `json:"labels,omitempty"`    // chosen headers of the last answer, by name in lower case
	Prompts      int               `json:"prompts"`
	IntendedNS   int64             `json:"intended_ns"`
	SlotNS       int64             `json:"slot_ns"`
	DispatchedNS int64             `json:"dispatched_ns"`
	DoneNS       int64             `json:"done_ns"`
	Outcome      Outcome           `json:"outcome"`
	Status       int               `json:"status,omitempty"`
	FinishReason string            `json:"finish_reason,omitempty"`
	Tokens       Tokens            `json:"tokens"`
	Attempts     []Attempt         `json:"attempts,omitempty"`
	Error        string            `json:"error,omitempty"`
}

// Tokens counts one request's tokens. Output is what the server says it generated, reasoning included; Reasoning and
// Cached are parts of Output and Input.
type Tokens struct {
	Input           int         `json:"input"`
	Cached          int         `json:"cached"`
	Reasoning       int         `json:"reasoning"`
	Output          int         `json:"output"`
	RequestedInput  int         `json:"requested_input,omitempty"`
	RequestedOutput int         `json:"requested_output,omitempty"`
	Source          TokenSource `json:"source,omitempty"`
}

// TokenSource says who counted the tokens.
type TokenSource string

// Token sources, best first.
const (
	FromUsage  TokenSource = "usage"  // the server's usage object
	FromEvents TokenSource = "events" // one token a content event: an assumption
)

// Attempt is one try over the wire. Stamps are nanoseconds from the run's start, zero when the attempt never got there.
type Attempt struct {
	StartedNS    int64 `json:"started_ns"`
	ConnectedNS  int64 `json:"connected_ns,omitempty"`
	SentNS       int64 `json:"sent_ns,omitempty"`
	HeadersNS    int64 `json:"headers_ns,omitempty"`
	FirstChunkNS int64 `json:"first_chunk_ns,omitempty"`
	FirstTokenNS int64 `json:"first_token_ns,omitempty"`
	FirstOutNS   int64 `json:"first_output_ns,omitempty"`
	// LastTokenNS is the last content where the arrivals before it are not known, as in files of other tools.
	LastTokenNS  int64    `json:"last_token_ns,omitempty"`
	DoneNS       int64    `json:"done_ns"`
	Outcome      Outcome  `json:"outcome"`
	Status       int      `json:"status,omitempty"`
	Reused       bool     `json:"reused,omitempty"`
	RequestID    string   `json:"request_id,omitempty"`
	RetryAfterMS int64    `json:"retry_after_ms,omitempty"`
	Arrivals     Arrivals `json:"arrivals,omitzero"`
	Reads        int      `json:"reads,omitempty"`
	MultiReads   int      `json:"multi_event_reads,omitempty"`
	// KernelLagNS is how much later than the kernel's receive stamp of its last byte each arrival was stamped here; of a plain
	// answer, its end. Negative where the kernel gave no stamp, empty where it was not asked.
	KernelLagNS []int64 `json:"kernel_lag_ns,omitempty"`
}

// Arrivals holds a stream's content arrivals column by column. An arrival is all content that one read brought. DtNS[0]
// counts from the attempt's start, later ones from the arrival before. K is the tokens of each arrival, empty where
// they are not known; Events is the content events of each.
type Arrivals struct {
	DtNS   []int64 `json:"dt_ns,omitempty"`
	K      []int   `json:"k,omitempty"`
	Events []int   `json:"events,omitempty"`
}

// Measured reports whether the request counts: it is neither warm-up nor tail.
func (r *Record) Measured() bool { return !r.Warmup && !r.Tail }

// Last returns the attempt that decided the request, or nil when nothing was sent.
func (r *Record) Last() *Attempt {
	if len(r.Attempts) == 0 {
		return nil
	}
	return &r.Attempts[len(r.Attempts)-1]
}
