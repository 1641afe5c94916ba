package runner

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/internal/alarm"
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

// Where requests leave so much late, only each of so many lets others run first: with 9,000 streams and Go's collector at work on a
// single processor, the rest was late by 0.4 s. With none, more requests than needed are under way at once.
const (
	farBehind    = 5 * time.Millisecond
	yieldsBehind = 32
)

// open sends each arrival at its time, whatever has been answered. The cap on requests in flight makes them wait, first
// come first served, and none is skipped. It goes on past the measured arrivals until those have ended, but sends no more
// than was measured: a request that never ends must not load the server for ever.
func (sr *stageRun) open(ctx, requests context.Context) {
	slots := make(chan struct{}, sr.stage.InFlight())
	tail, endTail := context.WithCancel(ctx)
	defer endTail()
	timer := alarm.NewTimer(sr.cfg.KernelTimers)
	defer timer.Close()
	senders := newSenders(&sr.sending)
	defer senders.dismiss()
	for {
		a, seq, ok := sr.next(time.Time{})
		if !ok {
			sr.awaitCohort(ctx)
			return
		}
		due := sr.begin.Add(a.At)
		jobs := sr.build(requests, a, seq, due) // ahead of time, so that building delays no dispatch
		if !sr.await(ctx, timer, due) {
			sr.unsend(a)
			return
		}
		sr.due(a)
		q := &queue{slots, ctx}
		if a.Tail {
			q.ctx = tail
		}
		for i := range jobs {
			senders.Go(func() { sr.converse(requests, &jobs[i], q) })
		}
		// What is due leaves first: without, half of the requests left 0.12 ms late and not 0.07, after the next one's building.
		// But that lets all others run once, and who is far behind would fall back ever more.
		if time.Since(due) < farBehind || seq%yieldsBehind == 0 {
			runtime.Gosched()
		}
	}
}

// await waits until an arrival is due. It returns false when the stage is over instead: the measured requests have ended,
// or ctx has. Who is late already waits for no timer: its ring alone takes as long as some arrivals are apart.
func (sr *stageRun) await(ctx context.Context, timer *alarm.Timer, due time.Time) bool {
	ring := timer.C
	if sr.exhausted() {
		ring = nil // only the end of the measured requests, or of the run, is left to wait for
	} else if time.Now().Before(due) {
		timer.Set(due)
	}
	for {
		select {
		case <-sr.cohort:
			return false
		case <-ctx.Done():
			return false
		default:
		}
		if ring != nil && !time.Now().Before(due) {
			return true
		}
		select {
		case <-ring:
		case <-sr.cohort:
		case <-ctx.Done():
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
	client  *client.Client
	session *session // nil: the request stands alone
}

// build makes the requests of an arrival: one for each of its prompts, one with all of them, or a session's first turn.
func (sr *stageRun) build(ctx context.Context, a scenarios.Arrival, seq int64, intended time.Time) []job {
	if sr.stage.Sessions != nil {
		return []job{sr.newSession(a, seq).turn(ctx, 0, intended)}
	}
	n := Requests(sr.stage, a)
	jobs := make([]job, n)
	for i := range jobs {
		j := &jobs[i]
		j.finished = finished{seq: seq + int64(i), arrival: a, prompts: a.Size / n, intended: intended}
		w := sr.stage.Request(a.First+int64(i), j.prompts, sr.cfg.Nonce)
		j.workload, j.customID, j.input, j.output = w.Name, w.CustomID, w.Input, w.Tokens*j.prompts
		j.client, j.endpoint = sr.clients.next(j.seq)
		j.request = j.client.Prepare(ctx, sr.request(j.seq, &w))
	}
	return jobs
}

// request makes a request as the plan decides it.
func (sr *stageRun) request(seq int64, w *scenarios.Request) client.Request {
	r := client.Request{
		API: apis[w.API], ID: sr.requestID(seq), Stream: w.Stream, Temperature: w.Temperature, MaxTokens: w.Tokens, Extra: w.Extra,
	}
	if w.Output.Mode == scenarios.Exact && w.Tokens > 0 {
		r.MinTokens, r.IgnoreEOS = w.Tokens, true
	}
	switch {
	case len(w.Texts) == 0: // the prompt is among the further fields
	case w.API == scenarios.Chat:
		r.Messages = []client.Message{{Role: "user", Content: w.Texts[0]}}
	default:
		r.Prompts = w.Texts
	}
	return r
}

// requestID names a request: a UUID (version 8) of the run's id, with the sequence number as its last twelve digits. Some
// servers refuse an X-Request-Id that is no UUID (llama-cpp-python: 400 with an empty body).
func (sr *stageRun) requestID(seq int64) string {
	return sr.prefix + "-" + strconv.FormatInt(1e12+seq, 10)[1:] // twice a request: fmt would take 1% of a plain one
}

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
		sr.send(ctx, &jobs[0], nil)
		return jobs[0].done
	}
	var batch sync.WaitGroup
	for i := range jobs {
		batch.Go(func() { sr.send(ctx, &jobs[i], nil) })
	}
	batch.Wait()
	for i := range jobs {
		if done := jobs[i].done; done.After(free) {
			free = done
		}
	}
	return free
}

// send passes the cap, sends the request and hands what came to the recorders. Its frame is small, and those below it on a stream's
// stack: thousands of streams wait here, and a waiting stack that fills less than a quarter of 16 KB is halved.
func (sr *stageRun) send(ctx context.Context, j *job, q *queue) {
	f := &j.finished
	slot, admitted := q.enter(f.intended)
	f.slot = slot
	sr.cfg.Live.issue(f.prompts)
	if admitted {
		f.dispatched = time.Now()
		if stampsReads {
			ctx, f.reads = tapped(ctx)
		}
		f.exchange = j.client.SendPrepared(ctx, j.request)
		q.leave()
	}
	f.done = time.Now()
	sr.report(f)
}

var apis = map[scenarios.API]client.API{
	scenarios.Chat: client.Chat, scenarios.Completions: client.Completions, scenarios.Embeddings: client.Embeddings,
}
