package mockserver

import "time"

// maxWrite bounds the bytes of events that share a write because they are due
// at the same time.
const maxWrite = 16 << 10

// A stream writes an answer token by token.
type stream struct {
	*exchange
	render *renderer
	wire   wire
	buf    []byte
	event  int // where in buf the event of the last chunk begins
	ended  bool
	marked int   // tokens in buf that have no time of writing yet
	free   int64 // until when its client or a fault held it back
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
	next := x.feed.next // once: a method value is allocated
	for !st.ended {
		if err := st.await(next); err != nil {
			return x.lost()
		}
		st.open()
		if st.struck() {
			if over, err := st.act(); err != nil {
				return x.lost()
			} else if over {
				return outcomeFault
			}
			continue
		}
		st.fill()
		if err := st.write(); err != nil {
			return x.lost()
		}
	}
	if x.strike == nil {
		return outcomeDone
	}
	return x.strike.row.outcome(true)
}

// open sends the headers, once: with the first event, as servers do that wait
// for their engine's first output.
func (st *stream) open() {
	if !st.wire.begun {
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
	st.s.sched.locked(st.settle)
	st.open()
	for _, c := range st.choices {
		c.role = true
		st.buf = st.render.roleAlone(st.buf, c, st.running())
	}
	return st.write()
}

// take takes the next chunk, if it is due by a time.
func (st *stream) take(by time.Duration) (c chunk, ok bool) {
	mu := &st.s.sched.mu
	mu.Lock()
	defer mu.Unlock()
	st.settle()
	return st.feed.take(by)
}

// fill renders what is due at one instant: one event a chunk, and behind the
// last token the end of the stream. Chunks that were due apart are written
// apart, however late they are.
func (st *stream) fill() {
	for c, ok := st.take(forever); ok; c, ok = st.take(c.due) {
		st.chunk(c)
		if len(st.buf) >= maxWrite || st.struck() {
			break
		}
	}
	if st.feed.left == 0 && !st.struck() {
		st.finish()
	}
}

// chunk renders a chunk, and behind the last of a choice why that ends.
func (st *stream) chunk(c chunk) {
	text := c.tokens[c.from:c.to]
	for range text {
		st.rec.PlannedNS = append(st.rec.PlannedNS, st.s.clock.mono(c.due))
	}
	st.marked += len(text)
	ends := c.to == len(c.tokens) && !st.struck()
	if len(text) > 0 {
		u, k := st.running(), c.kind(c.from)
		role := st.lead(c.choice, k, u)
		last := ends && st.cfg.Stream.FinishChunk == finishWithLast
		st.event = len(st.buf)
		st.buf = st.render.text(st.buf, c.choice, k, text, role, last, u)
		c.closed = last
	}
	if ends {
		st.close(c.choice)
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

// total is the usage so far.
func (st *stream) total() usage {
	u := st.usage
	u.completion, u.reasoning = st.planned-st.feed.left, st.feed.thought
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
	blocked, err := st.wire.write(st.rewrite(st.buf, !st.wire.begun))
	st.buf = st.buf[:0]
	if blocked {
		st.free = st.s.clock.mono(st.s.clock.now())
	}
	return err
}
