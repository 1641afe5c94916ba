package runner

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/scenarios"
)

// closed keeps the stage's workers busy: each sends its next unit when its last has ended.
func (sr *stageRun) closed(ctx, requests context.Context) {
	for range sr.stage.Workers() {
		sr.sending.Go(func() {
			free := time.Now()
			for ctx.Err() == nil {
				a, seq, ok := sr.next(free)
				if !ok {
					sr.noWork()
					return
				}
				free = sr.think(ctx, a, sr.together(requests, sr.build(requests, a, seq, free)))
			}
		})
	}
}

// think waits as long as a worker does behind a unit, unless there is no more work to come back for. It returns when the
// worker was to be free: that it wakes late is the tool's own delay.
func (sr *stageRun) think(ctx context.Context, a scenarios.Arrival, ended time.Time) (free time.Time) {
	free = ended.Add(sr.stage.Think(a.Index))
	wait := time.Until(free)
	if wait <= 0 {
		return free
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-sr.idle:
	case <-ctx.Done():
	}
	return free
}

// open sends each arrival at its time, whatever has been answered. The cap on requests in flight makes them wait, first
// come first served, and none is skipped. It goes on past the measured arrivals until those have ended, but sends no more
// than was measured: a request that never ends must not load the server for ever.
func (sr *stageRun) open(ctx, requests context.Context) {
	slots := make(chan struct{}, sr.stage.MaxInFlight)
	tail, endTail := context.WithCancel(ctx)
	defer endTail()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		a, seq, ok := sr.next(time.Time{})
		if !ok {
			sr.awaitCohort(ctx)
			return
		}
		due := sr.begin.Add(a.At)
		jobs := sr.build(requests, a, seq, due) // ahead of time, so that building delays no dispatch
		timer.Reset(time.Until(due))
		if sr.exhausted() {
			timer.Stop() // only the end of the measured requests, or of the run, is left to wait for
		}
		select {
		case <-timer.C:
		case <-sr.cohort:
			sr.unsend(a)
			return
		case <-ctx.Done():
			sr.unsend(a)
			return
		}
		sr.due(a)
		q := &queue{slots, ctx}
		if a.Tail {
			q.ctx = tail
		}
		for _, j := range jobs {
			sr.sending.Go(func() { sr.send(requests, j, q) })
		}
	}
}

// awaitCohort waits until the measured requests have ended, or the stage is stopped.
func (sr *stageRun) awaitCohort(ctx context.Context) {
	select {
	case <-sr.cohort:
	case <-ctx.Done():
	}
}

// exhausted reports whether the tail has been as long as it may be.
func (sr *stageRun) exhausted() bool {
	sr.mu.Lock()
	defer sr.mu.Unlock()
	return sr.intake.Exhausted()
}

// unsend takes back an arrival that was drawn but not yet due when the stage ended.
func (sr *stageRun) unsend(a scenarios.Arrival) {
	sr.mu.Lock()
	defer sr.mu.Unlock()
	sr.intake.Unsend(a)
}

// queue is the in-flight cap that requests of an open loop pass: a place in slots, or the end of ctx.
type queue struct {
	slots chan struct{}
	ctx   context.Context
}

// enter waits for a place and reports when it was had; leave must follow. Who need not wait has his place from due on:
// that he comes late to it is the tool's own delay, not the cap's. ok is false when the wait is over without a place.
func (q *queue) enter(due time.Time) (slot time.Time, ok bool) {
	if q == nil {
		return due, true
	}
	select {
	case q.slots <- struct{}{}: // never past those who wait: while one does, there is no free place
		return due, true
	default:
	}
	select {
	case q.slots <- struct{}{}:
		return time.Now(), true
	case <-q.ctx.Done():
		return time.Now(), false
	}
}

func (q *queue) leave() {
	if q != nil {
		<-q.slots
	}
}

// job is one request, built and ready to go.
type job struct {
	finished
	request *client.Prepared
}

// build makes the requests of an arrival: one for each of its prompts, or one with all of them.
func (sr *stageRun) build(ctx context.Context, a scenarios.Arrival, seq int64, intended time.Time) []job {
	n := Requests(sr.stage, a)
	jobs := make([]job, n)
	for i := range jobs {
		j := &jobs[i]
		j.finished = finished{seq: seq + int64(i), arrival: a, prompts: a.Size / n, intended: intended}
		r, input := sr.request(j.seq, a.First+int64(i), j.prompts)
		j.request, j.input, j.output = sr.client.Prepare(ctx, r), input, r.MaxTokens*j.prompts
	}
	return jobs
}

// request makes a request with the prompts from index first on; input is their exact length in tokens, 0 where unknown.
func (sr *stageRun) request(seq, first int64, prompts int) (r client.Request, input int) {
	s := sr.stage
	r = client.Request{
		API: apis[s.API], ID: sr.requestID(seq), Stream: s.Stream, Temperature: s.Temperature, MaxTokens: s.OutputTokens(first),
		Extra: s.ExtraBody,
	}
	if s.Output.Mode == scenarios.Exact && r.MaxTokens > 0 {
		r.MinTokens, r.IgnoreEOS = r.MaxTokens, true
	}
	texts := make([]string, prompts)
	for i := range texts {
		text, tokens := s.Prompt(first+int64(i), sr.cfg.Nonce)
		texts[i], input = text, input+tokens
	}
	if s.API == scenarios.Chat {
		r.Messages = []client.Message{{Role: "user", Content: texts[0]}}
	} else {
		r.Prompts = texts
	}
	return r, input
}

// requestID names a request: a UUID (version 8) of the run's id, with the sequence number as its last twelve digits. Some
// servers refuse an X-Request-Id that is no UUID (llama-cpp-python: 400 with an empty body).
func (sr *stageRun) requestID(seq int64) string { return fmt.Sprintf("%s-%012d", sr.prefix, seq) }

func idPrefix(runID string) string {
	h := sha256.Sum256([]byte(runID))
	h[6] = h[6]&0x0f | 0x80 // version 8
	h[8] = h[8]&0x3f | 0x80 // variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10])
}

// together sends jobs at once and returns when the last of them had ended. A worker is free from then on: what it waits
// for a recorder after that is the tool's own delay.
func (sr *stageRun) together(ctx context.Context, jobs []job) (free time.Time) {
	if len(jobs) == 1 {
		return sr.send(ctx, jobs[0], nil)
	}
	done := make([]time.Time, len(jobs))
	var batch sync.WaitGroup
	for i, j := range jobs {
		batch.Go(func() { done[i] = sr.send(ctx, j, nil) })
	}
	batch.Wait()
	return slices.MaxFunc(done, time.Time.Compare)
}

// send passes the cap, sends the request and hands what came to the recorders. It returns when the answer had ended.
func (sr *stageRun) send(ctx context.Context, j job, q *queue) time.Time {
	f := j.finished
	slot, admitted := q.enter(f.intended)
	f.slot = slot
	sr.cfg.Live.issue(f.prompts)
	if admitted {
		f.dispatched = time.Now()
		f.exchange = sr.client.SendPrepared(ctx, j.request)
		q.leave()
	}
	f.done = time.Now()
	sr.report(f)
	return f.done
}

var apis = map[scenarios.API]client.API{
	scenarios.Chat: client.Chat, scenarios.Completions: client.Completions, scenarios.Embeddings: client.Embeddings,
}
