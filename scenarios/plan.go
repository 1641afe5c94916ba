package scenarios

import (
	"fmt"
	"slices"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/internal/strictyaml"
)

// Plan is a scenario with nothing left to decide but the model's name, where the file leaves that to the server.
type Plan struct {
	Name       string      `yaml:"name"`
	Seed       uint64      `yaml:"seed"`
	Target     Target      `yaml:"target"`
	Model      string      `yaml:"model,omitempty"`
	Client     Client      `yaml:"client"`
	SLO        []SLO       `yaml:"slo,omitempty"`
	Thresholds []Threshold `yaml:"thresholds,omitempty"`
	Budget     *Budget     `yaml:"budget,omitempty"` // nil: none
	Stages     []Stage     `yaml:"stages"`
}

// Target is where a plan's load goes: Endpoint, or the bundled mock when Endpoint is empty.
type Target struct {
	Endpoint     string            `yaml:"endpoint,omitempty"`
	More         []string          `yaml:"more_endpoints,omitempty"` // that take turns with Endpoint
	APIKey       Secret            `yaml:"api_key,omitempty"`
	Headers      map[string]Secret `yaml:"headers,omitempty"`
	Connections  Connections       `yaml:"connections,omitempty"`   // reuse where it is empty
	LabelHeaders []string          `yaml:"label_headers,omitempty"` // of answers, kept with each record
	GPUs         int               `yaml:"gpus,omitempty"`          // that the server runs on; 0: not said
	Metrics      []string          `yaml:"metrics,omitempty"`       // Prometheus endpoints of the server, read while it is loaded
	Mock         strictyaml.Node   `yaml:"mock,omitempty"`
}

// Endpoints are all of a real server's addresses, none of the mock.
func (t *Target) Endpoints() []string {
	if t.Endpoint == "" {
		return nil
	}
	return append([]string{t.Endpoint}, t.More...)
}

// Client is the resolved client section. Zero limits are off; zero PoolSize is as large as the load needs.
type Client struct {
	Timeout           Limit `yaml:"timeout"`
	FirstTokenTimeout Limit `yaml:"first_token_timeout"`
	IdleTimeout       Limit `yaml:"idle_timeout"`
	MaxRetries        int   `yaml:"max_retries"`
	PoolSize          Auto  `yaml:"pool_size"`
	RateLimit         Cap   `yaml:"rate_limit"`
}

// SLO is a bound on one request: inside it the request counts as goodput.
type SLO struct {
	Metric metric.Name   `yaml:"metric"`
	Max    time.Duration `yaml:"max"`
}

// Threshold is a bound on the stages whose name matches Stage (path.Match; empty matches all).
type Threshold struct {
	Stage string           `yaml:"stage,omitempty"`
	Expr  metric.Threshold `yaml:"expr"`
}

// Stage is one measured piece of a plan: one concurrency or one rate, one batch size. No two stages of a plan share
// memory that either may change. A copy of a stage sends the same prompts as its original.
type Stage struct {
	Name        string           `yaml:"name"`
	Workload    `yaml:",inline"` // of a mix, what all have in common: Stream, and API where it is one
	Mix         []Mixed          `yaml:"mix,omitempty"`         // drawn for each request; empty: Workload alone
	Concurrency int              `yaml:"concurrency,omitempty"` // closed loop: workers
	ThinkTime   ThinkTime        `yaml:"think_time,omitempty"`  // closed loop: a worker's wait before its next unit
	Rate        Rate             `yaml:"rate,omitempty"`        // open loop: arrivals a second, the mean where Arrivals bring their own
	Arrivals    Arrivals         `yaml:"arrivals,omitempty"`
	Trace       *Trace           `yaml:"trace,omitempty"`         // where Arrivals name one
	MaxInFlight int              `yaml:"max_in_flight,omitempty"` // open loop: requests; more wait, none is skipped
	Sessions    *Sessions        `yaml:"sessions,omitempty"`      // open loop: what arrives are sessions; nil: requests
	BatchSize   int              `yaml:"batch_size"`
	BatchMode   BatchMode        `yaml:"batch_mode"`
	Requests    int              `yaml:"requests,omitempty"` // measured prompts; 0: Duration alone ends the stage
	Duration    time.Duration    `yaml:"duration,omitempty"` // from the first measured arrival; 0: Requests alone
	Warmup      Warmup           `yaml:"warmup,omitempty"`
	Pause       time.Duration    `yaml:"pause,omitempty"` // after the stage
	Stop        Stop             `yaml:"stop,omitempty"`
	Faults      *strictyaml.Node `yaml:"faults,omitempty"` // nil: the target's own

	ordinal uint64  // place in the plan, from 0
	process process // what Arrivals say
	trace   *trace  // what Trace holds
	shard   Shard   // the part of it that is sent; the fields above are the whole stage's
}

// Open reports whether arrivals do not wait for answers.
func (s *Stage) Open() bool { return s.Rate > 0 }

// Workers is how many of the shard send in a closed loop: its concurrency, but no more than there are units to send, because
// a worker that never finds work would end the window before it began.
func (s *Stage) Workers() int { return s.shard.of(s.allWorkers()) }

// allWorkers are those of all shards.
func (s *Stage) allWorkers() int {
	if s.Requests == 0 || s.Warmup.Duration > 0 {
		return s.Concurrency
	}
	units := (s.Requests + s.Warmup.Requests + s.BatchSize - 1) / s.BatchSize
	return min(s.Concurrency, units)
}

// InFlight is the most requests that the shard has under way at once.
func (s *Stage) InFlight() int {
	if s.Open() {
		return s.shard.of(s.MaxInFlight)
	}
	if s.BatchMode == OneRequest {
		return s.shard.of(s.Concurrency)
	}
	return s.shard.of(s.Concurrency) * s.BatchSize
}

// Warmup is what a stage sends first, outside every figure: a count of prompts, or a time, or as long as either asks.
type Warmup struct {
	Requests int           `yaml:"requests,omitempty"`
	Duration time.Duration `yaml:"duration,omitempty"`
}

// YAML writes the plan. Secrets are redacted, and the same file and seed give the same bytes.
func (p *Plan) YAML() ([]byte, error) {
	shown := *p
	shown.Target.Endpoint, shown.Target.Mock = redactQuery(p.Target.Endpoint), p.Target.Mock.Redacted()
	shown.Target.More, shown.Target.Metrics = redactQueries(p.Target.More), redactQueries(p.Target.Metrics)
	shown.Stages = slices.Clone(p.Stages)
	for i, s := range shown.Stages {
		if s.Faults != nil {
			faults := s.Faults.Redacted()
			shown.Stages[i].Faults = &faults
		}
	}
	body, err := strictyaml.Marshal(shown)
	if err != nil {
		return nil, fmt.Errorf("write plan %s: %w", p.Name, err)
	}
	hash, err := p.Hash()
	if err != nil {
		return nil, err
	}
	return append([]byte("# resolved by llmload plan\n# sha256: "+hash+"\n# "+p.boundLine()+"\n# "+p.timeLine()+"\n"), body...), nil
}
