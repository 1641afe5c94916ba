package mockserver

import (
	"bytes"
	"math"
	"time"
)

// A strike is a fault that hit. A nil strike does nothing.
type strike struct {
	name string
	Action
	row   *deed
	last  *deed // whose ending counts: of a stall its then, nil where it goes on
	spent bool  // it has acted
}

func newStrike(name string, a Action) *strike {
	k := &strike{name: name, Action: a, row: a.row()}
	k.last = k.row
	if k.row.ends == mayBegin {
		k.last = deedOf("do", a.then()) // none for continue
	}
	return k
}

func (k *strike) ends() ending {
	if k.last == nil {
		return goesOn
	}
	return k.last.ends
}

// left is the number of tokens that go before the fault acts at one. Past the
// end it acts right after the last token; what spoils an event, on the last one.
func (k *strike) left(sent, planned int) int {
	if k == nil || k.spent || k.row.event == nil && k.row.extra == nil && k.row.ends == goesOn {
		return math.MaxInt
	}
	if k.row.event != nil {
		planned--
	}
	return max(0, min(k.AtToken, planned)-sent)
}

// outcome is that of an answer that was sent to its end, where the deed changed it.
func (d deed) outcome(changed bool) Outcome {
	if changed && !d.intact {
		return outcomeFault
	}
	return outcomeDone
}

func (k *strike) contentType(whole string) string {
	if k != nil && k.row.label != "" {
		return k.row.label
	}
	return whole
}

// rewrite spoils events that are about to be written.
func (x *exchange) rewrite(events []byte, first bool) []byte {
	if k := x.strike; k != nil && k.row.rewrite != nil && len(events) > 0 {
		return k.row.rewrite(x, events, first)
	}
	return events
}

func (st *stream) struck() bool { return st.feed.untilStrike() == 0 }

// act does what the fault says, before or in place of the event that was due.
// It is over when the answer ends here.
func (st *stream) act() (over bool, err error) {
	k, due := st.strike, st.s.clock.now()
	if st.feed.left > 0 {
		st.s.sched.locked(func() { due, _ = st.feed.next() })
	}
	switch {
	case k.row.event != nil:
		err = st.spoil(due)
	case k.row.extra != nil:
		st.buf = append(st.buf, k.row.extra(st.exchange)...)
		fallthrough
	default:
		err = st.write() // at least the headers
	}
	if err == nil && k.row.ends == mayBegin {
		err = st.hold(due + k.For)
	}
	st.s.sched.locked(st.feed.spend)
	switch k.ends() {
	case isReset:
		st.cut = (*exchange).reset
	case hangsUp:
		st.cut = (*exchange).abort
	}
	return k.ends() != goesOn, err
}

// hold waits because the fault wants it: that is no lateness of the server.
func (st *stream) hold(until time.Duration) error {
	err := st.wait(until)
	st.free = st.s.clock.mono(st.s.clock.now())
	return err
}

// spoil writes the event of the next tokens the way the fault wants it; what goes
// before it, such as a role, as it is. Where no token is seen, that event is the
// one that says why the choice ends. The tokens count as written with the last
// piece.
func (st *stream) spoil(due time.Duration) error {
	c, _ := st.take(forever)
	c.say(c.from, st.strike.row.text)
	stamps := len(st.rec.PlannedNS)
	st.chunk(c)
	if c.from == c.to {
		st.event = len(st.buf)
		st.close(c.choice)
	}
	pieces := st.strike.row.event(st.exchange, bytes.Clone(st.buf[st.event:]))
	pieces[0] = append(bytes.Clone(st.buf[:st.event]), pieces[0]...)
	marked := st.marked
	if st.strike.ends() != goesOn {
		marked, st.rec.PlannedNS = 0, st.rec.PlannedNS[:stamps] // half a token is none
	}
	st.marked = 0
	for i, piece := range pieces {
		if err := st.hold(st.strike.beat(due, i, len(pieces))); err != nil {
			return err
		}
		if st.buf = append(st.buf[:0], piece...); i == len(pieces)-1 {
			st.marked = marked
		}
		if err := st.write(); err != nil {
			return err
		}
	}
	return nil
}

// beat is when piece i of n is due: all of them take For.
func (k *strike) beat(due time.Duration, i, n int) time.Duration {
	if n < 2 {
		return due
	}
	pause := k.For
	if pause == 0 {
		pause = splitPause
	}
	return due + pause*time.Duration(i)/time.Duration(n-1)
}

// say puts another word in the place of token i, with the space before it. What
// is no word, such as a piece of JSON, stays.
func (c *choice) say(i int, word string) {
	if word == "" || i < 0 || i >= len(c.tokens) {
		return
	}
	old := c.tokens[i]
	bare := bytes.TrimPrefix([]byte(old), []byte(" "))
	for _, b := range bare {
		if (b|0x20) < 'a' || (b|0x20) > 'z' {
			return
		}
	}
	c.tokens[i] = old[:len(old)-len(bare)] + word
}
