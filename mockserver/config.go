package mockserver

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// A Config declares a server. The zero value works: one model "demo-8b", the
// fixed engine with its defaults, no faults. New copies what it needs.
type Config struct {
	Seed        uint64  `yaml:"seed"`         // of answers, lengths and fault decisions
	Models      []Model `yaml:"models"`       // default: demo-8b with 8192 tokens of context
	Preset      string  `yaml:"preset"`       // of package presets: fills Engine where that is the zero value; in YAML, key by key
	Engine      Engine  `yaml:"engine"`       // default: the fixed engine
	Stream      Stream  `yaml:"stream"`       // how an answer is cut into chunks
	Output      Output  `yaml:"output"`       // how long an answer gets by itself
	PrefixCache bool    `yaml:"prefix_cache"` // remember prompts and report cached tokens in usage; only model step is faster for it
	// IgnoreEOS says whether ignore_eos and min_tokens of a request are
	// honoured, as vLLM does (nil: true). Where not, they are passed over in
	// silence, as many local servers do.
	IgnoreEOS *bool     `yaml:"ignore_eos"`
	Dialect   string    `yaml:"dialect"` // of errors and chunks: openai (default) | vllm | sglang
	APIKey    Secret    `yaml:"api_key"` // what a bearer token must be; empty: none is asked for
	RateLimit RateLimit `yaml:"rate_limit"`
	Faults    []Fault   `yaml:"faults"` // tried in order, the first match acts
	// KernelTimers wakes on timers of the kernel, which are more exact than those
	// of package time, where there are any (Linux). Not for testing/synctest: the
	// kernel does not know a bubble's clock.
	KernelTimers bool    `yaml:"-"`
	Phases       []Phase `yaml:"phases"` // changes while a stage runs, in order of time
	Truth        Truth   `yaml:"truth"`  // where the truth ledger is kept besides in memory

	version int64 // of a server's config: how many there were with it
}

// A Model is one entry of /v1/models.
type Model struct {
	ID          string `yaml:"id"`
	MaxModelLen int    `yaml:"max_model_len"` // tokens, prompt and answer together; 0: 8192
}

// UnmarshalNode keeps a max_model_len of 0, which is wrong, from passing for none.
func (m *Model) UnmarshalNode(n strictyaml.Node) error {
	type plain Model
	err := n.Decode((*plain)(m))
	if err == nil && n.Get("max_model_len").Text() != "" {
		m.MaxModelLen = written(m.MaxModelLen)
	}
	return err
}

// A Stream says how an answer is cut into chunks.
type Stream struct {
	RoleChunk      string `yaml:"role_chunk"`       // with_first_token (default) | early: a chunk of its own at admission | absent
	FinishChunk    string `yaml:"finish_chunk"`     // separate (default): finish_reason comes in a chunk of its own | with_last: in that of the last token
	TokensPerChunk int    `yaml:"tokens_per_chunk"` // default 1; a chunk is due with its last token and holds tokens of one kind
}

const (
	defaultModel    = "demo-8b"
	defaultModelLen = 8192
	defaultOutput   = 128
	maxChunkTokens  = 1024
)

// model finds a model by its id.
func (c *Config) model(id string) (Model, bool) {
	i := slices.IndexFunc(c.Models, func(m Model) bool { return m.ID == id })
	if i < 0 {
		return Model{}, false
	}
	return c.Models[i], true
}

