// Package scenarios says what to send and when: a Spec is what a file says, a Plan is the Spec with every default,
// list and seed resolved, a Schedule is a Plan's stage as arrivals on a virtual clock.
//
// Goals: pure functions of (file, seed, index), so that a plan can be printed, hashed, repeated and split over machines;
// every mistake of a file at once, with its place.
//
// Non-goals: no network, no clock, no goroutine. The runner sends.
package scenarios

import (
	"errors"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// Spec is a scenario as written. Fields that are lists make one stage for each combination.
type Spec struct {
	Name       string          `yaml:"name"`
	Seed       uint64          `yaml:"seed"`
	Target     targetSpec      `yaml:"target"`
	Model      string          `yaml:"model"`
	Workload   strictyaml.Node `yaml:"workload"`
	Mix        strictyaml.Node `yaml:"mix"`
	Load       strictyaml.Node `yaml:"load"`
	Faults     strictyaml.Node `yaml:"faults"`
	Stages     []stageSpec     `yaml:"stages"`
	Client     clientSpec      `yaml:"client"`
	SLO        strictyaml.Node `yaml:"slo"`
	Thresholds []thresholdSpec `yaml:"thresholds"`
	Budget     *Budget         `yaml:"budget"`

	node strictyaml.Node
	open func(name string) ([]byte, error)
}

// Below, a pointer tells what is written from what is left out, where zero is a mistake rather than the default.

// targetSpec is where the load goes: the bundled mock, or a real server.
type targetSpec struct {
	Mock         strictyaml.Node   `yaml:"mock"`
	Endpoint     []string          `yaml:"endpoint"` // nil where it is left out
	APIKey       Secret            `yaml:"api_key"`
	Headers      map[string]Secret `yaml:"headers"`
	Connections  Connections       `yaml:"connections"`
	LabelHeaders []string          `yaml:"label_headers"`
	GPUs         *int              `yaml:"gpus"`
	Metrics      []string          `yaml:"metrics"`
}

// stageSpec is one entry of stages: what it names overrides the scenario's own load, workload, mix and faults. Workload and
// load are merged over the scenario's, key by key.
type stageSpec struct {
	Name     string          `yaml:"name"`
	Workload strictyaml.Node `yaml:"workload"`
	Mix      strictyaml.Node `yaml:"mix"`
	Load     strictyaml.Node `yaml:"load"`
	Faults   strictyaml.Node `yaml:"faults"`
}

// workloadSpec is what a request looks like.
type workloadSpec struct {
	API         API            `yaml:"api"`
	Stream      *bool          `yaml:"stream"`
	Prompts     promptsSpec    `yaml:"prompts"`
	Output      outputSpec     `yaml:"output"`
	Temperature *float64       `yaml:"temperature"`
	ExtraBody   map[string]any `yaml:"extra_body"`
}

// mixSpec is one workload of a mix: what it leaves out is as the workload says.
type mixSpec struct {
	Name   string       `yaml:"name"`
	Weight *float64     `yaml:"weight"`
	Work   workloadSpec `yaml:",inline"`
}

// promptsSpec names one source of prompts.
type promptsSpec struct {
	Synthetic *syntheticSpec `yaml:"synthetic"`
	Text      *textSpec      `yaml:"text"`
	File      *string        `yaml:"file"`
	ShareGPT  *string        `yaml:"sharegpt"`
	Batch     *string        `yaml:"batch"`
	Cache     Cache          `yaml:"cache"`
}

// syntheticSpec makes prompts of common words, one token each.
type syntheticSpec struct {
	InputTokens *Lengths `yaml:"input_tokens"`
}

// textSpec takes passages of a real text.
type textSpec struct {
	Words *Lengths `yaml:"words"`
}

// outputSpec is how long answers should be.
type outputSpec struct {
	Tokens *Lengths   `yaml:"tokens"`
	Mode   OutputMode `yaml:"mode"`
}

// loadSpec is how much is sent, and when: closed, open or sessions, never two of them.
type loadSpec struct {
	Closed   *closedSpec    `yaml:"closed"`
	Open     *openSpec      `yaml:"open"`
	Sessions *sessionsSpec  `yaml:"sessions"`
	Batch    batchSpec      `yaml:"batch"`
	Requests *int           `yaml:"requests"`
	Duration *time.Duration `yaml:"duration"`
	Warmup   warmupSpec     `yaml:"warmup"`
	Pause    time.Duration  `yaml:"pause"`
	Repeat   *int           `yaml:"repeat"`
	Stop     stopSpec       `yaml:"stop"`
}

// closedSpec is a fixed number of workers, each sending its next request when its last has ended.
type closedSpec struct {
	Concurrency []int     `yaml:"concurrency"`
	ThinkTime   ThinkTime `yaml:"think_time"`
}

// openSpec is arrivals that do not wait for answers.
type openSpec struct {
	Rate        []Rate   `yaml:"rate"`
	Arrivals    Arrivals `yaml:"arrivals"`
	MaxInFlight *int     `yaml:"max_in_flight"`
	WhenFull    string   `yaml:"when_full"`
}

// sessionsSpec is conversations, which arrive as requests of an open load do.
type sessionsSpec struct {
	Open         openSpec `yaml:",inline"`
	Turns        *Lengths `yaml:"turns"`
	ToolDelay    Delays   `yaml:"tool_delay"`
	SystemTokens *int     `yaml:"system_tokens"`
}

// batchSpec groups prompts: sent at once as requests of their own, or as one request with several prompts.
type batchSpec struct {
	Size []int     `yaml:"size"`
	Mode BatchMode `yaml:"mode"`
}

// warmupSpec is what is sent first and left out of every figure.
type warmupSpec struct {
	Requests int           `yaml:"requests"`
	Duration time.Duration `yaml:"duration"`
}

// clientSpec sets the client under the load; its defaults favour measuring.
type clientSpec struct {
	Timeout           *Limit `yaml:"timeout"`
	FirstTokenTimeout Limit  `yaml:"first_token_timeout"`
	IdleTimeout       *Limit `yaml:"idle_timeout"`
	MaxRetries        int    `yaml:"max_retries"`
	PoolSize          Auto   `yaml:"pool_size"`
	RateLimit         Cap    `yaml:"rate_limit"`
}

// thresholdSpec is a bound that the run must keep, on the stages whose name matches.
type thresholdSpec struct {
	Stage string
	Expr  string
}

// UnmarshalNode takes `ttft.p95 < 500ms` and `{stage: "c=*", expr: ...}`.
func (t *thresholdSpec) UnmarshalNode(n strictyaml.Node) error {
	if n.Kind() == strictyaml.Scalar {
		t.Expr = n.Text()
		return nil
	}
	var long struct {
		Stage string `yaml:"stage"`
		Expr  string `yaml:"expr"`
	}
	err := n.Decode(&long)
	t.Stage, t.Expr = long.Stage, long.Expr
	return err
}

// Parse reads a scenario. file names it in errors; env expands ${NAME}; open reads the prompt files that it names,
// relative to wherever the caller decides. An empty file is a scenario too: the bundled mock with every default. All
// mistakes come back at once as strictyaml.Errors, those that Plan would find included.
func Parse(file string, src []byte, env func(string) (string, bool), open func(string) ([]byte, error)) (*Spec, error) {
	node, err := strictyaml.Parse(file, src, env)
	if err != nil {
		return nil, err
	}
	if open == nil {
		open = func(string) ([]byte, error) { return nil, errors.New("this scenario cannot name files") }
	}
	s := &Spec{node: node, open: open}
	if err := node.Decode(s); err != nil {
		// Decode fills what it could, so the checks of Plan still find their own mistakes.
		_, err = s.plan(err)
		return nil, err
	}
	return s, nil
}
