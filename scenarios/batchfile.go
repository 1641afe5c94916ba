package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// batch is one request of a batch file: its body's fields, without those that the run decides.
type batch map[string]json.RawMessage

// batchURLs are the methods that a batch file can name.
var batchURLs = map[string]API{"/v1/chat/completions": Chat, "/v1/completions": Completions, "/v1/embeddings": Embeddings}

// runFields are of the run, whatever the file says: the server's model, and how answers travel.
var runFields = [...]string{"model", "stream", "stream_options"}

// batchLine reads a line of OpenAI's batch input (platform.openai.com/docs/guides/batch).
func (c *corpus) batchLine(line []byte) (want string, err error) {
	var entry struct {
		ID     string `json:"custom_id"`
		Method string `json:"method"`
		URL    string `json:"url"`
		Body   batch  `json:"body"`
	}
	if err := json.Unmarshal(line, &entry); err != nil || entry.Body == nil {
		return `each line must be a request: {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {...}}`, err
	}
	api, known := batchURLs[entry.URL]
	field := payload(api)
	switch {
	case !known:
		return fmt.Sprintf("url %.60q is not one of %s", entry.URL, strings.Join(slices.Sorted(maps.Keys(batchURLs)), ", ")), nil
	case entry.Method != "" && entry.Method != "POST":
		return fmt.Sprintf("method %.20q: only POST is sent", entry.Method), nil
	case c.api != "" && c.api != api:
		return fmt.Sprintf("url %q is not that of the lines before, %s: a batch file has one", entry.URL, c.api), nil
	case len(bytes.Trim(entry.Body[field], " []\"")) == 0 || string(entry.Body[field]) == "null":
		return fmt.Sprintf("the body has no %s", field), nil
	}
	c.api = api
	for _, name := range runFields {
		delete(entry.Body, name)
	}
	c.requests, c.ids = append(c.requests, entry.Body), append(c.ids, entry.ID)
	if _, ok := entry.Body.headed(api, "x"); !ok && c.rigid == 0 {
		c.rigid = len(c.requests)
	}
	return "", nil
}

// payload is the field of the body that carries the prompt.
func payload(api API) string {
	switch api {
	case Completions:
		return "prompt"
	case Embeddings:
		return "input"
	}
	return "messages"
}

// batch reads a workload's batch file, which says what the API is.
func (r *resolver) batch(w work, out *Workload) {
	at := w.place("prompts.batch")
	r.corpus(out, "batch", *w.spec.Prompts.Batch, at)
	c := out.corpus
	switch {
	case c.api == "":
		return // it could not be read
	case out.API != "" && out.API != c.api:
		r.fail(w.place("api"), "the requests of %s are for %s: leave api out", out.Prompts.File, c.api)
	case out.Temperature != nil:
		r.fail(w.place("temperature"), "requests of a batch file have a temperature of their own: leave it out, or write it into extra_body")
	case out.Prompts.Cache == Cold && c.rigid > 0:
		r.fail(at, "request %d of %s has token ids, or messages that do not begin with text, before which no nonce can stand: write cache: warm", c.rigid, out.Prompts.File)
	}
	out.API = c.api
}

// batched is the body of the request of an index, with the workload's further fields, and the file's name for it.
func (s *Stage) batched(w *Workload, k int, index int64, nonce uint64) (body map[string]any, customID string) {
	if w.Prompts.Cache == Warm {
		index = s.again(k, index)
	}
	at := uint64(index) % uint64(len(w.corpus.requests))
	b := w.corpus.requests[at]
	out := make(map[string]any, len(b)+len(w.ExtraBody))
	for name, value := range b {
		out[name] = value
	}
	if head := s.head(w, index, nonce); head != "" {
		if prompt, ok := b.headed(w.API, head); ok {
			out[payload(w.API)] = prompt
		}
	}
	maps.Copy(out, w.ExtraBody)
	return out, w.corpus.ids[at]
}

// headed is the prompt of a body with head before it. It fails for token ids and for a first message without text.
func (b batch) headed(api API, head string) (json.RawMessage, bool) {
	if api != Chat {
		return headedPrompts(b[payload(api)], head)
	}
	var messages []map[string]json.RawMessage
	if json.Unmarshal(b["messages"], &messages) != nil || len(messages) == 0 {
		return nil, false
	}
	content, ok := headedContent(messages[0]["content"], head)
	if !ok {
		return nil, false
	}
	messages[0]["content"] = content
	return encoded(messages), true
}

// headedPrompts puts head before a text, or before each of a list of texts.
func headedPrompts(raw json.RawMessage, head string) (json.RawMessage, bool) {
	if text, ok := headedText(raw, head); ok {
		return text, true
	}
	var list []string
	if json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	for i := range list {
		list[i] = behind(head, list[i])
	}
	return encoded(list), true
}

// headedContent puts head before a message's text, or before its first part.
func headedContent(raw json.RawMessage, head string) (json.RawMessage, bool) {
	if text, ok := headedText(raw, head); ok {
		return text, true
	}
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil || parts == nil {
		return nil, false
	}
	return encoded(append([]json.RawMessage{encoded(map[string]string{"type": "text", "text": head})}, parts...)), true
}

func headedText(raw json.RawMessage, head string) (json.RawMessage, bool) {
	var text *string
	if json.Unmarshal(raw, &text) != nil || text == nil {
		return nil, false
	}
	return encoded(behind(head, *text)), true
}

// encoded writes what came from JSON, which cannot fail.
func encoded(v any) json.RawMessage {
	text, _ := json.Marshal(v)
	return text
}
