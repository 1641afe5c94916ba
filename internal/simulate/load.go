package simulate

import (
	"cmp"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/mockserver/engine"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// request is one on its way. Times are from the run's start.
type request struct {
	arrival    scenarios.Arrival
	seq        int64
	first      int64 // index of its first prompt
	prompts    int
	workload   string // of the mix
	customID   string // of a batch file's request
	input      int    // tokens asked for, 0 where unknown
	output     int    // likewise
	intended   time.Duration
	slot       time.Duration
	dispatched time.Duration
	answer     *mockserver.Answer // nil: it never got a place
	undecided  int                // sequences whose last token has no time yet
	unit       *unit              // of a closed loop
	turn       int                // of a session, from 1
	lost       string             // why a turn was not sent
	session    *session           // nil: the request stands alone
	cancelled  bool
}

// unit is what a worker waits for.
type unit struct {
	index int64
	left  int
}

// work is a worker of a closed loop that is free.
func (st *stage) work() {
	if st.stopped {
		return
	}
	a, seq, ok := st.intake.Next(st.now - st.begin)
	if !ok {
		st.noWork()
		return
	}
	u := &unit{index: a.Index}
	for _, r := range st.build(a, seq) {
		u.left++
		r.unit = u
		st.dispatch(r)
	}
}

// draw takes the next arrival of an open loop. After a tail as long as what was measured none is sent, and only the end
// of the measured requests is left to come.
func (st *stage) draw() {
	a, seq, ok := st.intake.Next(0)
	if !ok {
		st.drawn, st.arrives = nil, nil
		st.checkOver()
		return
	}
	st.drawn, st.arrives = &a, nil
	if st.checkOver(); st.over || st.intake.Exhausted() {
		return
	}
	st.arrives = st.events.add(st.begin+a.At, func() {
		st.intake.Due(a)
		for _, r := range st.build(a, seq) {
			st.enter(r)
		}
		if st.checkStop(); !st.stopped {
			st.draw()
		}
	})
}

// checkOver ends an open loop with its last measured request: the arrival that was drawn is taken back, and tail that
// waits for a place is not sent.
func (st *stage) checkOver() {
	if st.over || !st.intake.Over() {
		return
	}
	st.over = true
	st.sendNoMore(func(a scenarios.Arrival) bool { return a.Tail })
}

// sendNoMore takes back the arrival that was drawn, and of a kind of arrivals what waits for a place or a tool.
func (st *stage) sendNoMore(takenBack func(scenarios.Arrival) bool) {
	if st.drawn != nil {
		st.intake.Unsend(*st.drawn)
		st.drawn = nil
	}
	if st.arrives != nil {
		st.arrives.do = nil
	}
	st.endTalks(takenBack)
	waiting := st.waiting
	st.waiting = nil
	for _, r := range waiting {
		if !takenBack(r.arrival) {
			st.waiting = append(st.waiting, r)
			continue
		}
		r.slot = st.now
		st.record(r)
		if r.session != nil {
			r.session.abandon(r.turn, "")
		}
	}
}

// checkStop ends the stage by its rules: nothing more is sent, and what is under way may take as long as in a run.
func (st *stage) checkStop() {
	if st.stopped || st.intake.Stopped() == "" {
		return
	}
	st.stopped = true
	st.intake.Bounds.SetEnd(ns(st.now))
	st.noWork()
	st.sendNoMore(func(scenarios.Arrival) bool { return true })
	st.drained = st.events.add(st.now+runner.DefaultDrain, st.cancel)
}

// cancel ends the requests that are still under way.
func (st *stage) cancel() {
	list := slices.SortedFunc(maps.Keys(st.underway), func(a, b *request) int { return cmp.Compare(a.seq, b.seq) })
	for _, r := range list {
		for _, s := range r.answer.Seqs {
			st.mock.Engine.Cancel(st.now, s)
		}
		r.cancelled = true
		delete(st.underway, r)
		st.record(r)
		if r.session != nil {
			r.session.abandon(r.turn, "")
		}
	}
}

// think lets a worker come back for its next unit, which it does at once where the plan has no think time.
func (st *stage) think(u *unit) {
	wait := st.Think(u.index)
	if wait == 0 {
		st.work()
		return
	}
	var e *event
	e = st.events.add(st.now+wait, func() { delete(st.thinking, e); st.work() })
	st.thinking[e] = true
}

// noWork calls off those who think: there is nothing to come back for.
func (st *stage) noWork() {
	for e := range st.thinking {
		e.do = nil
	}
}

func (st *stage) build(a scenarios.Arrival, seq int64) []*request {
	st.drawn = nil
	if st.Sessions != nil {
		return []*request{st.newSession(a, seq).turn(0)}
	}
	list := make([]*request, runner.Requests(st.Stage, a))
	for i := range list {
		list[i] = &request{
			arrival: a, seq: seq + int64(i), first: a.First + int64(i), prompts: a.Size / len(list), intended: st.now, slot: st.now,
		}
		list[i].input, list[i].output = st.Tokens(list[i].first, list[i].prompts)
	}
	return list
}

// enter passes the in-flight cap of an open loop.
func (st *stage) enter(r *request) {
	if st.free == 0 {
		st.waiting = append(st.waiting, r)
		return
	}
	st.free--
	st.dispatch(r)
}

// leave gives a place to who has waited longest for one.
func (st *stage) leave() {
	if len(st.waiting) == 0 {
		st.free++
		return
	}
	r := st.waiting[0]
	st.waiting = st.waiting[1:]
	r.slot = st.now
	st.dispatch(r)
}

// dispatch hands a request to the mock.
func (st *stage) dispatch(r *request) {
	r.dispatched = st.now
	st.underway[r] = true
	r.answer = st.mock.Plan(st.post(r))
	r.undecided = len(r.answer.Seqs)
	for _, s := range r.answer.Seqs {
		s.Notify = func() {
			if _, ok := s.Due(s.Out - 1); ok {
				st.decided(r)
			}
		}
	}
	if r.answer.Status == http.StatusOK {
		st.refuse(r, st.mock.Engine.Submit(st.now, r.answer.Seqs...))
	}
	if r.answer.Status != http.StatusOK {
		st.events.add(st.now+LeastTime, func() { st.finish(r) })
	}
}

// refuse turns what the engine says into what the server answers.
func (st *stage) refuse(r *request, err error) {
	switch {
	case err == nil:
	case errors.Is(err, engine.ErrTooLong):
		r.answer = &mockserver.Answer{Status: http.StatusBadRequest, Error: err.Error()}
	default:
		r.answer = &mockserver.Answer{Status: http.StatusServiceUnavailable, Error: err.Error()}
	}
}

// decided notes the time of a sequence's last token; with that of the last sequence the answer's end is known.
func (st *stage) decided(r *request) {
	if r.undecided--; r.undecided == 0 {
		st.events.add(max(r.end(), r.dispatched+LeastTime), func() { st.finish(r) })
	}
}

// end is when the answer's last token is due.
func (r *request) end() (end time.Duration) {
	for _, s := range r.answer.Seqs {
		due, _ := s.Due(s.Out - 1)
		end = max(end, due)
	}
	return end
}

func (st *stage) finish(r *request) {
	if r.cancelled {
		return
	}
	delete(st.underway, r)
	if r.unit == nil {
		st.leave()
	}
	st.record(r)
	if r.session != nil {
		st.goOn(r)
	}
	if r.unit == nil {
		return
	}
	if r.unit.left--; r.unit.left == 0 {
		st.think(r.unit)
	}
}
