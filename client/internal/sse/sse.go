// Package sse finds the events in a stream of server-sent events (WHATWG HTML, section 9.2).
//
// Goals: no allocation for an event of one data line, offsets that tell which
// read completed an event, the same events however the bytes were split.
// Non-goals: reading from a connection, reconnecting (id and retry fields are
// passed over), decoding what the events carry.
//
// It departs from the standard in one place: at the end of the input an event
// without its blank line is returned, marked [Event.Cut], because some servers
// leave that line out after their last event.
package sse

import (
	"bytes"
	"errors"
)

// MaxEvent is the most bytes that one event may take.
const MaxEvent = 16 << 20

// ErrTooLong is the error of an event over MaxEvent.
var ErrTooLong = errors.New("sse: event is over 16 MiB")

// Event is one event. Its slices are valid until the next call of Next and as
// long as the buffer they point into.
type Event struct {
	Type []byte // of the event field; empty means "message"
	Data []byte // lines joined by a newline
	End  int    // offset in the buffer just behind the event
	Cut  bool   // the input ended before the event's blank line
}

// Scanner walks a buffer that grows at its end. The zero value is ready.
// Positions are kept as offsets, so that the buffer may move when it grows.
type Scanner struct {
	start int // of the event at hand
	line  int // start of the line at hand
	seen  int // the line at hand has no end before this offset

	typ      span
	data     span
	hasData  bool
	several  bool   // data lines are joined in joined
	joined   []byte // kept between events
	afterCR  bool   // the last line ended in CR: a LF that follows belongs to it
	pastBOM  bool
	finished bool
	err      error
}

// span is a part of the buffer.
type span struct{ from, to int }

// shift moves an empty span to the head: it may stand before what was cut.
func (p span) shift(n int) span {
	if p.from == p.to {
		return span{}
	}
	return span{p.from - n, p.to - n}
}

var bom = []byte("\xef\xbb\xbf")

// Next returns the next event of buf, which holds all bytes so far. With final
// unset it returns false where more bytes are needed; with final set, at the end.
func (s *Scanner) Next(buf []byte, final bool) (Event, bool) {
	if s.err != nil || s.finished || !s.skipBOM(buf, final) {
		return Event{}, false
	}
	for {
		from, to, ok := s.nextLine(buf)
		if s.seen-s.start > MaxEvent {
			s.err = ErrTooLong
			return Event{}, false
		}
		switch {
		case !ok && final:
			return s.last(buf)
		case !ok:
			return Event{}, false
		case from < to:
			s.field(buf, from, to)
		case s.hasData:
			return s.event(buf, false), true
		default:
			s.reset()
		}
	}
}

// Err returns ErrTooLong if an event was, else nil.
func (s *Scanner) Err() error { return s.err }

// Consumed returns the offset before which nothing is needed any more.
func (s *Scanner) Consumed() int { return s.start }

// Shift tells the scanner that n bytes, no more than Consumed, were cut from
// the head of the buffer.
func (s *Scanner) Shift(n int) {
	s.start, s.line, s.seen = s.start-n, s.line-n, s.seen-n
	s.typ, s.data = s.typ.shift(n), s.data.shift(n)
}

// skipBOM passes over a byte order mark at the head of the stream. It returns
// false while the bytes do not tell yet.
func (s *Scanner) skipBOM(buf []byte, final bool) bool {
	if s.pastBOM {
		return true
	}
	if len(buf) < len(bom) && bytes.HasPrefix(bom, buf) && !final {
		return false
	}
	if bytes.HasPrefix(buf, bom) {
		s.start, s.line, s.seen = len(bom), len(bom), len(bom)
	}
	s.pastBOM = true
	return true
}

// nextLine returns the next complete line without its end.
func (s *Scanner) nextLine(buf []byte) (from, to int, ok bool) {
	if s.afterCR && s.line < len(buf) {
		s.afterCR = false
		if buf[s.line] == '\n' {
			s.line++
			if !s.hasData && s.typ.from == s.typ.to {
				s.start = s.line
			}
		}
	}
	s.seen = max(s.seen, s.line)
	end := lineEnd(buf[s.seen:])
	if end < 0 {
		s.seen = len(buf)
		return 0, 0, false
	}
	from, to = s.line, s.seen+end
	s.afterCR = buf[to] == '\r'
	s.line = to + 1
	s.seen = s.line
	return from, to, true
}

// lineEnd returns the index of the first CR or LF, -1 if there is none.
// Two searches, because each runs many bytes at a time; the second only sees
// the line that the first found.
func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	head := b
	if lf >= 0 {
		head = b[:lf]
	}
	if cr := bytes.IndexByte(head, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// field takes one non-empty line in.
func (s *Scanner) field(buf []byte, from, to int) {
	line := buf[from:to]
	name, value := line, to
	if colon := bytes.IndexByte(line, ':'); colon >= 0 {
		name, value = line[:colon], from+colon+1
		if value < to && buf[value] == ' ' {
			value++
		}
	}
	switch string(name) {
	case "data":
		s.addData(buf, span{value, to})
	case "event":
		s.typ = span{value, to}
	}
}

func (s *Scanner) addData(buf []byte, d span) {
	switch {
	case !s.hasData:
		s.data, s.hasData = d, true
		return
	case !s.several:
		s.joined = append(s.joined[:0], buf[s.data.from:s.data.to]...)
		s.several = true
	}
	s.joined = append(append(s.joined, '\n'), buf[d.from:d.to]...)
}

// last returns the event that the end of the input cut short, if there is one.
func (s *Scanner) last(buf []byte) (Event, bool) {
	s.finished = true
	if s.line < len(buf) {
		s.field(buf, s.line, len(buf))
		s.line = len(buf)
	}
	if !s.hasData {
		return Event{}, false
	}
	return s.event(buf, true), true
}

func (s *Scanner) event(buf []byte, cut bool) Event {
	ev := Event{Type: buf[s.typ.from:s.typ.to], Data: buf[s.data.from:s.data.to], End: s.line, Cut: cut}
	if s.several {
		ev.Data = s.joined
	}
	s.reset()
	return ev
}

// reset begins a new event at the line at hand.
func (s *Scanner) reset() {
	s.start = s.line
	s.typ, s.data = span{s.line, s.line}, span{s.line, s.line}
	s.hasData, s.several = false, false
}
