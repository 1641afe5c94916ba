package engine

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// An Arrival is a sequence and the time at which it comes.
type Arrival struct {
	At  time.Duration
	Seq *Seq
}

// Run submits arrivals, which are in order of time, and advances to until: an
// engine's whole life in virtual time. It returns the error of the first
// sequence that was refused; those after it were submitted all the same.
func Run(e Engine, arrivals []Arrival, until time.Duration) error {
	var first error
	for _, a := range arrivals {
		if a.At > until {
			break
		}
		if err := e.Submit(a.At, a.Seq); err != nil && first == nil {
			first = err
		}
	}
	e.Advance(until)
	return first
}

// A Measured is what a run in virtual time says of a Step under a Workload:
// the truth where the closed forms do not hold, as for latencies near saturation.
type Measured struct {
	Requests   int           `json:"requests"`    // that ended inside the window
	ServedRate float64       `json:"served_rate"` // those, a second
	MeanGap    time.Duration `json:"mean_gap_ns"` // between tokens, over all tokens of those requests
	TTFTP50    time.Duration `json:"ttft_p50_ns"` // arrival to first token, of the requests that came inside the window
	TTFTP99    time.Duration `json:"ttft_p99_ns"` // likewise; one run at 0.9 of saturation says little, see docs/mock.md
	Waiting    int           `json:"waiting"`     // in the queue at the window's end
}

// Measure runs an engine of the same parameters, empty at first and without a
// limit to its queue, under Poisson arrivals for a time. Each output is uniform
// within a quarter of w.Out, because equal lengths march in step. The window
// leaves the first fifth out. Equal seeds give equal results. The receiver is
// only read. Time and memory go with w.Rate * over * w.Out, which are for the
// caller to bound: a million tokens take about 0.1 s and 10 MB.
func (e *Step) Measure(w Workload, over time.Duration, seed uint64) Measured {
	dice := rand.New(rand.NewPCG(seed, 0x6d656173))
	twin := &Step{
		C0: e.C0, Prefill: e.Prefill, Decode: e.Decode, KV: e.KV, Slots: e.Slots, Budget: e.Budget, KVTokens: e.KVTokens,
		MaxQueue: math.MaxInt, Jitter: e.Jitter, Dice: rand.New(rand.NewPCG(seed, 0x6a697474)),
	}
	head := make([]uint64, max(w.Cached, 0)/BlockTokens)
	for i := range head {
		head[i] = uint64(i)
	}
	if len(head) > 0 {
		twin.Prefix = NewPrefix(len(head))
		twin.Prefix.store(head)
	}
	arrivals := w.arrivals(dice, over, head)
	_ = Run(twin, arrivals, over) // what does not fit at all is not served
	m := Measured{Waiting: twin.Load().Waiting}
	for at, ok := twin.Next(); ok; at, ok = twin.Next() {
		twin.Advance(at)
	}
	m.read(arrivals, over/5, over)
	return m
}

// arrivals draws a Poisson stream of sequences.
func (w Workload) arrivals(dice *rand.Rand, over time.Duration, head []uint64) []Arrival {
	var list []Arrival
	if w.Rate <= 0 {
		return nil
	}
	spread := w.Out / 4
	for t := 0.0; ; {
		t += dice.ExpFloat64() / w.Rate * float64(time.Second)
		if t > float64(over) {
			return list
		}
		s := &Seq{In: w.In, Out: max(1, w.Out-spread+dice.IntN(2*spread+1)), Blocks: head}
		if w.Bursts != nil {
			s.Bursts = w.Bursts(dice, s.Out)
		}
		list = append(list, Arrival{time.Duration(t), s})
	}
}

func (m *Measured) read(arrivals []Arrival, from, to time.Duration) {
	var ttft []time.Duration
	var span time.Duration
	gaps := 0
	for _, a := range arrivals {
		first, ok := a.Seq.Due(0)
		if !ok {
			continue // refused
		}
		if a.At > from {
			ttft = append(ttft, first-a.At)
		}
		if end := a.Seq.end(); end > from && end <= to {
			m.Requests++
			span += end - first
			gaps += a.Seq.Out - 1
		}
	}
	m.ServedRate = float64(m.Requests) / (to - from).Seconds()
	m.MeanGap = span / time.Duration(max(gaps, 1))
	slices.SortFunc(ttft, cmp.Compare[time.Duration])
	m.TTFTP50, m.TTFTP99 = rank(ttft, 0.5), rank(ttft, 0.99)
}

// rank is the nearest-rank quantile of sorted values, 0 of none.
func rank(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}
