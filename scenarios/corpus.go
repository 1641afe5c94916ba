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

	api      API      // of all requests of a batch file
	requests []batch  // in place of texts
	ids      []string // their custom_ids, empty where they have none
	rigid    int      // the first of them that cannot take a nonce, from 1; 0: all can
}

func (c *corpus) count() int { return len(c.texts) + len(c.requests) }

func (r *resolver) corpus(w *Workload, source, name, place string) {
	w.Prompts.Source, w.Prompts.File = source, name
	c, ok := r.corpora[source+" "+name]
	if !ok {
		c = r.readCorpus(source, name, place)
		r.corpora[source+" "+name] = c
	}
	w.Prompts.SHA256, w.Prompts.Count, w.Prompts.Skipped, w.corpus = c.sha256, c.count(), c.skipped, c
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
	switch source {
	case "sharegpt":
		err = data.shareGPT(c)
	case "batch":
		err = data.jsonl(c.batchLine)
	default:
		err = data.jsonl(c.prompt)
	}
	switch {
	case err != nil:
		r.errs = append(r.errs, err)
	case c.count() == 0 && c.skipped > 0:
		r.fail(place, "%s: none of its %d conversations has a first turn and an answer", name, c.skipped)
	case c.count() == 0:
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

// jsonl hands each line that is not blank to take, which says what a line must be where it is not. It names the first ten
// bad lines, and counts the others.
func (f dataFile) jsonl(take func(line []byte) (want string, err error)) error {
	var errs []error
	bad, more := 0, 0 // more: where the bad lines begin that are not shown
	for start, end := 0, 0; start < len(f.body); start = end + 1 {
		end = len(f.body)
		if n := bytes.IndexByte(f.body[start:], '\n'); n >= 0 {
			end = start + n
		}
		line := bytes.TrimRight(f.body[start:end], " \t\r")
		if len(line) == 0 {
			continue
		}
		want, err := take(line)
		if want == "" {
			continue
		}
		if bad++; bad <= maxFileErrors {
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

// prompt reads vLLM's custom format: one {"prompt": "..."} a line. Other keys are skipped.
func (c *corpus) prompt(line []byte) (want string, err error) {
	var entry struct {
		Prompt string `json:"prompt"`
	}
	if err := json.Unmarshal(line, &entry); err != nil || entry.Prompt == "" {
		return `each line must be an object with a prompt, such as {"prompt": "Hello"}`, err
	}
	c.texts = append(c.texts, entry.Prompt)
	return "", nil
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
