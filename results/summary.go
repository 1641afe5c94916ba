package results

import (
	"fmt"
	"strings"
	"time"

	"github.com/llmload/llmload/internal/metric"
)

// SchemaVersion is the version of the files in a run folder. Within a version fields are only added.
const SchemaVersion = 1

// Summary is what summary.json holds: a run's answer with the error of the instrument that measured it.
type Summary struct {
	SchemaVersion  int               `json:"schema_version"`
	Run            Run               `json:"run"`
	Environment    Environment       `json:"environment"`
	Target         Target            `json:"target"`
	Valid          bool              `json:"valid"`
	InvalidReasons []string          `json:"invalid_reasons"`
	Advisory       string            `json:"advisory,omitempty"` // why Valid says nothing: of a run that llmload did not measure
	Conservation   Conservation      `json:"conservation"`
	Instrument     Instrument        `json:"instrument"`
	Stages         []StageSummary    `json:"stages"`
	Thresholds     []ThresholdResult `json:"thresholds"`
	Budget         *Budget           `json:"budget,omitempty"` // where the plan has one
	// RecordsLost counts requests that are measured but whose records could not be written.
	RecordsLost int64 `json:"records_lost,omitempty"`
}

// Budget is what a run was allowed to use, and what it used by the server's own count, warm-up and tail included. A zero
// bound is none.
type Budget struct {
	TotalTokens int64   `json:"total_tokens,omitempty"`
	USD         float64 `json:"usd,omitempty"`
	UsedInput   int64   `json:"used_input_tokens"`
	UsedOutput  int64   `json:"used_output_tokens"`
	UsedUSD     float64 `json:"used_usd"`
	Exhausted   bool    `json:"exhausted"` // it ended the run
}

// Run names the run and the plan that it carried out.
type Run struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	StartedAt   time.Time         `json:"started_at"`
	FinishedAt  time.Time         `json:"finished_at"`
	Seed        uint64            `json:"seed"`
	PlanSHA256  string            `json:"plan_sha256"`
	ToolVersion string            `json:"tool_version"`
	Labels      map[string]string `json:"labels"`
	// MonotonicNS is CLOCK_MONOTONIC at the run's start, so that a ledger of the same host can be joined; 0 where the
	// system has no such clock.
	MonotonicNS int64 `json:"monotonic_ns"`
	Interrupted bool  `json:"interrupted"`
	// Imported says which other tool measured; llmload's own error, and what Valid rests on, are then not known.
	Imported *Imported `json:"imported,omitempty"`
	Shard    *Shard    `json:"shard,omitempty"` // of one machine's part
	// Shards are the parts that a merged run was made of, with their run and host.
	Shards []Shard `json:"shards,omitempty"`
}

// Imported is where a run that llmload did not measure comes from.
type Imported struct {
	Tool    string `json:"tool"`
	Version string `json:"version"` // of the tool; empty where its file does not say
	File    string `json:"file"`
}

// String says of whose figures the run is, and what that means for them.
func (i *Imported) String() string {
	return fmt.Sprintf("imported from %s (%s): llmload did not measure it and cannot say whether it is valid", strings.TrimSpace(i.Tool+" "+i.Version), i.File)
}

// Environment is where the tool ran.
type Environment struct {
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	Go         string `json:"go"`
	Host       string `json:"host"`
	// SelfTest is the last selftest on this host; null where there is none.
	SelfTest *SelfTest `json:"selftest"`
}

// Target is the server under load. Endpoint carries no credentials.
type Target struct {
	Endpoint string   `json:"endpoint"`
	Model    string   `json:"model"`
	Mock     bool     `json:"mock"`
	More     []string `json:"more_endpoints,omitempty"` // that took turns with Endpoint
	GPUs     int      `json:"gpus,omitempty"`           // that the server runs on, as the user said
	Metrics  []string `json:"metrics,omitempty"`        // Prometheus endpoints that were read, without their queries
}

// Conservation is the tool's own book-keeping: Holds is false only when llmload itself is broken. ServerAttempts is null
// where the server does not say.
type Conservation struct {
	Holds          bool   `json:"holds"`
	Issued         int64  `json:"issued"`
	Outcomes       int64  `json:"outcomes"`
	Attempts       int64  `json:"attempts"`
	Dispatched     int64  `json:"dispatched"`
	Retries        int64  `json:"retries"`
	Written        int64  `json:"written"`
	ServerAttempts *int64 `json:"server_attempts"`
	Broken         string `json:"broken,omitempty"`
	Rebuilt        bool   `json:"rebuilt,omitempty"` // from the records of a killed run: requests under way are not in it
}

