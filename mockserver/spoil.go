package mockserver

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// What the catalogue's rows do to bytes. An event comes with its blank line;
// what is returned may be the input, changed.

func half(_ *exchange, b []byte) [][]byte { return [][]byte{b[:len(b)/2]} }

func halfJSON(_ *exchange, event []byte) [][]byte {
	return [][]byte{append(event[:len(event)/2], "\n\n"...)}
}

func twoBraces(_ *exchange, body []byte) [][]byte {
	return [][]byte{append([]byte("{"), body...)}
}

func badSSE(x *exchange, event []byte) [][]byte {
	if x.strike.way() == "no_data" {
		return [][]byte{bytes.TrimPrefix(event, []byte("data: "))}
	}
	return [][]byte{bytes.TrimSuffix(event, []byte("\n"))}
}

func errorEvent(x *exchange) []byte {
	text := "data: " + string(errorBody(x, nil)[0]) + "\n\n"
	if x.strike.way() == "named" {
		text = "event: error\n" + text
	}
	return []byte(text)
}

func errorBody(x *exchange, _ []byte) [][]byte {
	if x.strike.way() == "text" {
		return [][]byte{[]byte(`{"error":"` + inStreamError().message + `"}`)}
	}
	return [][]byte{inStreamError().in(x.cfg.Dialect)}
}

// splitRune cuts behind the first byte of the first character that has several,
// in the middle where there is none.
func splitRune(_ *exchange, b []byte) [][]byte {
	cut := bytes.IndexFunc(b, func(r rune) bool { return r >= utf8.RuneSelf }) + 1
	if cut == 0 {
		cut = len(b) / 2
	}
	return [][]byte{b[:cut], b[cut:]}
}

// maxPieces bounds the writes of a trickle.
const maxPieces = 1000

func trickle(_ *exchange, b []byte) (pieces [][]byte) {
	size := (len(b) + maxPieces - 1) / maxPieces
	for len(b) > size {
		pieces, b = append(pieces, b[:size]), b[size:]
	}
	return append(pieces, b)
}

func withoutDone(_ *exchange, events []byte, _ bool) []byte {
	return bytes.TrimSuffix(events, []byte("data: [DONE]\n\n"))
}

func usageTwice(_ *exchange, events []byte, _ bool) (out []byte) {
	return eachEvent(events, func(out, event []byte) []byte {
		if bytes.Contains(event, []byte(`"choices":[],"usage":{`)) {
			out = append(out, event...)
		}
		return append(out, event...)
	})
}

func oddly(x *exchange, events []byte, first bool) []byte {
	switch x.strike.way() {
	case "crlf":
		return bytes.ReplaceAll(events, []byte("\n"), []byte("\r\n"))
	case "cr":
		return bytes.ReplaceAll(events, []byte("\n"), []byte("\r"))
	case "comments":
		return append([]byte(": keep-alive\n\n"), events...)
	case "multiline":
		return inEachObject(events, "\ndata: ")
	case "error_null":
		return inEachObject(events, `"error":null,`)
	case "zero_usage":
		if x.sendUsage {
			return withZeros(events)
		}
	case "bom":
		if first {
			return append([]byte("\ufeff"), events...)
		}
	case "big_event":
		if first {
			padding := `"padding":"` + strings.Repeat("x", x.strike.bytes(defaultEvent)) + `",`
			end := bytes.Index(events, []byte("\n\n")) + 2
			return append(inEachObject(events[:end], padding), events[end:]...)
		}
	}
	return events
}

// withZeros gives a usage of zeros to each event that has none.
func withZeros(events []byte) []byte {
	zeros := usage{}.append([]byte(`,"usage":`))
	return eachEvent(events, func(out, event []byte) []byte {
		bare, ok := bytes.CutSuffix(event, []byte("}\n\n"))
		bare = bytes.TrimSuffix(bare, []byte(`,"usage":null`))
		if !ok || bytes.Contains(bare, []byte(`"usage":`)) { // inside a text its quotes would have backslashes
			return append(out, event...)
		}
		return append(append(append(out, bare...), zeros...), "}\n\n"...)
	})
}

// way is which of several ways the deed goes.
func (k *strike) way() string { return k.kind(k.row) }

func (k *strike) bytes(otherwise int) int {
	if k.Size == 0 {
		return otherwise
	}
	return k.Size
}

// inEachObject puts text behind the opening brace of each event's object.
func inEachObject(events []byte, text string) []byte {
	return eachEvent(events, func(out, event []byte) []byte {
		if rest, ok := bytes.CutPrefix(event, []byte("data: {")); ok {
			return append(append(append(out, "data: {"...), text...), rest...)
		}
		return append(out, event...)
	})
}

// eachEvent rewrites events one by one: add appends what becomes of one.
func eachEvent(events []byte, add func(out, event []byte) []byte) (out []byte) {
	for event := range bytes.SplitAfterSeq(events, []byte("\n\n")) {
		out = add(out, event)
	}
	return out
}
