package results

import (
	"fmt"

	"github.com/llmload/llmload/internal/metric"
)

// FirstTokens is every attempt of a stage of which a first token came, warm-up and tail included: what a server's own
// histogram counts. The zero value is ready; it is not safe for concurrent use.
type FirstTokens struct {
	waits         Histogram
	count         int64
	before, after float64 // sums, in ns
	sent, stamped int64   // how many are in before and in after
}

// Add counts a request's first tokens.
func (f *FirstTokens) Add(r *Record) {
	for i := range r.Attempts {
		a := &r.Attempts[i]
		if a.FirstTokenNS == 0 {
			continue
		}
		from := a.StartedNS
		if i == 0 {
			from = r.DispatchedNS
		}
		f.count++
		f.waits.Record(a.FirstTokenNS - from)
		if a.SentNS > 0 { // a server may answer before the request is written whole
			f.sent++
			f.before += float64(a.SentNS - from)
		}
		if len(a.KernelLagNS) > 0 && a.KernelLagNS[0] >= 0 {
			f.stamped++
			f.after += float64(a.KernelLagNS[0])
		}
	}
}

// Merge adds all that o counted.
func (f *FirstTokens) Merge(o *FirstTokens) error {
	f.count += o.count
	f.before += o.before
	f.after += o.after
	f.sent += o.sent
	f.stamped += o.stamped
	return f.waits.Merge(&o.waits)
}

// Count is how many there were.
func (f *FirstTokens) Count() int64 { return f.count }

// Compare writes our side of a server's figures, and in what the two differ.
func (f *FirstTokens) Compare(t *ServerTTFT, stream bool) {
	f.tell(t)
	t.Explanation = explain(t, stream)
}

func (f *FirstTokens) tell(t *ServerTTFT) {
	t.ClientCount = f.count
	t.ClientMeanMS, t.ClientP50MS, t.ClientP99MS, t.DifferenceMS, t.ClientBeforeMS, t.ClientAfterMS = nil, nil, nil, nil, nil, nil
	if f.count == 0 {
		return
	}
	t.ClientMeanMS = ms(f.waits.Mean())
	t.ClientP50MS, t.ClientP99MS = quantileOf(&f.waits, 0.50), quantileOf(&f.waits, 0.99)
	if f.sent == f.count {
		t.ClientBeforeMS = ms(f.before / float64(f.count))
	}
	if f.stamped == f.count {
		t.ClientAfterMS = ms(f.after / float64(f.count))
	}
	if t.Count == t.ClientCount && t.MeanMS != nil {
		t.DifferenceMS = ms((*t.ClientMeanMS - *t.MeanMS) * 1e6)
	}
}

func quantileOf(h *Histogram, q float64) *float64 {
	if h.Count() < int64(metric.MinSamples(q)) {
		return nil
	}
	return ms(float64(h.Quantile(q)))
}

// explain says in a line what lies between the server's figure and ours.
func explain(t *ServerTTFT, stream bool) string {
	switch {
	case !stream:
		return "answers come whole here, so there is no time to first token to hold against the server's"
	case t.Count == 0 || t.ClientCount == 0:
		return "no first token to compare"
	case t.Count != t.ClientCount:
		return fmt.Sprintf("the server counted %d first tokens and this run %d, so the figures are not of the same requests: others load it, a request has several prompts or choices, or not all replicas are read, or not to the end", t.Count, t.ClientCount)
	case t.DifferenceMS == nil:
		return "not comparable"
	case t.ClientBeforeMS == nil:
		return fmt.Sprintf("the mean of ours is %+.2f ms beside the server's; what lay in this client is not known: some answers began before their request was written whole", *t.DifferenceMS)
	}
	diff := *t.DifferenceMS
	if diff < 0 {
		return fmt.Sprintf("the mean of ours is %.2f ms shorter than the server's: its clock goes on past the moment at which it wrote the token, or was stepped", -diff)
	}
	text := fmt.Sprintf("the mean of ours is %.2f ms longer, because the server counts from its own arrival: %.2f ms lay in this client before the request was written", diff, *t.ClientBeforeMS)
	rest := diff - *t.ClientBeforeMS
	if t.ClientAfterMS != nil {
		text += fmt.Sprintf(", %.2f ms between the kernel's receipt and this process", *t.ClientAfterMS)
		rest -= *t.ClientAfterMS
	}
	return text + fmt.Sprintf(", %.2f ms on the network and in the server before and behind its clock", rest)
}
