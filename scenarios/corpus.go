package scenarios

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/llmload/llmload/internal/strictyaml"
)

// corpus is the prompts of a file, read once however many stages use it.
type corpus struct {
	sha256  string
	texts   []string
	skipped int
}

func (r *resolver) corpus(s *Stage, source, name, place string) {
	s.Prompts.Source, s.Prompts.File = source, name
	c, ok := r.corpora[source+" "+name]
	if !ok {
		c = r.readCorpus(source, name, place)
		r.corpora[source+" "+name] = c
	}
	s.Prompts.SHA256, s.Prompts.Count, s.Prompts.Skipped, s.corpus = c.sha256, len(c.texts), c.skipped, c
}

func (r *resolver) readCorpus(source, name, place string) *corpus {
	c := &corpus{}
	if name == "" {
		r.fail(place, "%s names nothing: write the name of a file of prompts", source)
		return c
	}
	body, err := r.spec.open(name)
	if err != nil {
		r.fail(place, "cannot read prompts: %v", err)
		return c
	}
	sum := sha256.Sum256(body)
	c.sha256 = hex.EncodeToString(sum[:])
	data := dataFile{name, bytes.TrimPrefix(body, []byte("\ufeff"))}
	if source == "sharegpt" {
		err = data.shareGPT(c)
	} else {
		err = data.jsonl(c)
	}
	switch {
	case err != nil:
		r.errs = append(r.errs, err)
	case len(c.texts) == 0 && c.skipped > 0:
		r.fail(place, "%s: none of its %d conversations has a first turn and an answer", name, c.skipped)
	case len(c.texts) == 0:
		r.fail(place, "%s holds no prompt", name)
	}
	return c
}

// dataFile is a file of prompts.
type dataFile struct {
	name string
	body []byte
}

// maxFileErrors bounds what one broken data set prints; the rest is counted.
const maxFileErrors = 10

// jsonl reads vLLM's custom format: one {"prompt": "..."} a line. Blank lines and other keys are skipped.
func (f dataFile) jsonl(c *corpus) error {
	const want = `each line must be an object with a prompt, such as {"prompt": "Hello"}`
	var errs []error
	bad, more := 0, 0 // more: where the bad lines begin that are not shown
	for start, end := 0, 0; start < len(f.body); start = end + 1 {
		end = len(f.body)
		if n := bytes.IndexByte(f.body[start:], '\n'); n >= 0 {
			end = start + n
		}
		line := bytes.TrimRight(f.body[start:end], " \t\r")
		var entry struct {
			Prompt string `json:"prompt"`
		}
		if len(line) == 0 {
			continue
		}
		err := json.Unmarshal(line, &entry)
		if err == nil && entry.Prompt != "" {
			c.texts = append(c.texts, entry.Prompt)
		} else if bad++; bad <= maxFileErrors {
			errs = append(errs, f.errorAt(start, err, want))
		} else if bad == maxFileErrors+1 {
			more = start
		}
	}
	if bad > maxFileErrors {
		errs = append(errs, f.errorAt(more, nil, fmt.Sprintf("from here on %d more lines are wrong", bad-maxFileErrors)))
	}
	return strictyaml.Join(errs...)
}

// shareGPT reads [{conversations: [{from, value}]}] and takes the first turn of each conversation that has at least two, as
// other benchmarks do; the others are counted.
func (f dataFile) shareGPT(c *corpus) error {
	var entries []struct {
		Conversations []struct {
			Value string `json:"value"`
		} `json:"conversations"`
	}
	if err := json.Unmarshal(f.body, &entries); err != nil {
		return f.errorAt(0, err, `ShareGPT is [{"conversations": [{"from": "human", "value": "Hello"}, ...]}, ...]`)
	}
	for _, e := range entries {
		if len(e.Conversations) < 2 || e.Conversations[0].Value == "" {
			c.skipped++
			continue
		}
		c.texts = append(c.texts, e.Conversations[0].Value)
	}
	return nil
}

// errorAt places a mistake of JSON text that begins at start: where the decoder stopped, if it did.
func (f dataFile) errorAt(start int, err error, want string) error {
	at, msg := start, want
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		// The offset counts the byte that was refused, too.
		at, msg = start+max(int(syntax.Offset)-1, 0), "JSON: "+syntax.Error()+"; "+want
	} else if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if kind.Field != "" {
			at = start + max(int(kind.Offset)-1, 0)
		}
		msg = fmt.Sprintf("%s does not belong here: %s", kind.Value, want)
	}
	at = min(at, len(f.body))
	lineStart := bytes.LastIndexByte(f.body[:at], '\n') + 1
	line := f.body[lineStart:]
	if n := bytes.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
	}
	const longest = 1 << 20
	if len(line) > longest { // a data set in one line; quoting it would copy it
		return &strictyaml.Error{Msg: fmt.Sprintf("%s, byte %d: %s", f.name, at+1, msg)}
	}
	return &strictyaml.Error{
		File: f.name, Line: bytes.Count(f.body[:at], []byte("\n")) + 1, Col: utf8.RuneCount(f.body[lineStart:at]) + 1,
		Source: string(bytes.ToValidUTF8(bytes.TrimRight(line, "\r"), []byte("?"))), Msg: msg,
	}
}
