package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/llmload/llmload/scenarios"
)

// session is a conversation under way, as the runner's is.
type session struct {
	st      *stage
	arrival scenarios.Arrival
	seq     int64               // of its first turn
	talk    []map[string]string // messages so far
	next    *event              // its next turn, while it waits
	turns   int                 // built so far
}

func (st *stage) newSession(a scenarios.Arrival, seq int64) *session {
	s := &session{st: st, arrival: a, seq: seq}
	if text := st.System(st.plan.Seed); text != "" {
		s.say("system", text)
	}
	return s
}

func (s *session) say(role, text string) {
	s.talk = append(s.talk, map[string]string{"role": role, "content": text})
}

// turn is the request of a turn, counted from 0.
func (s *session) turn(n int) *request {
	now := s.st.now
	s.turns = n + 1
	return &request{arrival: s.arrival, seq: s.seq + int64(n), prompts: 1, turn: n + 1, intended: now, slot: now, session: s}
}

// goOn follows an answer with the next turn, a tool delay later.
func (st *stage) goOn(r *request) {
	s := r.session
	switch {
	case r.turn == s.arrival.Size:
		return
	case r.answer.Status != http.StatusOK:
		s.abandon(r.turn, fmt.Sprintf("not sent: turn %d of its session failed", r.turn))
		return
	case st.stopped, st.over && s.arrival.Tail:
		s.abandon(r.turn, "")
		return
	}
	s.say("assistant", r.answer.Text())
	s.next = st.events.add(st.now+st.ToolDelay(s.arrival, r.turn-1), func() {
		delete(st.pausing, s)
		st.enter(s.turn(r.turn))
	})
	st.pausing[s] = true
}

// endTalks ends the sessions of a kind of arrivals that wait for their next turn.
func (st *stage) endTalks(takenBack func(scenarios.Arrival) bool) {
	list := slices.SortedFunc(maps.Keys(st.pausing), func(a, b *session) int { return cmp.Compare(a.seq, b.seq) })
	for _, s := range list {
		if takenBack(s.arrival) && st.pausing[s] { // what is recorded may end others of them meanwhile
			delete(st.pausing, s)
			s.next.do = nil
			s.abandon(s.turns, "")
		}
	}
}

// abandon records the turns from n on as not sent.
func (s *session) abandon(n int, why string) {
	for ; n < s.arrival.Size; n++ {
		r := s.turn(n)
		r.lost = why
		s.st.record(r)
	}
}
