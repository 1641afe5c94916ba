package scenarios

import (
	"math"
	"math/rand/v2"

	"github.com/llmload/llmload/internal/words"
)

// Workload is what a request looks like.
type Workload struct {
	API         API            `yaml:"api,omitempty"`
	Stream      bool           `yaml:"stream"`
	Prompts     Prompts        `yaml:"prompts,omitempty"`
	Output      Output         `yaml:"output,omitempty"`
	Temperature *float64       `yaml:"temperature,omitempty"`
	ExtraBody   map[string]any `yaml:"extra_body,omitempty"` // merged into each JSON body

	seed   uint64
	corpus *corpus // nil where prompts are made
}

// Mixed is one workload of a mix.
type Mixed struct {
	Name     string  `yaml:"name"`
	Weight   float64 `yaml:"weight"` // its share is this by the sum of all
	Workload `yaml:",inline"`
}

// Prompts is where a workload's prompts come from.
type Prompts struct {
	Source      string   `yaml:"source"` // synthetic | text | file | sharegpt | batch | trace
	InputTokens *Lengths `yaml:"input_tokens,omitempty"`
	Words       *Lengths `yaml:"words,omitempty"` // of passages of a text
	File        string   `yaml:"file,omitempty"`
	SHA256      string   `yaml:"sha256,omitempty"`
	Count       int      `yaml:"count,omitempty"`   // prompts in the file
	Skipped     int      `yaml:"skipped,omitempty"` // conversations of the file without a first turn or an answer
	Cache       Cache    `yaml:"cache"`
}

// Output is the length asked for: Tokens, or one drawn from Lengths. Both are unset for natural lengths.
type Output struct {
	Tokens  int        `yaml:"tokens,omitempty"`
	Lengths *Lengths   `yaml:"lengths,omitempty"`
	Mode    OutputMode `yaml:"mode"`
}

// Workloads are those of the stage's mix, or its only one.
func (s *Stage) Workloads() []*Workload {
	if len(s.Mix) == 0 {
		return []*Workload{&s.Workload}
	}
	out := make([]*Workload, len(s.Mix))
	for i := range s.Mix {
		out[i] = &s.Mix[i].Workload
	}
	return out
}

// clone copies what a workload points to.
func (w Workload) clone() Workload {
	w.Temperature = clonePointer(w.Temperature)
	w.Prompts.InputTokens, w.Prompts.Words = w.Prompts.InputTokens.clone(), w.Prompts.Words.clone()
	w.Output.Lengths = w.Output.Lengths.clone()
	if w.ExtraBody != nil {
		w.ExtraBody, _ = cloneAny(w.ExtraBody).(map[string]any)
	}
	return w
}

// sow gives each workload a seed of its own.
func (s *Stage) sow(seed uint64) {
	s.seed = seed
	for i := range s.Mix {
		s.Mix[i].seed = mix(seed, uint64(i)+1)
	}
}

// Request is what one request asks, as far as the plan decides it.
type Request struct {
	*Workload
	Name     string   // of the workload in its mix
	Texts    []string // prompts; none of a batch file's request
	Input    int      // exact length of all prompts in tokens, 0 where only the server can know
	Tokens   int      // asked of each answer, 0 where its length is its own
	CustomID string   // of a batch file's request
	// Extra are further fields of the body: the workload's own and, before them, those of a batch file's request.
	Extra map[string]any
}

// Request returns the request that sends prompts prompts from index first on: the same for the same seed, stage and index,
// but for what nonce gives a cold or shared one. No two cold prompts of a plan have the same first four words, if they
// have as many. A negative index is for a probe: unless it comes warm from a file, no run sends that prompt.
func (s *Stage) Request(first int64, prompts int, nonce uint64) Request {
	return s.request(s.chosen(first), first, prompts, nonce)
}

func (s *Stage) request(k int, first int64, prompts int, nonce uint64) Request {
	r := Request{Workload: s.workload(k)}
	if len(s.Mix) > 0 {
		r.Name = s.Mix[k].Name
	}
	r.Tokens = s.outputTokens(r.Workload, first)
	if r.corpus != nil && len(r.corpus.requests) > 0 {
		r.Extra, r.CustomID = s.batched(r.Workload, k, first, nonce)
		return r
	}
	r.Extra = r.ExtraBody
	r.Texts = make([]string, prompts)
	for i := range r.Texts {
		text, tokens := s.prompt(r.Workload, k, first+int64(i), nonce)
		r.Texts[i], r.Input = text, r.Input+tokens
	}
	return r
}

