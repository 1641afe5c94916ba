package results

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// AppendJSON appends the record as one line of JSON, without the newline. The bytes are those of encoding/json; a
// record of a long stream is thousands of integers, and reflection on each would cost more than the rest of recording.
func (r *Record) AppendJSON(b []byte) []byte {
	o := object{b: append(b, '{')}
	o.string("id", r.ID, false)
	o.int("seq", r.Seq, false)
	o.string("stage", r.Stage, false)
	o.bool("warmup", r.Warmup)
	o.bool("tail", r.Tail)
	o.int("batch", r.Batch, true)
	o.int("session", r.Session, true)
	o.int("turn", int64(r.Turn), true)
	o.string("workload", r.Workload, true)
	o.string("custom_id", r.CustomID, true)
	o.string("endpoint", r.Endpoint, true)
	o.strings("labels", r.Labels)
	o.int("prompts", int64(r.Prompts), false)
	o.int("intended_ns", r.IntendedNS, false)
	o.int("slot_ns", r.SlotNS, false)
	o.int("dispatched_ns", r.DispatchedNS, false)
	o.int("done_ns", r.DoneNS, false)
	o.string("outcome", string(r.Outcome), false)
	o.int("status", int64(r.Status), true)
	o.string("finish_reason", r.FinishReason, true)
	o.key("tokens")
	o.b = r.Tokens.appendJSON(o.b)
	if len(r.Attempts) > 0 {
		o.key("attempts")
		for i := range r.Attempts {
			o.b = r.Attempts[i].appendJSON(append(o.b, "[,"[min(i, 1)]))
		}
		o.b = append(o.b, ']')
	}
	o.string("error", r.Error, true)
	return append(o.b, '}')
}

func (t *Tokens) appendJSON(b []byte) []byte {
	o := object{b: append(b, '{')}
	o.int("input", int64(t.Input), false)
	o.int("cached", int64(t.Cached), false)
	o.int("reasoning", int64(t.Reasoning), false)
	o.int("output", int64(t.Output), false)
	o.int("requested_input", int64(t.RequestedInput), true)
	o.int("requested_output", int64(t.RequestedOutput), true)
	o.string("source", string(t.Source), true)
	return append(o.b, '}')
}

func (a *Attempt) appendJSON(b []byte) []byte {
	o := object{b: append(b, '{')}
	o.int("started_ns", a.StartedNS, false)
	o.int("connected_ns", a.ConnectedNS, true)
	o.int("sent_ns", a.SentNS, true)
	o.int("headers_ns", a.HeadersNS, true)
	o.int("first_chunk_ns", a.FirstChunkNS, true)
	o.int("first_token_ns", a.FirstTokenNS, true)
	o.int("first_output_ns", a.FirstOutNS, true)
	o.int("last_token_ns", a.LastTokenNS, true)
	o.int("done_ns", a.DoneNS, false)
	o.string("outcome", string(a.Outcome), false)
	o.int("status", int64(a.Status), true)
	o.bool("reused", a.Reused)
	o.string("request_id", a.RequestID, true)
	o.int("retry_after_ms", a.RetryAfterMS, true)
	if v := &a.Arrivals; v.DtNS != nil || v.K != nil || v.Events != nil {
		o.key("arrivals")
		o.b = v.appendJSON(o.b)
	}
	o.int("reads", int64(a.Reads), true)
	o.int("multi_event_reads", int64(a.MultiReads), true)
	column(&o, "kernel_lag_ns", a.KernelLagNS)
	return append(o.b, '}')
}

func (a *Arrivals) appendJSON(b []byte) []byte {
	o := object{b: append(b, '{')}
	column(&o, "dt_ns", a.DtNS)
	column(&o, "k", a.K)
	column(&o, "events", a.Events)
	return append(o.b, '}')
}

// object appends the members of a JSON object. A member that may be omitted is left out when it is zero.
type object struct {
	b    []byte
	some bool
}

func (o *object) key(name string) {
	if o.some {
		o.b = append(o.b, ',')
	}
	o.some = true
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) int(name string, v int64, omit bool) {
	if omit && v == 0 {
		return
	}
	o.key(name)
	o.b = strconv.AppendInt(o.b, v, 10)
}

func (o *object) bool(name string, v bool) {
	if v {
		o.key(name)
		o.b = append(o.b, "true"...)
	}
}

func (o *object) string(name, v string, omit bool) {
	if omit && v == "" {
		return
	}
	o.key(name)
	o.text(v)
}

// text appends a value.
func (o *object) text(v string) {
	if !plain(v) {
		text, _ := json.Marshal(v) // a string cannot fail
		o.b = append(o.b, text...)
		return
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, v...)
	o.b = append(o.b, '"')
}

// strings appends an object of texts, keys sorted.
func (o *object) strings(name string, m map[string]string) {
	if len(m) == 0 {
		return
	}
	o.key(name)
	inner := object{b: append(o.b, '{')}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		text, _ := json.Marshal(key) // a string cannot fail
		inner.key(string(text[1 : len(text)-1]))
		inner.text(m[key])
	}
	o.b = append(inner.b, '}')
}

func column[T int | int64](o *object, name string, vs []T) {
	if len(vs) == 0 {
		return
	}
	o.key(name)
	for i, v := range vs {
		o.b = strconv.AppendInt(append(o.b, "[,"[min(i, 1)]), int64(v), 10)
	}
	o.b = append(o.b, ']')
}

// plain reports whether JSON writes the string as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
