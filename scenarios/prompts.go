package scenarios

import (
	"math/rand/v2"
	"strings"

	"github.com/llmload/llmload/internal/words"
)

// warmPool is how many prompts a warm stage cycles through when its warm-up does not say.
const warmPool = 16

// workload resolves what a workload of a stage leaves open.
func (r *resolver) workload(w work, s *Stage) Workload {
	out := Workload{API: w.spec.API, Temperature: w.spec.Temperature, ExtraBody: w.spec.ExtraBody}
	r.prompts(w, &out, s)
	fallback(&out.API, Chat)
	out.Stream = out.API != Embeddings
	if w.spec.Stream != nil {
		out.Stream = *w.spec.Stream
	}
	r.output(w, &out, s)
	r.checkWorkload(w, out)
	return out
}

func (r *resolver) prompts(w work, out *Workload, s *Stage) {
	p := w.spec.Prompts
	out.Prompts.Cache = p.Cache
	named := 0
	for _, set := range []bool{p.Synthetic != nil, p.Text != nil, p.File != nil, p.ShareGPT != nil, p.Batch != nil} {
		if set {
			named++
		}
	}
	switch {
	case named > 1:
		r.fail(w.place("prompts"), "prompts have several sources: leave one of %s", strings.Join(sources[:], ", "))
	case p.File != nil:
		r.corpus(out, "file", *p.File, w.place("prompts.file"))
	case p.ShareGPT != nil:
		r.corpus(out, "sharegpt", *p.ShareGPT, w.place("prompts.sharegpt"))
	case p.Batch != nil:
		fallback(&out.Prompts.Cache, Cold)
		r.batch(w, out)
	case p.Text != nil:
		out.Prompts.Source, out.Prompts.SHA256 = "text", words.PassagesSHA256()
		out.Prompts.Words = r.lengths(w, "prompts.text.words", "words", p.Text.Words)
	case s.Trace != nil && p.Synthetic == nil:
		out.Prompts.Source = "trace"
		if s.trace.blocks > 0 {
			fallback(&out.Prompts.Cache, Traced)
		}
	default:
		out.Prompts.Source = "synthetic"
		var given *Lengths
		if p.Synthetic != nil {
			given = p.Synthetic.InputTokens
		}
		out.Prompts.InputTokens = r.lengths(w, "prompts.synthetic.input_tokens", "input_tokens", given)
	}
	fallback(&out.Prompts.Cache, Cold)
	switch known := s.trace != nil && s.trace.requests != nil; { // or its mistakes are said
	case out.Prompts.Cache.shared() > 0 && out.Prompts.Source != "synthetic":
		r.fail(w.place("prompts.cache"), "cache %s needs synthetic prompts, whose length in tokens is known", out.Prompts.Cache)
	case out.Prompts.Cache == Traced && (out.Prompts.Source != "trace" || known && s.trace.blocks == 0):
		r.fail(w.place("prompts.cache"), "cache trace needs arrivals of a trace with hash_ids, and its prompts")
	}
}

// Salad reports whether the prompts are random words, which make no sense together.
func (w *Workload) Salad() bool {
	return w.API != Embeddings && (w.Prompts.Source == "synthetic" || w.Prompts.Source == "trace")
}

// lengths are those given, or 512.
func (r *resolver) lengths(w work, key, what string, given *Lengths) *Lengths {
	if given == nil {
		return &Lengths{Mean: defaultInputTokens}
	}
	r.checkLengths(w.place(key), what, *given)
	return given
}

func (r *resolver) output(w work, out *Workload, s *Stage) {
	o := w.spec.Output
	out.Output.Mode = o.Mode
	fallback(&out.Output.Mode, Exact)
	at := w.place("output.tokens")
	switch {
	case out.API == Embeddings:
		out.Output = Output{Mode: Natural}
		if o.Tokens != nil {
			r.fail(at, "embeddings have no output tokens: leave tokens out")
		}
	case out.Prompts.Source == "batch":
		out.Output = Output{Mode: Natural}
		if o.Tokens != nil || o.Mode != "" && o.Mode != Natural {
			r.fail(w.place("output"), "requests of a batch file have lengths of their own: leave output out")
		}
	case out.Output.Mode == Natural && o.Tokens != nil:
		r.fail(at, "mode natural sets no length: leave tokens out, or use mode exact or cap")
	case o.Tokens != nil && o.Tokens.fixed():
		out.Output.Tokens = o.Tokens.Mean
		r.inRange(at, "output tokens", o.Tokens.Mean, 1, maxTokens)
	case o.Tokens != nil:
		out.Output.Lengths = o.Tokens
		r.checkLengths(at, "output tokens", *o.Tokens)
	case out.Output.Mode != Natural && s.Trace == nil:
		out.Output.Tokens = defaultOutputTokens
	}
}

