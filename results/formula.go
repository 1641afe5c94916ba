package results

import (
	"math"

	"github.com/llmload/llmload/internal/metric"
)

// Value returns one of the request's metrics in nanoseconds, or false where the request has none. It answers for every
// request whose stamps allow it, failed ones too; a caller that wants successes looks at Outcome. icl and itl have many
// values a request: see Gaps and ITL.
func (r *Record) Value(m metric.Name) (ns int64, ok bool) {
	switch m {
	case metric.QueueDelay:
		return r.SlotNS - r.IntendedNS, r.admitted()
	case metric.DispatchDelay:
		return r.DispatchedNS - max(r.IntendedNS, r.SlotNS), r.sent()
	case metric.MaxGap:
		return r.maxGap()
	case metric.TPOT:
		return r.tpot()
	}
	a := r.Last()
	if a == nil {
		return 0, false
	}
	switch m {
	case metric.TTFT:
		return a.FirstTokenNS - r.DispatchedNS, a.FirstTokenNS != 0
	case metric.ResponseTTFT:
		return a.FirstTokenNS - r.IntendedNS, a.FirstTokenNS != 0
	case metric.TTFOT:
		return a.FirstOutNS - r.DispatchedNS, a.FirstOutNS != 0
	case metric.E2E:
		return a.DoneNS - a.StartedNS, true
	case metric.ResponseE2E:
		return a.DoneNS - r.IntendedNS, true
	case metric.LogicalE2E:
		return a.DoneNS - r.Attempts[0].StartedNS, true
	}
	return 0, false
}

// Inside reports whether the request is inside every limit. A metric that the request lacks is a miss, but for the pace of
// a stream that came in one arrival: nobody waited for its later tokens. (vLLM's goodput counts such a TPOT as 0, too.)
func (r *Record) Inside(limits []Limit, stream bool) bool {
	for _, l := range limits {
		ns, ok := r.Value(l.Metric)
		if !ok && stream && (l.Metric == metric.TPOT || l.Metric == metric.MaxGap) {
			continue
		}
		if !ok || ns > l.MaxNS {
			return false
		}
	}
	return true
}

// admitted reports whether the in-flight cap let the request in. On a virtual clock a stamp of 0 can be a real one, so an
// attempt proves it too.
func (r *Record) admitted() bool { return r.SlotNS != 0 || r.sent() }

// sent reports whether the request was handed to the client.
func (r *Record) sent() bool { return r.DispatchedNS != 0 || len(r.Attempts) > 0 }

// Gaps yields the request's inter-chunk latencies: the time from each arrival of content to the next.
func (r *Record) Gaps(yield func(ns int64) bool) {
	for _, gap := range r.gaps() {
		if !yield(gap) {
			return
		}
	}
}

// ITL yields the request's inter-token latencies: a gap before an arrival of k tokens is k values of gap/k. It yields
// nothing where k is not known. The gap before an arrival without tokens belongs to the tokens that follow it.
func (r *Record) ITL(yield func(ns int64) bool) {
	for ns, k := range r.itl {
		for range k {
			if !yield(ns) {
				return
			}
		}
	}
}

// itl yields each inter-token latency once, with how many tokens have it.
func (r *Record) itl(yield func(ns, k int64) bool) {
	a := r.Last()
	if a == nil || !a.Arrivals.counted() {
		return
	}
	var gap int64
	for i, dt := range r.gaps() {
		gap += dt
		k := int64(a.Arrivals.K[i+1])
		if k <= 0 {
			continue
		}
		if !yield(gap/k, k) {
			return
		}
		gap = 0
	}
}

// gaps returns the deltas between arrivals of the attempt that decided the request.
func (r *Record) gaps() []int64 {
	if a := r.Last(); a != nil && len(a.Arrivals.DtNS) > 1 {
		return a.Arrivals.DtNS[1:]
	}
	return nil
}

