package mockserver

import (
	"math/rand/v2"
	"net/http"
	"strings"

	"github.com/llmload/llmload/internal/words"
	"github.com/llmload/llmload/mockserver/engine"
)

// A job is a checked request with its answers decided: all that is left to do
// is to write them in time.
type job struct {
	model      string
	choices    []*choice
	usage      usage
	planned    int // tokens of output, over all choices
	streaming  bool
	sendUsage  bool // include_usage
	continuous bool // running usage in every chunk
}

// A choice is one prompt's answer.
type choice struct {
	index  int
	seq    *engine.Seq
	tokens []string // the text of each; their concatenation is the answer
	finish string   // length | stop
	sent   int      // tokens written so far
	closed bool     // the finish chunk is written
	vector []float32
}

func (c *choice) text() string { return strings.Join(c.tokens, "") }

// plan decides the answers of a request. They depend on the seed and the
// prompts alone, so the same request has the same answer.
func (cfg *Config) plan(a api, req *request) (*job, *apiError) {
	model, ok := cfg.model(req.Model)
	if !ok {
		return nil, unknownModel(req.Model)
	}
	j := &job{
		model:     model.ID,
		streaming: req.Stream && a != apiEmbeddings,
		sendUsage: req.StreamOptions.IncludeUsage,
	}
	j.continuous = j.sendUsage && req.StreamOptions.ContinuousUsageStats
	for i, prompt := range req.prompts(a) {
		c, err := cfg.planChoice(a, req, model, prompt)
		if err != nil {
			return nil, err
		}
		c.index = i
		j.choices = append(j.choices, c)
		j.planned += c.seq.Out
		j.usage.prompt += c.seq.In
	}
	j.usage.hasCached = cfg.PrefixCache
	return j, nil
}

func (cfg *Config) planChoice(a api, req *request, m Model, prompt []string) (*choice, *apiError) {
	in := countWords(prompt)
	seed := cfg.Seed
	for _, part := range prompt {
		seed = hashMore(seed^14695981039346656037, part)
	}
	dice := rand.New(rand.NewPCG(cfg.Seed, seed))
	if a == apiEmbeddings {
		if in > m.MaxModelLen {
			return nil, overflow(m, in, 0)
		}
		return &choice{seq: &engine.Seq{In: in, Out: 1}, vector: vector(dice)}, nil
	}
	n, finish, err := cfg.length(req, m, in, dice)
	if err != nil {
		return nil, err
	}
	c := &choice{tokens: tokenize(words.Text(dice, n)), finish: finish}
	c.stopAt(req.Stop, cfg.honoured(req.MinTokens))
	c.seq = &engine.Seq{In: in, Out: len(c.tokens), Bursts: cfg.Engine.Speculative.bursts(dice, len(c.tokens))}
	if cfg.PrefixCache {
		c.seq.Blocks = blockChain(m.ID, prompt)
	}
	return c, nil
}

// honoured is a min_tokens of a request where the server takes it, else 0.
func (cfg *Config) honoured(minTokens int) int {
	if *cfg.IgnoreEOS {
		return minTokens
	}
	return 0
}

// length decides how many tokens an answer has and why it ends.
func (cfg *Config) length(req *request, m Model, in int, dice *rand.Rand) (int, string, *apiError) {
	limit, given := m.MaxModelLen-in, req.limit()
	if given != nil {
		if in+*given > m.MaxModelLen {
			return 0, "", overflow(m, in, *given)
		}
		limit = *given
	}
	if limit < 1 {
		return 0, "", overflow(m, in, 1)
	}
	natural := defaultOutput
	switch mean := cfg.Output.Natural; {
	case mean > 0:
		natural = max(1, mean-mean/2+dice.IntN(mean+1))
	case given != nil:
		return limit, "length", nil // without a natural length only the limit ends an answer
	}
	natural = max(natural, cfg.honoured(req.MinTokens))
	forever := req.IgnoreEOS && *cfg.IgnoreEOS
	switch {
	case forever && given != nil, natural >= limit:
		return limit, "length", nil
	case forever:
		return natural, "length", nil // no end and no limit: the default is the limit
	}
	return natural, "stop", nil
}

// stopAt ends the answer before the first stop sequence that begins at or after
// token minTokens. Tokens are counted as far as their text is sent; an answer
// that stops at once has one empty token.
func (c *choice) stopAt(stops []string, minTokens int) {
	text, from := c.text(), 0
	for _, t := range c.tokens[:min(minTokens, len(c.tokens))] {
		from += len(t)
	}
	cut := -1
	for _, stop := range stops {
		if i := strings.Index(text[from:], stop); i >= 0 && stop != "" && (cut < 0 || from+i < cut) {
			cut = from + i
		}
	}
	if cut < 0 {
		return
	}
	c.finish = "stop"
	c.tokens = tokenize(text[:cut])
}

// tokenize cuts a text into its words, each but the first with the space
// before it. No text is one empty token.
func tokenize(text string) []string {
	tokens := make([]string, 0, strings.Count(text, " ")+1)
	for text != "" {
		i := strings.IndexByte(text[1:], ' ')
		if i < 0 {
			return append(tokens, text)
		}
		tokens, text = append(tokens, text[:i+1]), text[i+1:]
	}
	if len(tokens) == 0 {
		return append(tokens, "")
	}
	return tokens
}

func countWords(parts []string) int {
	n := 0
	for _, p := range parts {
		n += words.Count(p)
	}
	return n
}

const embeddingDims = 16

func vector(dice *rand.Rand) []float32 {
	v := make([]float32, embeddingDims)
	for i := range v {
		v[i] = float32(dice.IntN(2001)-1000) / 1000
	}
	return v
}

func unknownModel(id string) *apiError {
	e := invalid("model", "The model `%s` does not exist", id)
	e.status, e.code = http.StatusNotFound, "model_not_found"
	return e
}

func overflow(m Model, in, out int) *apiError {
	e := invalid("messages", "This model's maximum context length is %d tokens. However, you requested %d tokens "+
		"(%d in the messages, %d in the completion).", m.MaxModelLen, in+out, in, out)
	e.code = "context_length_exceeded"
	return e
}