// ownFields are those of the body that a workload decides; the answer would not be read rightly with others.
var ownFields = [...]string{"model", "messages", "prompt", "input", "stream"}

func (r *resolver) checkWorkload(w work, out Workload) {
	if out.Stream && out.API == Embeddings {
		r.fail(w.place("stream"), "embeddings do not stream: set stream: false")
	}
	if t := out.Temperature; t != nil && (*t < 0 || *t > 2) {
		r.fail(w.place("temperature"), "temperature %v is outside 0 to 2", *t)
	}
	for _, key := range ownFields {
		if _, ok := out.ExtraBody[key]; ok {
			r.fail(w.place("extra_body["+key+"]"), "extra_body must not set %q, which comes from the scenario's other keys", key)
		}
	}
}

// checkBatchMode refuses to put into one request what belongs into several.
func (r *resolver) checkBatchMode(d draft, s Stage, w *Workload) {
	switch at := d.place("load.batch.mode"); {
	case s.BatchMode != OneRequest:
	case w.API == Chat:
		r.fail(at, "a chat request carries one conversation: use mode concurrent, or api completions or embeddings")
	case w.Prompts.Source == "batch":
		r.fail(at, "a request of a batch file is whole: use mode concurrent")
	}
}

// blockTokens is the length of the block of a prompt that a hash_id of Mooncake's stands for.
const blockTokens = 512

// traced joins the blocks of a trace's prompt: the same hash_id is the same text. Each round of the trace has blocks of its
// own, and each run, because every block has its head. What the hash_ids leave of the prompt is its own.
func (s *Stage) traced(t *traced, index int64, nonce uint64) string {
	lap := uint64(index) / uint64(len(s.trace.requests))
	var text strings.Builder
	for i, left := 0, t.in; left > 0; i, left = i+1, left-blockTokens {
		id := 1<<indexBits - 1 - uint64(index)
		n := left
		if i < len(t.blocks) {
			id, n = lap*uint64(s.trace.blocks)+uint64(t.blocks[i]), min(left, blockTokens)
		}
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(synthetic(rand.New(rand.NewPCG(s.seed, id)), s.nonce(int64(id), nonce), n))
		if n > blockTokens {
			break
		}
	}
	return text.String()
}

// nonceWords is the length of the head that makes a cold prompt new to the server, in tokens.
const nonceWords = 4

// synthetic joins the nonce and random words to n words in all.
func synthetic(r *rand.Rand, head string, n int) string {
	if head == "" {
		return words.Text(r, n)
	}
	if n <= nonceWords {
		return firstWords(head, n)
	}
	out := make([]byte, 0, 8*n)
	out = append(append(out, head...), ' ')
	return string(words.Append(out, r, n-nonceWords))
}

func firstWords(s string, n int) string {
	for i := range s {
		if s[i] == ' ' {
			if n--; n == 0 {
				return s[:i]
			}
		}
	}
	return s
}

// A head stands for headBits bits (words.Nonce): the stage, below maxStages, above the prompt's index, which maxRequests of
// warm-up, of measured load and of tail do not exceed.
const (
	headBits  = 45
	indexBits = 35
)

// scatter permutes the numbers below 2^45 in an order that key decides. It is one to one, because each step is, where a hash
// would give two of a million prompts the same head once in seventy runs.
func scatter(x, key uint64) uint64 {
	const mask = 1<<headBits - 1
	for round := range uint64(3) {
		x ^= mix(key, round) & mask
		x = x * 0x9e3779b97f4a7c15 & mask
		x ^= x >> 23
	}
	return x
}

// mix hashes two words into one (the finalizer of SplitMix64), so that seeds of neighbours share nothing.
func mix(a, b uint64) uint64 {
	x := a ^ (b * 0x9e3779b97f4a7c15)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
