package simulate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// post is a request's path and body, in the fields that the runner sends.
func (st *stage) post(r *request) (path string, body []byte) {
	w := st.asks(r)
	r.workload, r.customID, r.input, r.output = w.Name, w.CustomID, w.Input, w.Tokens*r.prompts
	m := map[string]any{"model": st.result.Model}
	path = fill(m, &w)
	if s := r.session; s != nil {
		s.say("user", w.Texts[0])
		m["messages"] = s.talk
	}
	if w.Stream {
		m["stream"], m["stream_options"] = true, map[string]bool{"include_usage": true}
	}
	if n := w.Tokens; n > 0 {
		m["max_tokens"] = n
		if w.Output.Mode == scenarios.Exact {
			m["min_tokens"], m["ignore_eos"] = n, true
		}
	}
	if w.Temperature != nil {
		m["temperature"] = *w.Temperature
	}
	maps.Copy(m, w.Extra)
	body, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("simulate: a body of YAML values is not JSON: %v", err))
	}
	return path, body
}

// asks is what the plan decides of a request.
func (st *stage) asks(r *request) scenarios.Request {
	if r.session != nil {
		return st.Turn(r.arrival, r.turn-1, st.plan.Seed)
	}
	return st.Request(r.first, r.prompts, st.plan.Seed)
}

// fill writes the prompts into a body, and returns the path that takes it.
func fill(m map[string]any, w *scenarios.Request) (path string) {
	path, field, prompt := "/v1/embeddings", "input", any(w.Texts)
	switch w.API {
	case scenarios.Chat:
		path, field = "/v1/chat/completions", "messages"
		if len(w.Texts) > 0 {
			prompt = []map[string]string{{"role": "user", "content": w.Texts[0]}}
		}
	case scenarios.Completions:
		path, field = "/v1/completions", "prompt"
	}
	m[field] = prompt // a batch file's own replaces it
	return path
}

// record collects a request that has ended.
func (st *stage) record(r *request) {
	rec := &results.Record{
		Seq: r.seq, Stage: st.Name, Warmup: r.arrival.Warmup, Tail: r.arrival.Tail, Workload: r.workload, CustomID: r.customID, Prompts: r.prompts,
		IntendedNS: ns(r.intended), SlotNS: ns(r.slot), DoneNS: ns(st.now),
	}
	if st.BatchSize > 1 {
		rec.Batch = r.arrival.Index + 1
	}
	if rec.Turn = r.turn; r.turn > 0 {
		rec.Session = r.arrival.Index + 1
	}
	rec.Tokens.RequestedInput, rec.Tokens.RequestedOutput = r.input, r.output
	switch a := r.answer; {
	case r.lost != "":
		rec.Outcome, rec.Error = results.Dropped, r.lost
	case a == nil:
		rec.Outcome, rec.Error = results.Cancelled, "the run ended while this request waited for a slot"
	case r.cancelled:
		rec.Outcome, rec.Error = results.Cancelled, "the run ended before the answer did"
	case a.Status != http.StatusOK:
		rec.Outcome, rec.Error = results.StatusOutcome(a.Status), a.Error
	default:
		rec.Outcome, rec.FinishReason = results.OK, a.Finish
		rec.Tokens.Source = results.FromUsage
		rec.Tokens.Input, rec.Tokens.Cached, rec.Tokens.Output, rec.Tokens.Reasoning = a.In, a.Cached(), a.Out, a.Reasoned
	}
	if r.answer != nil {
		rec.Status, rec.DispatchedNS = r.answer.Status, ns(r.dispatched)
		rec.Attempts = []results.Attempt{st.attempt(r, rec.Outcome)}
		st.attempts++
		if r.cancelled {
			countEvents(rec) // no usage came
		}
	}
	if st.failure == "" {
		st.failure = rec.Error
	}
	st.recorded++
	st.collector.Add(rec)
	st.each(rec)
	st.intake.Ended(r.arrival)
	st.intake.Recorded(rec)
	st.checkOver()
	st.checkStop()
	if st.stopped && len(st.underway) == 0 && st.drained != nil {
		st.drained.do = nil
	}
}

// countEvents takes each content event of an answer that was cut for a token.
func countEvents(rec *results.Record) {
	for _, n := range rec.Attempts[0].Arrivals.Events {
		rec.Tokens.Source = results.FromEvents
		rec.Tokens.Output += n
	}
}

func (st *stage) attempt(r *request, outcome results.Outcome) results.Attempt {
	at := ns(r.dispatched)
	out := results.Attempt{
		StartedNS: at, SentNS: at, HeadersNS: ns(st.now), DoneNS: ns(st.now), Outcome: outcome, Status: r.answer.Status, Reused: true,
	}
	if r.answer.Status != http.StatusOK || !st.Stream { // all workloads of a mix stream, or none
		return out
	}
	if first := r.answer.First(); outcome == results.OK || first > 0 && first <= st.now {
		out.FirstChunkNS = ns(first)
		out.HeadersNS = out.FirstChunkNS
	}
	chunks := slices.DeleteFunc(r.answer.Chunks(), func(c mockserver.Chunk) bool { return c.Due > st.now })
	if len(chunks) == 0 {
		return out
	}
	v, events, n := &out.Arrivals, 0, len(chunks)
	v.DtNS, v.Events, v.K = make([]int64, 0, n), make([]int, 0, n), make([]int, 0, n)
	for i, c := range chunks {
		if i == 0 {
			out.FirstTokenNS = ns(c.Due)
		}
		if c.Output && out.FirstOutNS == 0 {
			out.FirstOutNS = ns(c.Due)
		}
		v.DtNS = append(v.DtNS, ns(c.Due)-at)
		v.Events = append(v.Events, c.Events)
		v.K = append(v.K, c.Tokens)
		events += c.Events
		at = ns(c.Due)
	}
	if !r.answer.Counted && events != r.answer.Out {
		v.K = nil // a client cannot know
	}
	return out
}

// ns are nanoseconds from the run's start; zero would be a stamp that never happened.
func ns(d time.Duration) int64 { return max(1, d.Nanoseconds()) }