// Instrument is the tool's own error. A null is a thing that this platform or run could not measure.
type Instrument struct {
	DispatchDelayP99MS *float64 `json:"dispatch_delay_p99_ms"`
	LagP99MS           *float64 `json:"lag_p99_ms"`
	KernelToReadP50MS  *float64 `json:"kernel_to_read_p50_ms"`
	KernelToReadP99MS  *float64 `json:"kernel_to_read_p99_ms"`
	UnstampedReads     *float64 `json:"unstamped_reads"`         // share of arrivals that the kernel gave no stamp for
	ClockStepMS        *float64 `json:"clock_step_ms,omitempty"` // largest step of the realtime clock, that of the kernel's stamps
	MultiEventReads    *float64 `json:"multi_event_reads"`       // share of reads that brought several events
	CPURatio           *float64 `json:"cpu_ratio"`               // CPU time of this process / (window x GOMAXPROCS)
	GCPauseP99MS       *float64 `json:"gc_pause_p99_ms"`
	ServerLateP99MS    *float64 `json:"server_late_p99_ms"` // how far behind its own plan the mock server wrote its tokens
}

// TakeRecorded takes over from a collector's summary what records tell; the rest only a running process can measure.
func (in *Instrument) TakeRecorded(of Instrument) {
	in.KernelToReadP50MS, in.KernelToReadP99MS = of.KernelToReadP50MS, of.KernelToReadP99MS
	in.UnstampedReads, in.MultiEventReads = of.UnstampedReads, of.MultiEventReads
}

// TakeWorst takes over what is worse of another's.
func (in *Instrument) TakeWorst(of Instrument) {
	for _, f := range []struct{ mine, theirs **float64 }{
		{&in.DispatchDelayP99MS, &of.DispatchDelayP99MS},
		{&in.LagP99MS, &of.LagP99MS},
		{&in.KernelToReadP50MS, &of.KernelToReadP50MS},
		{&in.KernelToReadP99MS, &of.KernelToReadP99MS},
		{&in.UnstampedReads, &of.UnstampedReads},
		{&in.ClockStepMS, &of.ClockStepMS},
		{&in.MultiEventReads, &of.MultiEventReads},
		{&in.CPURatio, &of.CPURatio},
		{&in.GCPauseP99MS, &of.GCPauseP99MS},
		{&in.ServerLateP99MS, &of.ServerLateP99MS},
	} {
		if *f.mine == nil || *f.theirs != nil && **f.theirs > **f.mine {
			*f.mine = *f.theirs
		}
	}
}

// Add adds another's books. What the server saw is known where it is of all.
func (c *Conservation) Add(of Conservation) {
	first := c.Issued == 0 && c.Outcomes == 0
	c.Holds, c.Rebuilt = c.Holds && of.Holds, c.Rebuilt || of.Rebuilt
	if c.Broken == "" {
		c.Broken = of.Broken
	}
	switch {
	case first:
		c.ServerAttempts = of.ServerAttempts
	case c.ServerAttempts == nil || of.ServerAttempts == nil:
		c.ServerAttempts = nil
	default:
		sum := *c.ServerAttempts + *of.ServerAttempts
		c.ServerAttempts = &sum
	}
	c.Issued += of.Issued
	c.Outcomes += of.Outcomes
	c.Attempts += of.Attempts
	c.Dispatched += of.Dispatched
	c.Retries += of.Retries
	c.Written += of.Written
}

// Add adds another's bounds and uses; the whole is exhausted when a part is.
func (b *Budget) Add(of Budget) {
	b.TotalTokens += of.TotalTokens
	b.USD += of.USD
	b.UsedInput += of.UsedInput
	b.UsedOutput += of.UsedOutput
	b.UsedUSD += of.UsedUSD
	b.Exhausted = b.Exhausted || of.Exhausted
}

// StageSummary is one stage's answer. Latencies are in milliseconds, the unit each metric names.
type StageSummary struct {
	Name       string            `json:"name"`
	Load       Load              `json:"load"`
	SLO        []Limit           `json:"slo"`
	Window     Window            `json:"window"`
	StopReason string            `json:"stop_reason"`
	Requests   Requests          `json:"requests"`
	Outcomes   map[Outcome]int64 `json:"outcomes"`
	Attempts   int64             `json:"attempts"`
	Retries    int64             `json:"retries"`
	// Amplification is attempts over requests that were sent: what retries make of the load. Null where none was.
	Amplification *float64                `json:"amplification,omitempty"`
	Wasted        Waste                   `json:"wasted,omitzero"`
	Success       *float64                `json:"success_rate"`
	Throughput    Throughput              `json:"throughput"`
	Goodput       Goodput                 `json:"goodput"`
	Tokens        TokenTotals             `json:"tokens"`
	Metrics       map[metric.Name]*Metric `json:"metrics"`
	Groups        []Group                 `json:"groups,omitempty"` // the same figures of parts of the requests
	Instrument    Instrument              `json:"instrument"`
	Server        *Server                 `json:"server,omitempty"` // what it said of itself
	Series        []Point                 `json:"series"`
	Warnings      []string                `json:"warnings"`
}