// withDefaults fills what is left at zero and copies every slice.
func (c Config) withDefaults() Config {
	if len(c.Models) == 0 {
		c.Models = []Model{{ID: defaultModel}}
	}
	c.Models = slices.Clone(c.Models)
	for i := range c.Models {
		c.Models[i].MaxModelLen = cmp.Or(c.Models[i].MaxModelLen, defaultModelLen)
	}
	if c.Preset != "" && c.Engine == (Engine{}) {
		c.Engine, _, _ = preset(c.Preset) // an unknown one is a problem, and the default engine till then
	}
	if c.Engine.Model == "" {
		c.Engine.Model = "fixed"
		c.Engine.TTFT = cmp.Or(c.Engine.TTFT, 200*time.Millisecond)
		c.Engine.ITL = cmp.Or(c.Engine.ITL, 20*time.Millisecond)
	}
	c.Engine.MaxNumSeqs = cmp.Or(c.Engine.MaxNumSeqs, 64)
	c.Engine.MaxBatchedTokens = cmp.Or(c.Engine.MaxBatchedTokens, 8192)
	c.Engine.Jitter.Dist = cmp.Or(c.Engine.Jitter.Dist, "lognormal")
	c.Engine.MaxQueue = cmp.Or(c.Engine.MaxQueue, 1000)
	c.Stream.RoleChunk = cmp.Or(c.Stream.RoleChunk, roleWithFirst)
	c.Stream.FinishChunk = cmp.Or(c.Stream.FinishChunk, finishSeparate)
	c.Output.ReasoningMode = cmp.Or(c.Output.ReasoningMode, reasoningStreamed)
	c.Dialect = cmp.Or(c.Dialect, dialectOpenAI)
	c.Stream.TokensPerChunk = cmp.Or(c.Stream.TokensPerChunk, 1)
	if c.IgnoreEOS == nil {
		yes := true
		c.IgnoreEOS = &yes
	}
	c.RateLimit = c.RateLimit.withDefaults()
	c.Faults = cloneFaults(c.Faults)
	c.Truth = c.Truth.withDefaults()
	return c
}

// resolve returns the config that a server works with, a copy with its defaults
// filled in, and the changes of its phases. The error has every mistake.
func (c Config) resolve() (*Config, []strictyaml.Node, error) {
	c = c.clone().withDefaults()
	changes, err := c.changes()
	_, perr := c.phased(changes)
	if err := errors.Join(joined(c.problems()), err, perr); err != nil {
		return nil, nil, err
	}
	c.version = 1
	return &c, changes, nil
}

// A problem is one thing wrong with a config, at a path like "models[0].id".
type problem struct{ path, msg string }

func (p problem) Error() string { return fmt.Sprintf("mockserver: %s: %s", p.path, p.msg) }

// problems lists what is wrong with a config whose defaults are filled in.
func (c Config) problems() []problem {
	var ps []problem
	bad := func(where, format string, args ...any) {
		ps = append(ps, problem{where, fmt.Sprintf(format, args...)})
	}
	seen := map[string]bool{}
	for i, m := range c.Models {
		where := fmt.Sprintf("models[%d]", i)
		switch {
		case m.ID == "":
			bad(where, "a model needs an id")
		case seen[m.ID]:
			bad(where+".id", "model %q is listed twice", m.ID)
		case m.MaxModelLen < 2:
			bad(where+".max_model_len", "must be at least 2 tokens")
		}
		seen[m.ID] = true
	}
	checkPreset(bad, c.Preset)
	c.Engine.check(bad)
	c.Truth.check(bad)
	checkPhases(bad, c.Phases)
	oneOf(bad, "stream.role_chunk", c.Stream.RoleChunk, roleWithFirst, roleEarly, roleAbsent)
	oneOf(bad, "stream.finish_chunk", c.Stream.FinishChunk, finishSeparate, finishWithLast)
	if n := c.Stream.TokensPerChunk; n < 1 || n > maxChunkTokens {
		bad("stream.tokens_per_chunk", "must be 1 to %d", maxChunkTokens)
	}
	c.RateLimit.check(bad)
	c.Output.check(bad)
	oneOf(bad, "dialect", c.Dialect, dialectOpenAI, dialectVLLM, dialectSGLang)
	c.APIKey.check(bad)
	return append(ps, faultProblems("faults", c.Faults)...)
}

func oneOf(bad func(where, format string, args ...any), where, got string, known ...string) {
	if !slices.Contains(known, got) {
		bad(where, "%q is not known; write one of %v", got, known)
	}
}

func validGlob(g string) bool {
	_, err := path.Match(g, "")
	return err == nil
}
