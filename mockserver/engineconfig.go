package mockserver

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// An Engine says when tokens are made. The zero value is the fixed engine with
// a TTFT of 200 ms, an ITL of 20 ms, 64 slots and a queue of 1000. In Go code a
// zero TTFT or ITL is meant where Model is set, else it is the default; in YAML
// it is always meant.
type Engine struct {
	Model      string `yaml:"model"`        // fixed | step (continuous batching, see package engine) | none (answers at once, without slots)
	MaxNumSeqs int    `yaml:"max_num_seqs"` // sequences that run at once; 0: 64
	MaxQueue   int    `yaml:"max_queue"`    // sequences that may wait, beyond: 503; 0: 1000 (in YAML: none), -1: none

	// Jitter spreads the times of the steps of model step, and of the gaps of model
	// fixed, around their mean. It is drawn from the seed.
	Jitter struct {
		Dist string  `yaml:"dist"` // lognormal, the default
		CV   float64 `yaml:"cv"`   // standard deviation / mean, 0 to 5; 0: none
	} `yaml:"jitter"`
	// Speculative makes every step after a sequence's first make several tokens:
	// one, and as many as were accepted of those that a draft proposed. A stream
	// sends the tokens of a step as one chunk. What drafting and checking cost is
	// not modelled: write it into C0 and DecodePerSeq.
	Speculative struct {
		Tokens     int     `yaml:"tokens"`     // proposed each step, at most 64; 0: no speculative decoding
		Acceptance float64 `yaml:"acceptance"` // probability that a proposed token is accepted where those before it were, 0 to 1
	} `yaml:"speculative"`

	TTFT    time.Duration `yaml:"ttft"`    // model fixed: admission to first token, at most 1h
	ITL     time.Duration `yaml:"itl"`     // model fixed: token to token, at most 1m
	Stagger time.Duration `yaml:"stagger"` // model fixed: each plan starts later by a part of it, at most 1h, spread evenly over the sequences

	C0               time.Duration `yaml:"c0"`                 // model step: of a step, at most 1h
	PrefillPerToken  time.Duration `yaml:"prefill_per_token"`  // model step: of each prompt token computed, at most 1s
	DecodePerSeq     time.Duration `yaml:"decode_per_seq"`     // model step: of each sequence that decodes, at most 1s
	KVPerToken       time.Duration `yaml:"kv_per_token"`       // model step: of each token of context that a decoding sequence reads, at most 1s
	MaxBatchedTokens int           `yaml:"max_batched_tokens"` // model step: tokens that a step may serve; 0: 8192
	KVTokens         int           `yaml:"kv_tokens"`          // model step: tokens of KV memory; 0: no limit
}

const (
	engineFixed = "fixed"
	engineStep  = "step"
	engineNone  = "none"

	noQueue = -1 // 0 in a file
)

var engineModels = []string{engineFixed, engineStep, engineNone}

func (e Engine) check(bad func(where, format string, args ...any)) {
	oneOf(bad, "engine.model", e.Model, engineModels...)
	for _, d := range []struct {
		key         string
		value, most time.Duration // bounded so that no sum over an answer or a step overflows
	}{
		{"ttft", e.TTFT, time.Hour},
		{"itl", e.ITL, time.Minute},
		{"stagger", e.Stagger, time.Hour},
		{"c0", e.C0, time.Hour},
		{"prefill_per_token", e.PrefillPerToken, time.Second},
		{"decode_per_seq", e.DecodePerSeq, time.Second},
		{"kv_per_token", e.KVPerToken, time.Second},
	} {
		if d.value < 0 || d.value > d.most {
			bad("engine."+d.key, "must be 0 to %s", d.most)
		}
	}
	e.checkSpeculative(bad)
	if e.MaxNumSeqs < 1 {
		bad("engine.max_num_seqs", "must be at least 1")
	}
	if e.MaxQueue < noQueue {
		bad("engine.max_queue", "must not be negative; 0 is no queue")
	}
	if e.KVTokens < 0 {
		bad("engine.kv_tokens", "must not be negative; 0 is no limit")
	}
	if e.Model == engineStep {
		e.checkStep(bad)
	}
	oneOf(bad, "engine.jitter.dist", e.Jitter.Dist, "lognormal")
	if !(e.Jitter.CV >= 0 && e.Jitter.CV <= 5) {
		bad("engine.jitter.cv", "must be 0 to 5, for example 0.1")
	}
}

func (e Engine) checkStep(bad func(where, format string, args ...any)) {
	if max(e.C0, e.PrefillPerToken, e.DecodePerSeq, e.KVPerToken) <= 0 {
		bad("engine", "a step takes no time: write c0, prefill_per_token, decode_per_seq or kv_per_token, or a preset")
	}
	if e.MaxBatchedTokens < e.MaxNumSeqs {
		bad("engine.max_batched_tokens", "max_batched_tokens (%d) must be at least max_num_seqs (%d): each sequence that decodes takes one", e.MaxBatchedTokens, e.MaxNumSeqs)
	}
}

// modelOf is the only model that a key of engine means something to.
var modelOf = map[string]string{
	"ttft": engineFixed, "itl": engineFixed, "stagger": engineFixed,
	"c0": engineStep, "prefill_per_token": engineStep, "decode_per_seq": engineStep, "kv_per_token": engineStep,
	"max_batched_tokens": engineStep, "kv_tokens": engineStep,
}

// idle refuses keys that were written and do nothing: who writes ttft beside a
// preset means to change something. A config that is shown has every key, with
// the values that they have by themselves.
func (e Engine) idle(written strictyaml.Node, prefix string) error {
	is := fieldsOf(reflect.ValueOf(e))
	plain := fieldsOf(reflect.ValueOf(Config{}.withDefaults().Engine))
	var err error
	for _, key := range written.Keys() {
		name := strings.TrimPrefix(key, prefix)
		belongs := modelOf[name]
		if belongs == "" || belongs == e.Model || !slices.Contains(engineModels, e.Model) || is[name].IsZero() || is[name].Equal(plain[name]) {
			continue
		}
		err = strictyaml.Join(err, written.Errorf("["+key+"]", "%s does nothing: it belongs to model %s, and the engine's model is %s", key, belongs, e.Model))
	}
	return err
}

// idleIn is idle for a mapping from paths to values.
func (e Engine) idleIn(set strictyaml.Node) error {
	return strictyaml.Join(e.idle(set, "engine."), e.idle(set.Get("engine"), ""))
}
