package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/llmload/llmload/client/internal/sse"
)

func isEndMarker(ev sse.Event) bool {
	return string(bytes.TrimSpace(ev.Data)) == "[DONE]"
}

// looksLikeFailure is a cheap guess; decoding decides.
func looksLikeFailure(ev sse.Event) bool {
	return string(ev.Type) == "error" || bytes.HasPrefix(ev.Data, []byte(`{"error"`)) ||
		bytes.HasPrefix(ev.Data, []byte(`{"object":"error"`))
}

// chunkDecoder decodes the events of one stream. The chunks of a stream mostly
// differ in their content alone, so it remembers what stood around the last
// content; an event with the same surroundings needs no JSON parser.
type chunkDecoder struct {
	head, tail []byte
	like       Choice // the choice that head and tail belong to, without content
	reasoning  bool   // the content is reasoning
	parts      [1]Choice
}

// decode returns what an event says. The error is a *StreamError where the
// server reports one, else it wraps ErrMalformed.
func (d *chunkDecoder) decode(ev sse.Event) (piece, error) {
	if p, ok := d.match(ev.Data); ok && len(ev.Type) == 0 {
		return p, nil
	}
	data := bytes.TrimSpace(ev.Data)
	if string(ev.Type) == "error" {
		return piece{}, streamError(data)
	}
	if len(data) == 0 {
		return piece{}, nil
	}
	var w wireAnswer
	if err := json.Unmarshal(data, &w); err != nil {
		return piece{}, fmt.Errorf("%w: event %.80q: %w", ErrMalformed, data, err)
	}
	p, err := w.piece(data)
	if err == nil {
		d.learn(ev.Data, p)
	}
	return p, err
}

// learn remembers the surroundings of an event that brought a piece of text or
// of reasoning and nothing else.
func (d *chunkDecoder) learn(data []byte, p piece) {
	d.head, d.tail = d.head[:0], d.tail[:0]
	if len(p.parts) != 1 || p.hasUsage {
		return
	}
	c := p.parts[0]
	if (c.Text == "") == (c.Reasoning == "") || c.Refusal != "" || c.FinishReason != "" || c.ToolCalls != nil {
		return
	}
	names := [...]string{`"content"`, `"text"`}
	if c.Text == "" {
		names = [...]string{`"reasoning_content"`, `"reasoning"`}
	}
	for _, name := range names {
		from, to, ok := valueOf(data, name, c.Text+c.Reasoning)
		if !ok {
			continue
		}
		d.head, d.tail = append(d.head, data[:from]...), append(d.tail, data[to:]...)
		d.like, d.reasoning = Choice{Index: c.Index}, c.Text == ""
		return
	}
}

// valueOf finds where the value of a field stands that occurs once and reads
// as value without any escape. A quoted name that a colon follows cannot be
// part of a string: its quotes would be escaped there.
func valueOf(data []byte, name, value string) (from, to int, ok bool) {
	at := bytes.Index(data, []byte(name))
	if at < 0 || bytes.Count(data, []byte(name)) != 1 {
		return 0, 0, false
	}
	rest := bytes.TrimLeft(data[at+len(name):], ": ")
	from = len(data) - len(rest) + 1
	to = from + len(value)
	if to >= len(data) || rest[0] != '"' || string(data[from:to]) != value || data[to] != '"' {
		return 0, 0, false
	}
	return from, to, plain(data[from:to])
}

// match decodes an event by its surroundings.
func (d *chunkDecoder) match(data []byte) (piece, bool) {
	n := len(data) - len(d.tail)
	if len(d.head) == 0 || n < len(d.head) || !bytes.HasPrefix(data, d.head) || !bytes.HasSuffix(data, d.tail) {
		return piece{}, false
	}
	text := data[len(d.head):n]
	if !plain(text) {
		return piece{}, false
	}
	d.parts[0] = d.like
	if d.reasoning {
		d.parts[0].Reasoning = string(text)
	} else {
		d.parts[0].Text = string(text)
	}
	return piece{parts: d.parts[:]}, true
}

// plain reports that the inside of a JSON string stands for itself.
func plain(text []byte) bool {
	ascii := true
	for _, b := range text {
		if b < 0x20 || b == '"' || b == '\\' {
			return false
		}
		ascii = ascii && b < utf8.RuneSelf
	}
	return ascii || utf8.Valid(text)
}
