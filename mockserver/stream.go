package mockserver

import (
	"time"
)

// maxWrite bounds the bytes of events that share a write because they are due
// at the same time.
const maxWrite = 16 << 10

// A stream writes an answer token by token.
type stream struct {
	*exchange
	render *renderer
	wire   wire
	buf    []byte
	sent   int // tokens, over all choices, with those passed over
	shown  int // of those, written
	ended  bool
	marked int   // tokens in buf that have no time of writing yet
	free   int64 // until when its client or a fault held it back
	begun  bool
}

func (x *exchange) stream() Outcome {
	st := &stream{
		exchange: x, render: newRenderer(x.api, x.job, x.id, x.created),
		wire: wire{w: x.w, rc: x.rc, conn: x.conn},
	}
	x.rec.PlannedNS = make([]int64, 0, x.planned)
	x.rec.WrittenNS = make([]int64, 0, x.planned)
	if err := st.roles(); err != nil {
		return x.lost()
	}
	next := st.next // once: a method value is allocated
	for !st.ended {
		if err := st.await(next); err != nil {
			return x.lost()
		}
		_, _, due := st.pick()
		st.open()
		if st.struck() {
			if over, err := st.act(due); err != nil {
				return x.lost()
			} else if over {
				return outcomeFault
			}
			continue
		}
		st.fill(due)
		if err := st.write(); err != nil {
			return x.lost()
		}
	}
	return x.strike.outcome()
}

// open sends the headers, once: with the first event, as servers do that wait
// for their engine's first output.
func (st *stream) open() {
	if st.rec.Status == 0 {
		st.w.Header().Set("Cache-Control", "no-cache")
		st.header(200, "text/event-stream; charset=utf-8")
	}
}

// roles sends each choice's role in a chunk of its own, at admission, when it is
// to be early.
func (st *stream) roles() error {
	if st.api != apiChat || st.cfg.Stream.RoleChunk != roleEarly {
		return nil
	}
	if err := st.admission(st.choices[0]); err != nil {
		return err
	}
	st.open()
	for _, c := range st.choices {
		c.role = true
		st.buf = st.render.roleAlone(st.buf, c, st.running())
	}
	return st.write()
}

// next is when the next chunk is due; at once when all are written and only the
// end is left.
func (st *stream) next() (due time.Duration, ok bool) {
	if st.sent == st.planned {
		return 0, true
	}
	c, _, due := st.first()
	return due, c != nil
}

// pick is first for those who do not hold the scheduler's lock. When all is
// written there is none, and the end is due now.
func (st *stream) pick() (c *choice, n int, due time.Duration) {
	st.s.sched.locked(func() { c, n, due = st.first() })
	return c, n, due
}

// first returns the chunk that is due first, of n tokens; nil when no choice has
// one that is decided.
func (st *stream) first() (next *choice, n int, due time.Duration) {
	for _, c := range st.choices {
		if c.sent == len(c.tokens) {
			continue
		}
		k := st.chunk(c)
		if at, ok := c.seq.Due(c.sent + k - 1); ok && (next == nil || at < due) {
			next, n, due = c, k, at
		}
	}
	return next, n, due
}

// chunk is the number of tokens in the next chunk of c, all of one kind; hidden
// tokens go with the first that are seen. A pending fault cuts it short, so that
// exactly AtToken tokens go before it.
func (st *stream) chunk(c *choice) int {
	n := min(st.cfg.chunkTokens(c, c.sent), c.alike())
	if left := st.strike.left(st.shown, st.visible()); left > 0 {
		n = min(n, left)
	}
	if c.sent < c.hidden {
		n = min(c.hidden+n, len(c.tokens)) - c.sent
	}
	return n
}

// fill renders what is due at one instant: one event a chunk, and behind the
// last token the end of the stream. Chunks that were due apart are written
// apart, however late they are.
func (st *stream) fill(due time.Duration) {
	for len(st.buf) < maxWrite && !st.struck() {
		c, n, at := st.pick()
		if c == nil || at > due {
			break
		}
		st.token(c, n, at)
	}
	if st.sent == st.planned && !st.struck() {
		st.finish()
	}
}

// token renders the next n tokens of c.
func (st *stream) token(c *choice, n int, due time.Duration) {
	from := max(c.sent, c.hidden)
	k := c.kind(from)
	c.sent += n
	st.sent += n
	text := c.tokens[min(from, c.sent):c.sent]
	for range text {
		st.rec.PlannedNS = append(st.rec.PlannedNS, st.s.clock.mono(due))
	}
	st.marked += len(text)
	st.shown += len(text)
	ends := c.sent == len(c.tokens) && !st.struck()
	if len(text) > 0 {
		u := st.running()
		role := st.lead(c, k, u)
		last := ends && st.cfg.Stream.FinishChunk == finishWithLast
		st.buf = st.render.text(st.buf, c, k, text, role, last, u)
		c.closed = last
	}
	if ends {
		st.close(c)
	}
}

// lead renders what must come before a choice's first token: the role, where
// that has a chunk of its own, and the call that it opens. It says whether the
// role is to go with the token.
func (st *stream) lead(c *choice, k kind, u *usage) (role bool) {
	if st.render.chat && !c.role && st.cfg.Stream.RoleChunk == roleWithFirst {
		c.role, role = true, true
		if st.render.apart {
			st.buf, role = st.render.roleAlone(st.buf, c, u), false
		}
	}
	if k == arguments && !c.opened {
		c.opened = true
		st.buf, role = st.render.call(st.buf, c, role, u), false
	}
	return role
}

func (st *stream) close(c *choice) {
	if !c.closed {
		c.closed = true
		st.buf = st.render.finish(st.buf, c, st.running())
	}
}

func (st *stream) finish() {
	for _, c := range st.choices {
		st.close(c)
	}
	if st.sendUsage {
		st.buf = st.render.usage(st.buf, st.total())
	}
	st.buf = append(st.buf, "data: [DONE]\n\n"...)
	st.ended = true
}

// visible is how many tokens the client gets in all.
func (st *stream) visible() int {
	n := st.planned
	for _, c := range st.choices {
		n -= c.hidden
	}
	return n
}

func (st *stream) total() usage {
	u := st.usage
	u.completion, u.reasoning = st.sent, 0
	for _, c := range st.choices {
		u.reasoning += min(c.sent, c.reasoning)
	}
	u.cached = st.s.sched.cached(st.heads())
	return u
}

// running is the usage so far where every chunk carries it, else nil.
func (st *stream) running() *usage {
	if !st.continuous {
		return nil
	}
	u := st.total()
	return &u
}

// write sends what was rendered. The time is taken just before.
func (st *stream) write() error {
	now := st.s.clock.mono(st.s.clock.now())
	st.s.late.add(st.rec.PlannedNS[len(st.rec.PlannedNS)-st.marked:], now, st.free)
	for ; st.marked > 0; st.marked-- {
		st.rec.WrittenNS = append(st.rec.WrittenNS, now)
	}
	err := st.wire.write(st.strike.rewrite(st.buf, !st.begun))
	st.begun = st.begun || len(st.buf) > 0
	st.buf = st.buf[:0]
	if end := st.s.clock.mono(st.s.clock.now()); end-now > int64(blockedAfter) {
		st.free = end
	}
	return err
}