// Load is what a stage offered.
type Load struct {
	Mode        string  `json:"mode"` // closed | open
	API         string  `json:"api"`
	Stream      bool    `json:"stream"`
	Concurrency int     `json:"concurrency,omitempty"`
	ThinkTimeMS float64 `json:"think_time_ms,omitempty"` // closed loop: its mean
	Rate        float64 `json:"rate,omitempty"`          // arrivals a second
	Arrivals    string  `json:"arrivals,omitempty"`
	MaxInFlight int     `json:"max_in_flight,omitempty"`
	Sessions    bool    `json:"sessions,omitempty"` // arrivals are of sessions, whose turns follow each other
	BatchSize   int     `json:"batch_size"`
	BatchMode   string  `json:"batch_mode"`
	Faults      int     `json:"faults,omitempty"` // injected fault rules, mock targets only
}

// Window is the measured part of a stage, in seconds from the run's start; Drain is what ran after it.
type Window struct {
	StartS    float64 `json:"start_s"`
	DurationS float64 `json:"duration_s"`
	DrainS    float64 `json:"drain_s"`
}

// Requests counts measured requests by how they ended.
type Requests struct {
	Issued    int64 `json:"issued"`
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	TimedOut  int64 `json:"timed_out"`
	Cancelled int64 `json:"cancelled"`
	Dropped   int64 `json:"dropped"`
	Warmup    int64 `json:"warmup"` // outside the counts above
	Tail      int64 `json:"tail"`   // likewise
}

// Throughput is what arrived inside the window, a second; null when the window is empty.
type Throughput struct {
	RequestsPerS     *float64 `json:"requests_per_s"`
	OutputTokensPerS *float64 `json:"output_tokens_per_s"`
	InputTokensPerS  *float64 `json:"input_tokens_per_s"`
	TotalTokensPerS  *float64 `json:"total_tokens_per_s"`
	TokensPerSPerGPU *float64 `json:"tok_s_per_gpu,omitempty"` // output tokens, where the number of GPUs is said
}

// Goodput is the requests inside every SLO, a second, and as a share of all issued; null without an SLO.
type Goodput struct {
	RequestsPerS *float64 `json:"requests_per_s"`
	Attainment   *float64 `json:"attainment"`
}

// TokenTotals sums the tokens of the measured requests that succeeded. Source is "mixed" where requests disagree.
type TokenTotals struct {
	Input           int64  `json:"input"`
	Cached          int64  `json:"cached"`
	Reasoning       int64  `json:"reasoning"`
	Output          int64  `json:"output"`
	RequestedInput  int64  `json:"requested_input"`
	RequestedOutput int64  `json:"requested_output"`
	Source          string `json:"source"`
}

// Metric is one distribution. Quantiles rank every issued request, a failed one above every success: where a quantile
// lands on a failure it is null and Censored is true; where the sample is too small to resolve it, null alone.
type Metric struct {
	Unit     string                `json:"unit"`
	Count    int64                 `json:"count"`  // successes with a value
	Failed   int64                 `json:"failed"` // requests ranked above them
	Min      *float64              `json:"min"`
	Mean     *float64              `json:"mean"`
	Stddev   *float64              `json:"stddev"`
	P50      *float64              `json:"p50"`
	P90      *float64              `json:"p90"`
	P95      *float64              `json:"p95"`
	P99      *float64              `json:"p99"`
	P999     *float64              `json:"p99_9"`
	Max      *float64              `json:"max"`
	Censored bool                  `json:"censored"`
	OKP50    *float64              `json:"ok_p50"`
	OKP90    *float64              `json:"ok_p90"`
	OKP95    *float64              `json:"ok_p95"`
	OKP99    *float64              `json:"ok_p99"`
	OKP999   *float64              `json:"ok_p99_9"`
	CI       map[string][2]float64 `json:"ci"`
}

// Point is one interval of a stage's course: TS seconds from the run's start, rates over the interval.
type Point struct {
	TS               float64 `json:"t_s"`
	DurationS        float64 `json:"duration_s"`
	OutputTokensPerS float64 `json:"output_tokens_per_s"`
	RequestsPerS     float64 `json:"requests_per_s"`
	FailedPerS       float64 `json:"failed_per_s"`
	InFlight         float64 `json:"in_flight"`
	// What the server said of itself, in the interval in which it did.
	ServerRunning  *float64 `json:"server_running,omitempty"`
	ServerWaiting  *float64 `json:"server_waiting,omitempty"`
	ServerCacheUse *float64 `json:"server_kv_cache_use_ratio,omitempty"`
	ServerPowerW   *float64 `json:"server_power_w,omitempty"`
}

// ThresholdResult is a threshold's verdict on one stage: pass, fail, or undecided when the sample cannot resolve it.
type ThresholdResult struct {
	Stage   string   `json:"stage"`
	Expr    string   `json:"expr"`
	Value   *float64 `json:"value"`
	Unit    string   `json:"unit"`
	Verdict string   `json:"verdict"`
	Why     string   `json:"why,omitempty"`
}