// workload is the one of a place in the mix, or the only one.
func (s *Stage) workload(k int) *Workload {
	if len(s.Mix) == 0 {
		return &s.Workload
	}
	return &s.Mix[k].Workload
}

// outputTokens is the length of answer that a request asks for; 0 leaves it to the server.
func (s *Stage) outputTokens(w *Workload, first int64) int {
	switch {
	case w.Output.Lengths != nil:
		return w.Output.Lengths.Draw(rand.New(rand.NewPCG(mix(w.seed, 0x0ff5), uint64(first))))
	case s.trace != nil && w.Output.Tokens == 0 && w.Output.Mode != Natural:
		return s.trace.of(first).out
	}
	return w.Output.Tokens
}

// inputTokens is the exact length of the prompt of an index, 0 where only the server can know: what prompt returns, without
// the prompt.
func (s *Stage) inputTokens(w *Workload, k int, index int64) int {
	if w.Prompts.Cache == Warm {
		index = s.again(k, index)
	}
	switch {
	case w.Prompts.Source == "trace":
		return s.trace.of(index).in
	case w.corpus != nil, w.Prompts.Words != nil:
		return 0
	}
	return w.Prompts.InputTokens.Draw(rand.New(rand.NewPCG(w.seed, uint64(index))))
}

// chosen draws the workload of an index from the mix.
func (s *Stage) chosen(index int64) int {
	if len(s.Mix) == 0 {
		return 0
	}
	r := rand.New(rand.NewPCG(mix(s.seed, 0x313e), uint64(index)))
	return pick(r, len(s.Mix), func(i int) float64 { return s.Mix[i].Weight })
}

// again is the index of the warm-up whose prompt a warm workload repeats: of the warm-up's requests, one that was its own.
func (s *Stage) again(k int, index int64) int64 {
	n := int64(max(s.Warmup.Requests, 1))
	for index %= n; s.chosen(index) != k; index = (index + 1) % n {
	}
	return index
}

// prompt returns the prompt of an index, and its exact length in tokens, 0 where only the server can know.
func (s *Stage) prompt(w *Workload, k int, index int64, nonce uint64) (text string, tokens int) {
	if w.Prompts.Cache == Traced {
		t := s.trace.of(index)
		return s.traced(t, index, nonce), t.in
	}
	if w.Prompts.Cache == Warm {
		index = s.again(k, index)
	}
	head := s.head(w, index, nonce)
	r := rand.New(rand.NewPCG(w.seed, uint64(index)))
	switch {
	case w.corpus != nil:
		return behind(head, w.corpus.texts[uint64(index)%uint64(len(w.corpus.texts))]), 0
	case w.Prompts.Words != nil:
		return behind(head, words.Passage(r, w.Prompts.Words.Draw(r))), 0
	case w.Prompts.Source == "trace":
		n := s.trace.of(index).in
		return synthetic(r, head, n), n
	}
	n := w.Prompts.InputTokens.Draw(r)
	common := int(math.Round(w.Prompts.Cache.shared() * float64(n)))
	if common == 0 {
		return synthetic(r, head, n), n
	}
	all := rand.New(rand.NewPCG(mix(s.seed, 0x5a7e), 0))
	text = synthetic(all, s.nonce(sharedIndex, nonce), common)
	if common < n {
		text += " " + synthetic(r, head, n-common)
	}
	return text, n
}

// sharedIndex is the one that the head of shared prompts is made from; no prompt has it.
const sharedIndex = -2

// head is what makes a prompt new to the server; a warm one has none.
func (s *Stage) head(w *Workload, index int64, nonce uint64) string {
	if w.Prompts.Cache == Warm {
		return ""
	}
	return s.nonce(index, nonce)
}

func (s *Stage) nonce(index int64, nonce uint64) string {
	return words.Nonce(scatter(s.ordinal<<indexBits|uint64(index)&(1<<indexBits-1), nonce))
}

func behind(head, text string) string {
	if head == "" {
		return text
	}
	return head + " " + text
}
