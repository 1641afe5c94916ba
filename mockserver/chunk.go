package mockserver

import (
	"encoding/json"
	"strconv"
)

const (
	roleWithFirst = "with_first_token"
	roleEarly     = "early"
	roleAbsent    = "absent"
)

// A usage is what an answer cost, in tokens.
type usage struct {
	prompt, cached, completion int
	hasCached                  bool // prompt_tokens_details is reported
	noCompletion               bool // embeddings have none
}

func (u usage) append(dst []byte) []byte {
	dst = strconv.AppendInt(append(dst, `{"prompt_tokens":`...), int64(u.prompt), 10)
	dst = strconv.AppendInt(append(dst, `,"total_tokens":`...), int64(u.prompt+u.completion), 10)
	if !u.noCompletion {
		dst = strconv.AppendInt(append(dst, `,"completion_tokens":`...), int64(u.completion), 10)
	}
	if u.hasCached {
		dst = strconv.AppendInt(append(dst, `,"prompt_tokens_details":{"cached_tokens":`...), int64(u.cached), 10)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// A renderer writes the events of one streamed answer. All that they share is
// made once; an event costs some copies of bytes and no allocation.
type renderer struct {
	chat bool
	head []byte // up to the list of choices
	tail []byte // behind it, up to the blank line, without a usage
}

func newRenderer(a api, j *job, id string, created int64) *renderer {
	r := &renderer{chat: a == apiChat, tail: []byte("]}\n\n")}
	object := "text_completion"
	if r.chat {
		object = "chat.completion.chunk"
	}
	if j.sendUsage {
		r.tail = []byte(`],"usage":null}` + "\n\n")
	}
	r.head = append(append(r.head, `data: `...), envelope(id, object, j.model, created)...)
	return r
}

// envelope is the start of every answer's object, up to the list of choices.
func envelope(id, object, model string, created int64) []byte {
	name, _ := json.Marshal(model) // a string: cannot fail
	out := append([]byte(`{"id":"`), id...)
	out = append(append(out, `","object":"`...), object...)
	out = strconv.AppendInt(append(out, `","created":`...), created, 10)
	out = append(append(out, `,"model":`...), name...)
	return append(out, `,"choices":[`...)
}

// content appends an event with text. Texts are words of ASCII letters and need
// no escaping. u is nil but for continuous usage.
func (r *renderer) content(dst []byte, index int, role bool, tokens []string, u *usage) []byte {
	dst = append(append(dst, r.head...), `{"index":`...)
	dst = strconv.AppendInt(dst, int64(index), 10)
	switch {
	case !r.chat:
		dst = append(dst, `,"text":"`...)
	case role:
		dst = append(dst, `,"delta":{"role":"assistant","content":"`...)
	default:
		dst = append(dst, `,"delta":{"content":"`...)
	}
	for _, t := range tokens {
		dst = append(dst, t...)
	}
	if r.chat {
		dst = append(dst, `"},"logprobs":null,"finish_reason":null}`...)
	} else {
		dst = append(dst, `","logprobs":null,"finish_reason":null}`...)
	}
	return r.close(dst, u)
}

// finish appends the event that says why a choice ended.
func (r *renderer) finish(dst []byte, index int, reason string, u *usage) []byte {
	dst = append(append(dst, r.head...), `{"index":`...)
	dst = strconv.AppendInt(dst, int64(index), 10)
	if r.chat {
		dst = append(dst, `,"delta":{}`...)
	} else {
		dst = append(dst, `,"text":""`...)
	}
	dst = append(append(dst, `,"logprobs":null,"finish_reason":"`...), reason...)
	return r.close(append(dst, `"}`...), u)
}

// usage appends the event that has no choices.
func (r *renderer) usage(dst []byte, u usage) []byte {
	return r.close(append(dst, r.head...), &u)
}

func (r *renderer) close(dst []byte, u *usage) []byte {
	if u == nil {
		return append(dst, r.tail...)
	}
	return append(u.append(append(dst, `],"usage":`...)), "}\n\n"...)
}

// body is a plain answer.
func (j *job) body(a api, id string, created int64) []byte {
	if a == apiEmbeddings {
		return j.embeddings()
	}
	object := "text_completion"
	if a == apiChat {
		object = "chat.completion"
	}
	out := envelope(id, object, j.model, created)
	for i, c := range j.choices {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(append(out, `{"index":`...), int64(i), 10)
		if a == apiChat {
			out = append(append(out, `,"message":{"role":"assistant","content":"`...), c.text()...)
			out = append(out, `"}`...)
		} else {
			out = append(append(out, `,"text":"`...), c.text()...)
			out = append(out, '"')
		}
		out = append(append(out, `,"logprobs":null,"finish_reason":"`...), c.finish...)
		out = append(out, `"}`...)
	}
	u := j.usage
	u.completion = j.planned
	return append(u.append(append(out, `],"usage":`...)), '}')
}

func (j *job) embeddings() []byte {
	type datum struct {
		Object    string    `json:"object"`
		Index     int       `json:"index"`
		Embedding []float32 `json:"embedding"`
	}
	u := j.usage
	u.noCompletion = true
	var list struct {
		Object string          `json:"object"`
		Data   []datum         `json:"data"`
		Model  string          `json:"model"`
		Usage  json.RawMessage `json:"usage"`
	}
	list.Object, list.Model, list.Usage = "list", j.model, u.append(nil)
	for i, c := range j.choices {
		list.Data = append(list.Data, datum{"embedding", i, c.vector})
	}
	out, _ := json.Marshal(list) // finite numbers and strings: cannot fail
	return out
}
