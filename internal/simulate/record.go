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
	m := map[string]any{"model": st.result.Model}
	texts := make([]string, r.prompts)
	for i := range texts {
		texts[i], _ = st.Prompt(r.first+int64(i), st.plan.Seed)
	}
	switch st.API {
	case scenarios.Chat:
		path = "/v1/chat/completions"
		m["messages"] = []map[string]string{{"role": "user", "content": texts[0]}}
	case scenarios.Completions:
		path, m["prompt"] = "/v1/completions", texts
	default:
		path, m["input"] = "/v1/embeddings", texts
	}
	if st.Stream {
		m["stream"], m["stream_options"] = true, map[string]bool{"include_usage": true}
	}
	if n := st.OutputTokens(r.first); n > 0 {
		m["max_tokens"] = n
		if st.Output.Mode == scenarios.Exact {
			m["min_tokens"], m["ignore_eos"] = n, true
		}
	}
	if st.Temperature != nil {
		m["temperature"] = *st.Temperature
	}
	maps.Copy(m, st.ExtraBody)
	body, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("simulate: a body of YAML values is not JSON: %v", err))
	}
	return path, body
}

// record collects a request that has ended.
func (st *stage) record(r *request) {
	rec := &results.Record{
		Seq: r.seq, Stage: st.Name, Warmup: r.arrival.Warmup, Tail: r.arrival.Tail, Prompts: r.prompts,
		IntendedNS: ns(r.intended), SlotNS: ns(r.slot), DoneNS: ns(st.now),
	}
	if st.BatchSize > 1 {
		rec.Batch = r.arrival.Index + 1
	}
	rec.Tokens.RequestedInput, rec.Tokens.RequestedOutput = r.input, r.output
	switch a := r.answer; {
	case a == nil:
		rec.Outcome, rec.Error = results.Cancelled, "the run ended while this request waited for a slot"
	case r.cancelled:
		rec.Outcome, rec.Error = results.Cancelled, "the run ended before the answer did"
	case a.Status != http.StatusOK:
		rec.Outcome, rec.Error = results.StatusOutcome(a.Status), a.Error
	default:
		rec.Outcome, rec.FinishReason = results.OK, a.Finish
		rec.Tokens.Source = results.FromUsage
		rec.Tokens.Input, rec.Tokens.Cached, rec.Tokens.Output = a.In, a.Cached(), a.Out
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
	if r.answer.Status != http.StatusOK || !st.Stream {
		return out
	}
	chunks := slices.DeleteFunc(r.answer.Chunks(), func(c mockserver.Chunk) bool { return c.Due > st.now })
	if len(chunks) == 0 {
		return out
	}
	out.FirstChunkNS, out.FirstTokenNS = ns(r.answer.First()), ns(chunks[0].Due)
	out.HeadersNS, out.FirstOutNS = out.FirstChunkNS, out.FirstTokenNS
	v, events, n := &out.Arrivals, 0, len(chunks)
	v.DtNS, v.Events, v.K = make([]int64, 0, n), make([]int, 0, n), make([]int, 0, n)
	for _, c := range chunks {
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
