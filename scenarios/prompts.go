package scenarios

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/internal/words"
)

// warmPool is how many prompts a warm stage cycles through when its warm-up does not say.
const warmPool = 16

// nonceWords is the length of the head that makes a cold prompt new to the server, in tokens.
const nonceWords = 4

// corpus is the prompts of a file, read once however many stages use it.
type corpus struct {
	sha256 string
	texts  []string
}

func (r *resolver) prompts(d draft, s *Stage) {
	p := d.workload.Prompts
	at := func(key string) string { return d.place("workload.prompts."+key, r.spec.node) }
	s.Prompts.Cache = p.Cache
	fallback(&s.Prompts.Cache, Cold)
	sources := 0
	for _, set := range []bool{p.Synthetic != nil, p.File != "", p.ShareGPT != ""} {
		if set {
			sources++
		}
	}
	switch {
	case sources > 1:
		r.fail(at(""), "prompts have several sources: leave one of synthetic, file, sharegpt")
	case p.File != "":
		r.corpus(s, "file", p.File, at("file"), parseJSONL)
	case p.ShareGPT != "":
		r.corpus(s, "sharegpt", p.ShareGPT, at("sharegpt"), parseShareGPT)
	default:
		s.Prompts.Source = "synthetic"
		lengths := Lengths{Mean: defaultInputTokens}
		if p.Synthetic != nil {
			lengths = p.Synthetic.InputTokens
		}
		if lengths.Mean < 1 || lengths.Stddev < 0 || lengths.Min < 0 || (lengths.Max > 0 && lengths.Max < max(lengths.Min, 1)) {
			r.fail(at("synthetic.input_tokens"), "input_tokens needs mean >= 1, stddev >= 0 and min <= max")
		}
		s.Prompts.InputTokens = &lengths
	}
}

func (r *resolver) corpus(s *Stage, source, name, place string, parse func(string, []byte) ([]string, error)) {
	s.Prompts.Source, s.Prompts.File = source, name
	c, ok := r.corpora[source+name]
	if !ok {
		c = &corpus{}
		r.corpora[source+name] = c
		body, err := r.spec.open(name)
		if err != nil {
			r.fail(place, "cannot read prompts: %v", err)
			return
		}
		sum := sha256.Sum256(body)
		c.sha256 = hex.EncodeToString(sum[:])
		if c.texts, err = parse(name, body); err != nil {
			r.errs = append(r.errs, err)
			return
		}
		if len(c.texts) == 0 {
			r.fail(place, "%s holds no prompt", name)
		}
	}
	s.Prompts.SHA256, s.Prompts.Count, s.corpus = c.sha256, len(c.texts), c
}

// maxFileErrors bounds what one broken data set prints; the rest is counted.
const maxFileErrors = 10

// parseJSONL reads vLLM's custom format: one {"prompt": "..."} a line. Blank lines are skipped.
func parseJSONL(name string, body []byte) ([]string, error) {
	var texts []string
	var errs []error
	bad := 0
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var entry struct {
			Prompt string `json:"prompt"`
		}
		err := json.Unmarshal(line, &entry)
		if err == nil && entry.Prompt != "" {
			texts = append(texts, entry.Prompt)
			continue
		}
		if bad++; bad <= maxFileErrors {
			errs = append(errs, dataError(name, n, line, err))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if bad > maxFileErrors {
		errs = append(errs, fmt.Errorf("%s: %d more lines like these", name, bad-maxFileErrors))
	}
	return texts, strictyaml.Join(errs...)
}

func dataError(name string, line int, text []byte, err error) error {
	msg := `each line must be an object with a prompt, such as {"prompt": "Hello"}`
	if err != nil {
		msg += ": " + err.Error()
	}
	if len(text) > 120 {
		text = append(bytes.Clone(text[:117]), "..."...)
	}
	return &strictyaml.Error{File: name, Line: line, Col: 1, Source: string(bytes.ToValidUTF8(text, []byte("?"))), Msg: msg}
}

// parseShareGPT reads [{conversations: [{from, value}]}] and takes the first turn of each conversation that has at least
// two, as other benchmarks do.
func parseShareGPT(name string, body []byte) ([]string, error) {
	var entries []struct {
		Conversations []struct {
			From  string `json:"from"`
			Value string `json:"value"`
		} `json:"conversations"`
	}
	if err := json.Unmarshal(body, &entries); err != nil {
		return nil, fmt.Errorf("%s is not ShareGPT JSON ([{\"conversations\": [{\"from\": \"human\", \"value\": \"...\"}]}]): %w", name, err)
	}
	var texts []string
	for _, e := range entries {
		if len(e.Conversations) >= 2 && e.Conversations[0].Value != "" {
			texts = append(texts, e.Conversations[0].Value)
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("%s: none of its %d conversations has two turns or more", name, len(entries))
	}
	return texts, nil
}

// Prompt returns the prompt of an index: the same for the same seed, stage and index, but for the head that nonce gives a
// cold one. tokens is its exact length in tokens, 0 where only the server can know.
func (s *Stage) Prompt(index int64, nonce uint64) (text string, tokens int) {
	seed := s.seed
	if s.Prompts.Cache == Warm {
		pool := int64(warmPool)
		if s.Warmup.Requests > 0 {
			pool = int64(s.Warmup.Requests)
		}
		index %= pool
	}
	var head string
	if s.Prompts.Cache == Cold {
		head = words.Nonce(mix(mix(nonce, seed), uint64(index)))
	}
	if s.corpus != nil {
		text = s.corpus.texts[index%int64(len(s.corpus.texts))]
		if head != "" {
			text = head + " " + text
		}
		return text, 0
	}
	r := rand.New(rand.NewPCG(seed, uint64(index)))
	n := s.Prompts.InputTokens.Draw(r)
	return synthetic(r, head, n), n
}

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

// mix hashes two words into one (the finalizer of SplitMix64), so that seeds of neighbours share nothing.
func mix(a, b uint64) uint64 {
	x := a ^ (b * 0x9e3779b97f4a7c15)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
