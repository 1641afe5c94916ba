package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/scenarios"
)

// session is a conversation under way. It belongs to the goroutine that sends its turns.
type session struct {
	run      *stageRun
	arrival  scenarios.Arrival
	seq      int64 // of its first turn
	client   *client.Client
	endpoint string
	own      bool // the client is the session's, with a connection of its own
	talk     []client.Message
}

// newSession begins a conversation. It keeps to one endpoint, whose cache holds what was said.
func (sr *stageRun) newSession(a scenarios.Arrival, seq int64) *session {
	s := &session{run: sr, arrival: a, seq: seq}
	s.client, s.endpoint = sr.clients.next(a.Index)
	if sr.plan.Target.Connections == scenarios.PerSession {
		s.client, _ = s.client.Beside("", 1) // fails for another address alone
		s.own = true
	}
	if text := sr.stage.System(sr.cfg.Nonce); text != "" {
		s.talk = []client.Message{{Role: "system", Content: text}}
	}
	return s
}

// turn builds the request of a turn, counted from 0: what was said so far, and what the session says now.
func (s *session) turn(ctx context.Context, n int, intended time.Time) job {
	sr := s.run
	w := sr.stage.Turn(s.arrival, n, sr.cfg.Nonce)
	r := sr.request(s.seq+int64(n), &w)
	s.talk = append(s.talk, r.Messages...)
	r.Messages = s.talk
	j := job{finished: s.finished(n), client: s.client, session: s}
	j.intended, j.workload, j.output = intended, w.Name, w.Tokens
	j.request = s.client.Prepare(ctx, r)
	return j
}

func (s *session) finished(n int) finished {
	return finished{seq: s.seq + int64(n), arrival: s.arrival, prompts: 1, turn: n + 1, endpoint: s.endpoint}
}

// converse sends a request and, where it is the first turn of a session, those that follow.
func (sr *stageRun) converse(ctx context.Context, j *job, q *queue) {
	sr.send(ctx, j, q)
	if j.session != nil {
		j.session.follow(ctx, j, q)
	}
}

// follow sends the turns behind the first. Each appends the answer, and is intended a tool delay after it. A turn that fails ends its
// session; the turns that it did not come to are recorded.
func (s *session) follow(ctx context.Context, j *job, q *queue) {
	if s.own {
		defer s.client.Close()
	}
	for n := 1; n < s.arrival.Size; n++ {
		if j.exchange == nil {
			s.abandon(n, "")
			return
		}
		answer, err := j.exchange.Decode()
		if err != nil {
			s.abandon(n, fmt.Sprintf("not sent: turn %d of its session failed", n))
			return
		}
		s.talk = append(s.talk, answer.Message())
		due := j.done.Add(s.run.stage.ToolDelay(s.arrival, n-1))
		*j = s.turn(ctx, n, due)
		if pause(q.ctx, time.Until(due)); q.ctx.Err() != nil {
			s.abandon(n, "")
			return
		}
		s.run.send(ctx, j, q)
	}
}

// abandon records the turns from n on as not sent: for a reason, or because the run or its tail has ended.
func (s *session) abandon(n int, why string) {
	now := time.Now()
	for ; n < s.arrival.Size; n++ {
		f := s.finished(n)
		f.intended, f.slot, f.done, f.lost = now, now, now, why
		s.run.cfg.Live.issue(1)
		s.run.report(&f)
	}
}
