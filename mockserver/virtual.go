package mockserver

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

// A Virtual is a server without network, clock, faults and limits: it decides
// the answers that a Server of the same config would give, and its engine runs
// in its caller's time.
type Virtual struct {
	Engine engine.Engine
	cfg    *Config
}

// NewVirtual makes one. Truth is not written.
func NewVirtual(cfg Config) (*Virtual, error) {
	cfg = cfg.withDefaults()
	var errs []error
	for _, p := range cfg.problems() {
		errs = append(errs, p)
	}
	return &Virtual{newEngine(&cfg), &cfg}, errors.Join(errs...)
}

// Models are the ids that /v1/models lists.
func (v *Virtual) Models() []string {
	ids := make([]string, len(v.cfg.Models))
	for i, m := range v.cfg.Models {
		ids[i] = m.ID
	}
	return ids
}

// An Answer is what a Virtual decided about a request: a refusal, or sequences
// to submit to the engine.
type Answer struct {
	Status int           // 200, or that of a refusal
	Error  string        // of a refusal
	Seqs   []*engine.Seq // one a prompt
	In     int           // tokens of all prompts
	Out    int           // tokens of all answers
	Finish string        // why the first answer ends
	// Counted: usage runs along with a stream's chunks, and tells how many tokens each has.
	Counted bool

	job  *job
	role bool // a chunk of its own at admission
	cfg  *Config
}

// Plan decides about a request, as it would be posted to a path such as /v1/chat/completions.
func (v *Virtual) Plan(path string, body []byte) *Answer {
	a := api(strings.TrimPrefix(path, "/v1"))
	req, bad := parseRequest(a, body)
	var j *job
	if bad == nil {
		j, bad = v.cfg.plan(a, req)
	}
	if bad != nil {
		return &Answer{Status: bad.status, Error: bad.message}
	}
	out := &Answer{
		Status: 200, In: j.usage.prompt, Out: j.planned, Finish: j.choices[0].finish, Counted: j.continuous, job: j, cfg: v.cfg,
	}
	if a == apiEmbeddings {
		out.Out = 0 // the engine's one token each is not one of an answer
	}
	out.role = j.streaming && a == apiChat && v.cfg.Stream.RoleChunk == roleEarly
	for _, c := range j.choices {
		out.Seqs = append(out.Seqs, c.seq)
	}
	return out
}

// Cached is the number of prompt tokens that usage reports as cached. It is
// known when all sequences are admitted.
func (a *Answer) Cached() (n int) {
	if a.job.usage.hasCached {
		for _, s := range a.Seqs {
			n += s.Cached()
		}
	}
	return n
}

// A Chunk is content that is written at once.
type Chunk struct {
	Due    time.Duration
	Tokens int
	Events int
}

// Chunks are a stream's writes of content in order, as far as the engine has
// decided them; a plain answer has one.
func (a *Answer) Chunks() []Chunk {
	list := make([]Chunk, 0, a.job.planned)
	for _, c := range a.job.choices {
		for sent := 0; sent < c.seq.Out; {
			n := c.seq.Out
			if a.job.streaming {
				n = a.cfg.chunkTokens(c, sent)
			}
			due, ok := c.seq.Due(sent + n - 1)
			if !ok {
				break
			}
			list = append(list, Chunk{due, n, 1})
			sent += n
		}
	}
	slices.SortStableFunc(list, func(a, b Chunk) int { return cmp.Compare(a.Due, b.Due) })
	if len(list) == 0 {
		return nil
	}
	whole := list[:1]
	for _, c := range list[1:] {
		if last := &whole[len(whole)-1]; last.Due == c.Due || !a.job.streaming {
			last.Due, last.Tokens, last.Events = c.Due, last.Tokens+c.Tokens, last.Events+c.Events
			continue
		}
		whole = append(whole, c)
	}
	return whole
}

// First is when the client sees the first chunk: with the first content, or
// with the admission where the role has a chunk of its own.
func (a *Answer) First() time.Duration {
	if at, ok := a.Seqs[0].Admitted(); ok && a.role {
		return at
	}
	return a.Chunks()[0].Due
}

// chunkTokens is how many tokens of c from sent on go into one chunk: as many as
// the config says, or all that one step makes.
func (cfg *Config) chunkTokens(c *choice, sent int) int {
	return min(max(cfg.Stream.TokensPerChunk, c.seq.Together(sent)), c.seq.Out-sent)
}
