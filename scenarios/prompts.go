package scenarios

import (
	"math/rand/v2"
	"strings"

	"github.com/llmload/llmload/internal/words"
)

// warmPool is how many prompts a warm stage cycles through when its warm-up does not say.
const warmPool = 16

func (r *resolver) prompts(d draft, s *Stage) {
	p := d.workload.Prompts
	at := func(key string) string { return d.place("workload.prompts." + key) }
	s.Prompts.Cache = p.Cache
	if s.Prompts.Cache == Warm && s.Warmup.Requests == 0 {
		s.Warmup.Requests = warmPool // without a warm-up the first round would be cold
	}
	sources := 0
	for _, set := range []bool{p.Synthetic != nil, p.File != nil, p.ShareGPT != nil} {
		if set {
			sources++
		}
	}
	switch {
	case sources > 1:
		r.fail(d.place("workload.prompts"), "prompts have several sources: leave one of synthetic, file, sharegpt")
	case p.File != nil:
		r.corpus(s, "file", *p.File, at("file"))
	case p.ShareGPT != nil:
		r.corpus(s, "sharegpt", *p.ShareGPT, at("sharegpt"))
	case s.Trace != nil && p.Synthetic == nil:
		s.Prompts.Source = "trace"
		if s.trace.blocks > 0 {
			fallback(&s.Prompts.Cache, Traced)
		}
	default:
		s.Prompts.Source = "synthetic"
		lengths := Lengths{Mean: defaultInputTokens}
		if p.Synthetic != nil && p.Synthetic.InputTokens != nil {
			lengths = *p.Synthetic.InputTokens
		}
		r.checkLengths(at("synthetic.input_tokens"), lengths)
		s.Prompts.InputTokens = &lengths
	}
	fallback(&s.Prompts.Cache, Cold)
	if s.Prompts.Cache == Traced && (s.Prompts.Source != "trace" || s.trace.blocks == 0 && s.trace.requests != nil) {
		r.fail(at("cache"), "cache trace needs arrivals of a trace with hash_ids, and its prompts")
	}
}

func (r *resolver) checkLengths(at string, l Lengths) {
	r.inRange(at, "mean of input_tokens", l.Mean, 1, maxTokens)
	r.inRange(at, "stddev of input_tokens", l.Stddev, 0, maxTokens)
	r.inRange(at, "min of input_tokens", l.Min, 0, maxTokens)
	r.inRange(at, "max of input_tokens", l.Max, 0, maxTokens)
	if l.Max > 0 && l.Max < l.Min {
		r.fail(at, "input_tokens has min %d above max %d", l.Min, l.Max)
	}
}

// Prompt returns the prompt of an index: the same for the same seed, stage and index, but for the head that nonce gives a
// cold one. No two cold prompts of a plan have the same first four words, if they have as many. tokens is the exact length
// in tokens, 0 where only the server can know. A negative index is for a probe: unless it comes warm from
// a file, no run sends that prompt.
func (s *Stage) Prompt(index int64, nonce uint64) (text string, tokens int) {
	if s.Prompts.Cache == Traced {
		t := s.trace.of(index)
		return s.traced(t, index, nonce), t.in
	}
	index = s.promptIndex(index)
	var head string
	if s.Prompts.Cache == Cold {
		head = s.head(uint64(index), nonce)
	}
	if s.corpus != nil {
		text = s.corpus.texts[uint64(index)%uint64(len(s.corpus.texts))]
		if head != "" {
			text = head + " " + text
		}
		return text, 0
	}
	r := s.dice(index)
	n := s.inputTokens(index, r)
	return synthetic(r, head, n), n
}

// promptIndex is the prompt that an index stands for: a warm stage has few.
func (s *Stage) promptIndex(index int64) int64 {
	if s.Prompts.Cache == Warm {
		index %= int64(max(s.Warmup.Requests, 1))
	}
	return index
}

// dice are those of a synthetic prompt: its length, then its words.
func (s *Stage) dice(index int64) *rand.Rand { return rand.New(rand.NewPCG(s.seed, uint64(index))) }

// inputTokens is the length of a synthetic prompt; r is its dice, and fresh.
func (s *Stage) inputTokens(index int64, r *rand.Rand) int {
	if s.Prompts.Source == "trace" {
		return s.trace.of(index).in
	}
	return s.Prompts.InputTokens.Draw(r)
}

// OutputTokens is the length of answer that the prompt of an index asks for; 0 leaves it to the server.
func (s *Stage) OutputTokens(index int64) int {
	if s.trace != nil && s.Output.Tokens == 0 && s.Output.Mode != Natural {
		return s.trace.of(index).out
	}
	return s.Output.Tokens
}

// head is what makes a prompt, or a block of one, new to the server; no two of a run are alike.
func (s *Stage) head(index, nonce uint64) string {
	return words.Nonce(scatter(s.ordinal<<indexBits|index&(1<<indexBits-1), nonce))
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
		text.WriteString(synthetic(s.dice(int64(id)), s.head(id, nonce), n))
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
