package dialect

import "github.com/llmload/llmload/results"

// The times that formulas are made of, in nanoseconds. Each tool starts its clock where the last attempt was started here: none
// of them repeats a request. (Ours of ttft starts at the dispatch, which is the same moment unless the client's own rate limit
// held the request.)

type values = func(*results.Record, func(ns, weight float64))

// once makes values of a time that a request has once, of weight 1.
func once(of func(*results.Record) (float64, bool)) values {
	return func(r *results.Record, yield func(ns, weight float64)) {
		if ns, ok := of(r); ok {
			yield(ns, 1)
		}
	}
}

// firstToken is from the start to the first token.
func firstToken(r *results.Record) (float64, bool) {
	a := r.Last()
	return float64(a.FirstTokenNS - a.StartedNS), a.FirstTokenNS != 0
}

// firstOutput is the same to the first that is not reasoning.
func firstOutput(r *results.Record) (float64, bool) {
	a := r.Last()
	return float64(a.FirstOutNS - a.StartedNS), a.FirstOutNS != 0
}

// toContent is from the start to the last content; of a plain answer to its end.
func toContent(r *results.Record) (float64, bool) {
	return float64(lastContent(r) - r.Last().StartedNS), true
}

// toEnd is from the start to the end marker, or the end of the body.
func toEnd(r *results.Record) (float64, bool) {
	a := r.Last()
	return float64(a.DoneNS - a.StartedNS), true
}

// lastContent is when the last content of a request came.
func lastContent(r *results.Record) int64 {
	a := r.Last()
	switch {
	case a.LastTokenNS != 0:
		return a.LastTokenNS
	case a.FirstTokenNS == 0 || len(a.Arrivals.DtNS) == 0:
		return a.DoneNS
	}
	at := a.StartedNS
	for _, dt := range a.Arrivals.DtNS {
		at += dt
	}
	return at
}

// tokens is the output as the server counted it, else one a content event.
func tokens(r *results.Record) int {
	if n := r.Tokens.Output; n > 0 {
		return n
	}
	n := 0
	for _, events := range r.Last().Arrivals.Events {
		n += events
	}
	return n
}

// decode is the time from the first token to the last content, and the tokens after the first.
func decode(r *results.Record) (ns, after float64, ok bool) {
	a, n := r.Last(), tokens(r)
	if a.FirstTokenNS == 0 || n < 2 {
		return 0, 0, false
	}
	return float64(lastContent(r) - a.FirstTokenNS), float64(n - 1), true
}

// perToken is that time over those tokens: one value a request.
func perToken(r *results.Record) (float64, bool) {
	ns, after, ok := decode(r)
	return ns / after, ok
}

// chunks yields the gap before each content event but the first. Events of one read came together: the tools stamp each event
// when its read is parsed, so that all but the first of a read have a gap of nothing.
func chunks(r *results.Record, yield func(ns, weight float64)) {
	arrivals := &r.Last().Arrivals
	for i, dt := range arrivals.DtNS {
		events := 1
		if len(arrivals.Events) == len(arrivals.DtNS) {
			events = arrivals.Events[i]
		}
		if i > 0 && events > 0 {
			yield(float64(dt), 1)
		}
		for range events - 1 {
			yield(0, 1)
		}
	}
}

// tokenGaps yields the gap before each token but the first, tokens of one arrival at the same moment.
func tokenGaps(r *results.Record, yield func(ns, weight float64)) {
	arrivals := &r.Last().Arrivals
	if len(arrivals.K) != len(arrivals.DtNS) {
		chunks(r, yield)
		return
	}
	seen, gap := false, 0.0
	for i, dt := range arrivals.DtNS {
		gap += float64(dt)
		for range arrivals.K[i] {
			if seen {
				yield(gap, 1)
			}
			seen, gap = true, 0
		}
	}
}
