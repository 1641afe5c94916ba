package mockserver

import (
	"encoding/json"
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

// NewVirtual makes one. The errors are those of New; truth is not written.
func NewVirtual(cfg Config) (*Virtual, error) {
	resolved, _, err := cfg.resolve()
	if err != nil {
		return nil, err
	}
	return &Virtual{newEngine(resolved), resolved}, nil
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
	Seqs   []*engine.Seq // one a choice: of each prompt all, in the order of the prompts
	In     int           // tokens of all prompts
	Out    int           // tokens of all answers
	Finish string        // why the first answer ends
	// Reasoned is the reasoning tokens that usage reports beside the completion's;
	// part of Out.
	Reasoned int
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
	if j.usage.hasReasoning && !j.usage.flat {
		out.Reasoned = j.usage.reasoning
	}
	if a == apiEmbeddings {
		out.Out = 0 // the engine's one token each is not one of an answer
	}
	out.role = j.streaming && a == apiChat && v.cfg.Stream.RoleChunk == roleEarly
	for _, c := range j.choices {
		out.Seqs = append(out.Seqs, c.seq)
		out.Counted = out.Counted && c.call == nil // the event that opens a call adds no token
	}
	return out
}

// Cached is the number of prompt tokens that usage reports as cached, as far as
// the sequences are admitted: each prompt counts once.
func (a *Answer) Cached() int {
	a.job.settle()
	return a.job.usage.cached
}

// Text is what the first answer says.
func (a *Answer) Text() (text string) {
	_ = json.Unmarshal([]byte(`"`+a.job.choices[0].text(content)+`"`), &text) // it is kept as JSON has it
	return text
}

// A Chunk is content that is written at once.
type Chunk struct {
	Due    time.Duration
	Tokens int // with hidden ones before them
	Events int
	Output bool // some of it is not reasoning
}

// Chunks are a stream's writes of content in order, as far as the engine has
// decided them; a plain answer has one, when it has decided all.
func (a *Answer) Chunks() (list []Chunk) {
	f := newFeed(a.cfg, a.job, nil)
	if !a.job.streaming {
		return a.whole()
	}
	unseen := 0 // tokens that no event has shown: the next one that does brings them in its usage
	for c, ok := f.take(forever); ok; c, ok = f.take(forever) {
		unseen += c.to - c.after
		events, output := c.content()
		if events == 0 {
			continue
		}
		if len(list) == 0 || list[len(list)-1].Due != c.due {
			list = append(list, Chunk{Due: c.due})
		}
		last := &list[len(list)-1]
		last.Tokens, last.Events, last.Output = last.Tokens+unseen, last.Events+events, last.Output || output
		unseen = 0
	}
	return list
}

// whole is the one chunk of a plain answer.
func (a *Answer) whole() []Chunk {
	one := Chunk{Tokens: a.job.planned, Events: len(a.Seqs), Output: true}
	for _, s := range a.Seqs {
		due, ok := s.Due(s.Out - 1)
		if !ok {
			return nil
		}
		one.Due = max(one.Due, due)
	}
	return []Chunk{one}
}

// content is how many events with content a stream has for a chunk, and whether
// that is more than reasoning.
func (c chunk) content() (events int, output bool) {
	for _, text := range c.tokens[c.from:c.to] {
		if text != "" {
			events, output = 1, c.kind(c.from) != reasoning
			break
		}
	}
	if c.call != nil && c.to > c.reasoning && c.after <= c.reasoning { // opened here
		return events + 1, true
	}
	return events, output
}

// First is when the client sees the first event: at the admission where the role
// has one of its own then, else with the first chunk, or where that has nothing
// to show with the end of the answer. It is known when the engine has decided that.
func (a *Answer) First() (at time.Duration) {
	if admitted, ok := a.Seqs[0].Admitted(); ok && a.role {
		return admitted
	}
	at, _ = newFeed(a.cfg, a.job, nil).next()
	return at
}
