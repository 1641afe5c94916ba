package runner

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/results"
)

// totals are the run's books, written by recorders. A request is dispatched with its first attempt.
type totals struct {
	outcomes, dispatched, attempts, retries, written atomic.Int64
}

func (t *totals) add(r *results.Record) {
	t.outcomes.Add(1)
	t.attempts.Add(int64(len(r.Attempts)))
	for i := range r.Attempts {
		if i == 0 {
			t.dispatched.Add(1)
		} else {
			t.retries.Add(1)
		}
		if r.Attempts[i].SentNS > 0 {
			t.written.Add(1)
		}
	}
}

func (t *totals) books(issued int64) results.Conservation {
	return results.Conservation{
		Issued: issued, Outcomes: t.outcomes.Load(), Attempts: t.attempts.Load(),
		Dispatched: t.dispatched.Load(), Retries: t.retries.Load(), Written: t.written.Load(),
	}
}

// record decodes one request, collects it and keeps it.
func (sr *stageRun) record(c *results.Collector, f finished) *results.Record {
	r := sr.toRecord(f)
	sr.totals.add(r)
	sr.noteFailure(r)
	c.Add(r)
	sr.cfg.Live.record(r)
	if sr.cfg.Append != nil {
		sr.cfg.Append(r)
	}
	return r
}

// noteFailure keeps the first error, so that a stage can say why its requests failed, and notices a server that is gone.
func (sr *stageRun) noteFailure(r *results.Record) {
	sr.mu.Lock()
	defer sr.mu.Unlock()
	sr.intake.Recorded(r)
	sr.checkStop()
	if r.Outcome != results.Refused {
		sr.refused = 0
	} else if sr.refused++; sr.refused == goneAfter {
		sr.giveUp(errGone)
	}
	if r.Error == "" || r.Outcome == results.Dropped { // the turn that failed says why
		return
	}
	if sr.failure == "" {
		sr.failure = r.Error
	}
}

func (sr *stageRun) toRecord(f finished) *results.Record {
	r := &results.Record{
		ID: sr.requestID(f.seq), Seq: f.seq, Stage: sr.stage.Name, Warmup: f.arrival.Warmup, Tail: f.arrival.Tail,
		Workload: f.workload, CustomID: f.customID, Endpoint: f.endpoint, Prompts: f.prompts, IntendedNS: sr.since(f.intended), SlotNS: sr.since(f.slot),
		DispatchedNS: sr.since(f.dispatched), DoneNS: sr.since(f.done),
	}
	if sr.stage.BatchSize > 1 {
		r.Batch = f.arrival.Index + 1
	}
	r.Tokens.RequestedInput, r.Tokens.RequestedOutput = f.input, f.output
	if r.Turn = f.turn; f.turn > 0 {
		r.Session = f.arrival.Index + 1
	}
	if f.lost != "" {
		r.Outcome, r.Error = results.Dropped, f.lost
		return r
	}
	if f.exchange == nil {
		r.Outcome, r.Error = results.Cancelled, "the run ended while this request waited for a slot"
		return r
	}
	answer, err := f.exchange.Decode()
	r.Outcome = outcomeOf(err)
	for i := range f.exchange.Attempts {
		r.Attempts = append(r.Attempts, sr.toAttempt(&f.exchange.Attempts[i], f.reads.of(i)))
	}
	f.reads.free()
	if last := r.Last(); last != nil {
		r.Status = last.Status
		r.DoneNS = last.DoneNS
		r.Labels = sr.labels(f.exchange.Attempts[len(r.Attempts)-1].Header)
	}
	if err != nil {
		r.Error = sr.secrets.Replace(err.Error())
	}
	if answer != nil {
		r.FinishReason = answer.FinishReason
		countTokens(&r.Tokens, answer)
	}
	return r
}

// countTokens prefers the server's own count; without one, each content event is taken for a token, and Source says so.
func countTokens(t *results.Tokens, a *client.Response) {
	if a.UsageKnown {
		t.Source = results.FromUsage
		t.Input, t.Cached = a.Usage.InputTokens, a.Usage.CachedTokens
		t.Output, t.Reasoning = a.Usage.OutputTokens, a.Usage.ReasoningTokens
		return
	}
	if a.ContentEvents > 0 {
		t.Source, t.Output = results.FromEvents, a.ContentEvents
	}
}

func (sr *stageRun) toAttempt(a *client.Attempt, reads []socketRead) results.Attempt {
	out := results.Attempt{
		StartedNS: sr.since(a.Started), ConnectedNS: sr.since(a.Connected), SentNS: sr.since(a.Sent),
		HeadersNS: sr.since(a.Headers), FirstChunkNS: sr.since(a.FirstChunk), FirstTokenNS: sr.since(a.FirstToken),
		FirstOutNS: sr.since(a.FirstOutput), DoneNS: sr.since(a.Done), Outcome: outcomeOf(a.Err), Status: a.Status,
		Reused: a.Reused, RequestID: a.RequestID, RetryAfterMS: a.RetryAfter.Milliseconds(),
		Reads: a.Reads, MultiReads: a.MultiEventReads,
	}
	out.Arrivals = toArrivals(a.Arrivals)
	out.KernelLagNS = kernelLags(reads, stampsOf(&out))
	return out
}

func toArrivals(in []client.Arrival) (out results.Arrivals) {
	n := len(in)
	if n == 0 {
		return out
	}
	out = results.Arrivals{DtNS: make([]int64, n), Events: make([]int, n), K: make([]int, n)}
	known := true
	var before time.Duration
	for i, v := range in {
		out.DtNS[i], out.Events[i], out.K[i] = int64(v.At-before), v.Events, v.Tokens
		known = known && v.Tokens > 0
		before = v.At
	}
	if !known {
		out.K = nil
	}
	return out
}

// stampsOf are the stamps that a kernel's are held against: each arrival, or the end of a plain answer.
func stampsOf(a *results.Attempt) []int64 {
	if len(a.Arrivals.DtNS) == 0 {
		if a.Outcome == results.OK {
			return []int64{a.DoneNS}
		}
		return nil
	}
	out, at := make([]int64, len(a.Arrivals.DtNS)), a.StartedNS
	for i, dt := range a.Arrivals.DtNS {
		at += dt
		out[i] = at
	}
	return out
}

// outcomeOf names how a call ended, from its typed error.
func outcomeOf(err error) results.Outcome {
	var api *client.APIError
	var timeout *client.TimeoutError
	var conn *client.ConnectionError
	var stream *client.StreamError
	switch {
	case err == nil:
		return results.OK
	case errors.Is(err, context.Canceled), errors.Is(err, client.ErrClosed):
		return results.Cancelled
	case errors.As(err, &timeout):
		return results.Outcome("timeout_" + timeout.Phase)
	case errors.As(err, &api):
		if api.Status == http.StatusTooManyRequests {
			return results.RateLimited
		}
		return results.StatusOutcome(api.Status)
	case errors.As(err, &stream):
		return results.StreamError
	case errors.As(err, &conn):
		return connectionOutcome(conn.Kind)
	}
	return contentOutcome(err)
}

func connectionOutcome(kind string) results.Outcome {
	switch kind {
	case "refused":
		return results.Refused
	case "tls":
		return results.TLS
	case "dns":
		return results.DNS
	}
	return results.Reset
}

func contentOutcome(err error) results.Outcome {
	switch {
	case errors.Is(err, client.ErrTruncated):
		return results.Truncated
	case errors.Is(err, client.ErrContentType):
		return results.ContentType
	case errors.Is(err, client.ErrTooLarge):
		return results.TooLarge
	}
	return results.Malformed
}
