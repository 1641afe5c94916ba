package mockserver

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"unicode"

	"github.com/llmload/llmload/internal/words"
	"github.com/llmload/llmload/mockserver/engine"
)

// A job is a checked request with its answers decided: all that is left to do
// is to write them in time.
type job struct {
	model      string
	dialect    string
	choices    []*choice // of each prompt all, in the order of the prompts
	each       int       // choices a prompt
	settled    int       // choices up to the first whose cached tokens are not in usage yet
	usage      usage
	planned    int // tokens of output, over all choices
	streaming  bool
	sendUsage  bool // include_usage
	continuous bool // running usage in every chunk
	packed     bool // embeddings as base64
}

// A kind is what a token is part of.
type kind uint8

const (
	content   kind = iota
	reasoning      // before the answer, apart from it
	arguments      // of a call, instead of content
	kinds
)

// A choice is one answer to a prompt.
type choice struct {
	index     int
	seq       *engine.Seq
	tokens    []string // the text of each, as it stands inside a JSON string
	reasoning int      // how many of them, from the first, are reasoning
	hidden    int      // how many of them, from the first, are never sent
	call      *call    // the tokens behind the reasoning are its arguments; nil: content
	finish    string   // length | stop | tool_calls
	stopped   string   // the stop sequence that ended it, as JSON; empty: none
	vector    []float32

	role   bool // the role is written
	opened bool // the call's id and name are written
	closed bool // the finish reason is written
}

func (c *choice) kind(i int) kind {
	switch {
	case i < c.reasoning:
		return reasoning
	case c.call != nil:
		return arguments
	}
	return content
}

// text is what is sent of a kind, as it stands inside a JSON string.
func (c *choice) text(k kind) string {
	if k == reasoning {
		return strings.Join(c.tokens[c.hidden:c.reasoning], "")
	}
	return strings.Join(c.tokens[c.reasoning:], "")
}

// settle counts the cached tokens of prompts that were admitted since the last
// call: once each, of its first choice. They are admitted in their order.
func (j *job) settle() {
	for ; j.settled < len(j.choices); j.settled += j.each {
		first := j.choices[j.settled].seq
		if _, ok := first.Admitted(); !ok {
			return
		}
		j.usage.cached += first.Cached()
	}
}

// plan decides the answers of a request. They depend on the seed and the
// prompts alone, so the same request has the same answer.
func (cfg *Config) plan(a api, req *request) (*job, *apiError) {
	model, ok := cfg.model(req.Model)
	if !ok {
		return nil, unknownModel(req.Model)
	}
	j := &job{
		model: model.ID, dialect: cfg.Dialect, each: req.choices(a),
		streaming: req.Stream && a != apiEmbeddings,
		packed:    req.EncodingFormat == "base64",
	}
	if o := req.StreamOptions; o != nil {
		j.sendUsage, j.continuous = o.IncludeUsage, o.IncludeUsage && o.ContinuousUsageStats
	}
	j.usage = usage{hasCached: cfg.PrefixCache, hasReasoning: a == apiChat && cfg.Output.Reasoning > 0, flat: cfg.Dialect == dialectSGLang}
	for _, prompt := range req.prompts(a) {
		for n := range j.each {
			c, bad := cfg.planChoice(a, req, model, prompt, n)
			if bad != nil {
				return nil, bad
			}
			c.index = len(j.choices)
			j.choices = append(j.choices, c)
			if j.planned += c.seq.Out; j.planned > maxPlanned {
				return nil, invalid(req.limitName(), "This server makes at most %d tokens of output for one request, over all its prompts and choices. "+
					"Please reduce %s, n, or the number of prompts.", maxPlanned, req.limitName())
			}
			j.usage.reasoning += c.reasoning
		}
		j.usage.prompt += j.choices[len(j.choices)-1].seq.In
	}
	return j, nil
}

// planChoice decides answer n to a prompt.
func (cfg *Config) planChoice(a api, req *request, m Model, prompt []string, n int) (*choice, *apiError) {
	in := countWords(prompt)
	dice := cfg.dice(prompt, n)
	if a == apiEmbeddings {
		if in > m.MaxModelLen {
			return nil, overflow(a.promptName(), m, in, 0)
		}
		return &choice{seq: &engine.Seq{In: in, Out: 1}, vector: vector(dice, req.Dimensions)}, nil
	}
	limit, bad := req.room(a, m, in)
	if bad != nil {
		return nil, bad
	}
	c, bad := cfg.answer(a, req, min(limit, maxPlanned+1), dice) // one more is refused
	if bad != nil {
		return nil, bad
	}
	if a == apiCompletions && req.Echo {
		c.tokens[0] = escape(echo(prompt[0], c.tokens[0])) // no token of the answer: usage does not count it
	}
	c.seq = &engine.Seq{In: in, Out: len(c.tokens), Bursts: cfg.Engine.bursts(dice, len(c.tokens))}
	if cfg.PrefixCache {
		c.seq.Blocks = blockChain(m.ID, prompt)
	}
	return c, nil
}

// echo puts a prompt before the first word of its answer.
func echo(prompt, first string) string {
	if first == "" || strings.TrimRightFunc(prompt, unicode.IsSpace) != prompt || prompt == "" {
		return prompt + first
	}
	return prompt + " " + first
}

// dice is the source of a choice: the seed, the prompt, and its number among
// the prompt's choices.
func (cfg *Config) dice(prompt []string, n int) *rand.Rand {
	seed := cfg.Seed
	for _, part := range prompt {
		seed = hashWords(seed^14695981039346656037, part)
	}
	if n > 0 {
		seed = hashMore(seed, strconv.Itoa(n))
	}
	return rand.New(rand.NewPCG(cfg.Seed, seed))
}

// answer makes the tokens of a choice, of which there may be limit.
func (cfg *Config) answer(a api, req *request, limit int, dice *rand.Rand) (*choice, *apiError) {
	text, call, bad := cfg.structured(a, req, dice)
	if bad != nil {
		return nil, bad
	}
	c := &choice{call: call}
	thought := 0
	if a == apiChat {
		thought = cfg.Output.Reasoning
	}
	if text != "" {
		c.fill(dice, tokenize(text), thought, limit)
	} else {
		n, finish := cfg.length(req, limit, thought, dice)
		thought = min(thought, n)
		c.fill(dice, tokenize(words.Text(dice, n-thought)), thought, n)
		c.finish = finish
	}
	if call == nil {
		c.stopAt(req.Stop, cfg.honoured(req.MinTokens))
	}
	if text != "" {
		for i, t := range c.tokens {
			c.tokens[i] = escape(t)
		}
	}
	if cfg.Output.ReasoningMode == reasoningHidden {
		c.hidden = c.reasoning
	}
	return c, nil
}

// fill puts an answer behind its reasoning and cuts both to limit.
func (c *choice) fill(dice *rand.Rand, answer []string, thought, limit int) {
	c.finish = "stop"
	if c.call != nil {
		c.finish = "tool_calls"
	}
	c.reasoning = min(thought, limit)
	c.tokens = answer
	if thought > 0 {
		c.tokens = append(tokenize(words.Text(dice, c.reasoning)), answer...)
	}
	if len(c.tokens) > limit {
		c.tokens, c.finish = c.tokens[:limit], "length"
	}
}
