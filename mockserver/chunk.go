package mockserver

import (
	"encoding/json"
	"strconv"
)

const (
	roleWithFirst = "with_first_token"
	roleEarly     = "early"
	roleAbsent    = "absent"

	finishSeparate = "separate"
	finishWithLast = "with_last"
)

// A renderer writes the events of one streamed answer. All that they share is
// made once; an event costs some copies of bytes and no allocation.
type renderer struct {
	shape
	chat bool
	head []byte // up to the list of choices
	tail []byte // behind it, up to the blank line, without a usage
}

func newRenderer(a api, j *job, id string, created int64) *renderer {
	r := &renderer{chat: a == apiChat, tail: []byte("]}\n\n")}
	object := "text_completion"
	if r.chat {
		object, r.shape = "chat.completion.chunk", chatShape(j.dialect)
	} else {
		r.shape = textShape(j.dialect)
	}
	if j.sendUsage && r.nullPart {
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

// begin appends an event up to its delta.
func (r *renderer) begin(dst []byte, c *choice) []byte {
	return strconv.AppendInt(append(append(dst, r.head...), `{"index":`...), int64(c.index), 10)
}

// roleAlone appends the event that only says who speaks. u is nil but for
// continuous usage, here and below.
func (r *renderer) roleAlone(dst []byte, c *choice, u *usage) []byte {
	return r.close(append(append(r.begin(dst, c), r.role...), r.going...), u)
}

// text appends an event with tokens of one kind, which may carry the role and
// the end.
func (r *renderer) text(dst []byte, c *choice, k kind, tokens []string, role, last bool, u *usage) []byte {
	dst = r.begin(dst, c)
	if open := r.open[k]; role {
		dst = append(append(dst, withRole...), open[len(delta):]...)
	} else {
		dst = append(dst, open...)
	}
	for _, t := range tokens {
		dst = append(dst, t...)
	}
	dst = append(dst, r.shut[k]...)
	if last {
		return r.close(r.end(dst, c), u)
	}
	return r.close(append(dst, r.going...), u)
}

const (
	delta    = `,"delta":{`
	withRole = delta + `"role":"assistant",`
)

// call appends the event that names the function which is called.
func (r *renderer) call(dst []byte, c *choice, role bool, u *usage) []byte {
	dst = append(append(r.begin(dst, c), delta...), r.first...)
	if role {
		dst = append(dst, `"role":"assistant",`...)
	}
	dst = c.call.append(append(dst, `"content":null,"tool_calls":[`...), true, "")
	return r.close(append(append(dst, `]}`...), r.going...), u)
}

// append adds a call with its arguments; in a stream it has an index.
func (c *call) append(dst []byte, indexed bool, arguments string) []byte {
	dst = append(dst, '{')
	if indexed {
		dst = append(dst, `"index":0,`...)
	}
	dst = append(append(append(dst, `"id":"`...), c.id...), `","type":"function","function":{"name":"`...)
	dst = append(append(append(dst, escape(c.name)...), `","arguments":"`...), arguments...)
	return append(dst, `"}}`...)
}

// finish appends the event that only says why a choice ended.
func (r *renderer) finish(dst []byte, c *choice, u *usage) []byte {
	return r.close(r.end(append(r.begin(dst, c), r.empty...), c), u)
}

// end appends what stands behind the delta in a choice's last event.
func (s *shape) end(dst []byte, c *choice) []byte {
	dst = append(append(append(append(dst, s.reason...), '"'), c.finish...), '"')
	if s.stopped != "" {
		dst = append(dst, s.stopped...)
		if c.stopped == "" {
			dst = append(dst, "null"...)
		}
		dst = append(dst, c.stopped...)
	}
	return append(dst, s.ended...)
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