func (r *Record) maxGap() (ns int64, ok bool) {
	gaps := r.gaps()
	for _, gap := range gaps {
		ns = max(ns, gap)
	}
	return ns, len(gaps) > 0
}

// tpot is (last token - first token) / visible tokens after the first arrival.
func (r *Record) tpot() (ns int64, ok bool) {
	gaps := r.gaps()
	if len(gaps) == 0 {
		return r.tpotOfEnds()
	}
	tokens := r.tokensAfterFirst()
	if tokens <= 0 {
		return 0, false
	}
	var span int64
	for _, gap := range gaps {
		span += gap
	}
	return int64(math.Round(float64(span) / tokens)), true
}

// tpotOfEnds is tpot where the first and the last token alone are known; the first arrival is taken for one token.
func (r *Record) tpotOfEnds() (ns int64, ok bool) {
	a, tokens := r.Last(), float64(0)
	if a != nil && a.LastTokenNS != 0 && a.FirstTokenNS != 0 {
		tokens = float64(r.visible() - 1)
	}
	if tokens <= 0 {
		return 0, false
	}
	return int64(math.Round(float64(a.LastTokenNS-a.FirstTokenNS) / tokens)), true
}

// tokensAfterFirst returns the visible tokens that came after the first arrival. The tokens of each arrival, where they
// are known, answer alone: a first arrival's count may hold reasoning that was never streamed. Else the first arrival
// has its share by events.
func (r *Record) tokensAfterFirst() float64 {
	arrivals := &r.Last().Arrivals
	if arrivals.counted() {
		return float64(sum(arrivals.K[1:]))
	}
	first, all := 1, len(arrivals.DtNS)
	if len(arrivals.Events) == all && sum(arrivals.Events) > 0 {
		first, all = arrivals.Events[0], sum(arrivals.Events)
	}
	return float64(r.visible()) * (1 - float64(first)/float64(all))
}

// visible returns the output tokens less the reasoning that was counted but never streamed. Reasoning was streamed when
// something came before the first token of the answer.
func (r *Record) visible() int {
	a := r.Last()
	if a.FirstOutNS != 0 && a.FirstOutNS == a.FirstTokenNS {
		return r.Tokens.Output - r.Tokens.Reasoning
	}
	return r.Tokens.Output
}

// counted reports whether the tokens of every arrival are known.
func (a *Arrivals) counted() bool { return len(a.K) > 0 && len(a.K) == len(a.DtNS) }

func sum(xs []int) (total int) {
	for _, x := range xs {
		total += x
	}
	return total
}

// arrivals yields when output tokens came and how many: of each arrival of a stream, or all at the end of a plain
// answer. Where only the total is known it is spread over the content events, in whole tokens.
func (r *Record) arrivals(yield func(ns, tokens int64) bool) {
	a := r.Last()
	if a == nil {
		return
	}
	if len(a.Arrivals.DtNS) == 0 {
		if r.Tokens.Output > 0 {
			yield(a.DoneNS, int64(r.Tokens.Output))
		}
		return
	}
	tokens, at := r.tokensByArrival(), a.StartedNS
	for i, dt := range a.Arrivals.DtNS {
		at += dt
		if !yield(at, tokens(i)) {
			return
		}
	}
}

// tokensByArrival returns a function to be called with 0, 1, 2 ... for the tokens of each arrival.
func (r *Record) tokensByArrival() func(i int) int64 {
	arrivals := &r.Last().Arrivals
	if arrivals.counted() {
		return func(i int) int64 { return int64(arrivals.K[i]) }
	}
	events, output := sum(arrivals.Events), int64(r.Tokens.Output)
	share, all := func(i int) int { return arrivals.Events[i] }, int64(events)
	if len(arrivals.Events) != len(arrivals.DtNS) || events <= 0 {
		share, all = func(int) int { return 1 }, int64(len(arrivals.DtNS))
	}
	var seen, given int64
	return func(i int) int64 {
		seen += int64(share(i))
		due := output * seen / all
		n := due - given
		given = due
		return n
	}
}
