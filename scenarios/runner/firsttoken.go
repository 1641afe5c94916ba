package runner

import (
	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// firstTokens is every attempt of a stage of which a first token came, warm-up and tail included: what a server's own
// histogram counts.
type firstTokens struct {
	waits         results.Histogram
	count         int64
	before, after float64 // sums, in ns
	sent, stamped int64   // how many are in before and in after
}

func (f *firstTokens) add(r *results.Record) {
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

// waits merges the recorders' first tokens.
func (rs *recorders) waits() *firstTokens {
	rs.wg.Wait()
	all := &firstTokens{}
	for _, f := range rs.first {
		_ = all.waits.Merge(&f.waits) // alike in shape
		all.count += f.count
		all.before += f.before
		all.after += f.after
		all.sent += f.sent
		all.stamped += f.stamped
	}
	return all
}

// tell writes our side of the comparison.
func (f *firstTokens) tell(t *results.ServerTTFT) {
	t.ClientCount = f.count
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

func quantileOf(h *results.Histogram, q float64) *float64 {
	if h.Count() < int64(metric.MinSamples(q)) {
		return nil
	}
	return ms(float64(h.Quantile(q)))
}
