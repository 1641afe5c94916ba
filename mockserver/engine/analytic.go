package engine

import (
	"math"
	"math/rand/v2"
	"time"
)

// A Workload is a stream of like requests: what the closed forms ask for.
type Workload struct {
	In     int     `json:"in"`     // tokens of the prompt, at least 1
	Cached int     `json:"cached"` // of those, found in the prefix cache
	Out    int     `json:"out"`    // tokens to make, at least 1; in a run they are spread around it, see Measure
	Rate   float64 `json:"rate"`   // arrivals a second, Poisson
	// Bursts draws Seq.Bursts for an answer of so many tokens; nil: one token a
	// step. A run takes it, the closed forms do not.
	Bursts func(dice *rand.Rand, out int) []int `json:"-"`
}

// An Analytic is what the closed forms say of a Step under a Workload, without
// speculative decoding. Where they do not hold, a run does: Step.Measure.
type Analytic struct {
	// Work (W) is the engine's time that one request takes of its own:
	// Prefill*(In-Cached) + (Out-1)*(Decode + KV*(In+Out/2)). It is exact.
	Work time.Duration `json:"work_ns"`
	// Steps (S) is how many steps serve one request: Out-1 + ceil((In-Cached)/Budget).
	// With a budget that prompts and decoders fill, prompts take more.
	Steps int `json:"steps"`
	// MaxSeqs (Nmax) is how many such sequences run at once at most:
	// min(Slots, KVTokens/(In+Out)); 0 is no limit. A sequence that does not fit
	// at all has a SaturationRate of 0.
	MaxSeqs int `json:"max_seqs"`
	// SaturationRate (rate*) is the limit of stability in requests a second:
	// 1/(Work + C0*Steps/MaxSeqs). Offered more, the engine serves this much and
	// its queue grows. Lengths must be spread: equal ones march in step.
	SaturationRate float64 `json:"saturation_rate"`
	// MeanStep (T) is the mean time of a step at Rate, or at SaturationRate where
	// that is lower: C0/(1 - rate*Work). It holds while the engine hardly idles,
	// that is from about three sequences at once on; see Running. 0 where it has
	// no limit.
	MeanStep time.Duration `json:"mean_step_ns"`
	// Running is the mean number of sequences at once: rate*Steps*MeanStep.
	Running float64 `json:"running"`
	// GapHolds says whether MeanStep is also the mean gap between tokens that
	// clients see: where a prompt takes at most 4*C0 to compute, the rate is at
	// most half of SaturationRate, and Running is at least 3. Else long prompts
	// lengthen just those steps in which most tokens are made.
	GapHolds bool `json:"gap_holds"`
}

// Analytic evaluates the closed forms.
func (e *Step) Analytic(w Workload) Analytic {
	fresh := float64(max(w.In-w.Cached, 0))
	out := float64(max(w.Out, 1))
	prefill := float64(e.Prefill) * fresh
	work := prefill + (out-1)*(float64(e.Decode)+float64(e.KV)*(float64(w.In)+out/2))
	chunks := 1.0 // also of a prompt without tokens: its first step makes its first token
	if e.Budget > 0 {
		chunks = max(1, math.Ceil(fresh/float64(e.Budget)))
	}
	a := Analytic{Work: time.Duration(math.Round(work)), Steps: int(out-1) + int(chunks)}
	overhead := float64(e.C0) * float64(a.Steps)
	seqs, limited := e.maxSeqs(w.In + int(out))
	switch {
	case limited && seqs == 0:
		return a
	case limited:
		a.MaxSeqs = seqs
		overhead /= float64(seqs)
	default:
		overhead = 0
	}
	a.SaturationRate = float64(time.Second) / (work + overhead)
	rate := min(max(w.Rate, 0), a.SaturationRate)
	if left := 1 - rate*work/float64(time.Second); left > 0 { // 0 only without a limit of sequences
		step := float64(e.C0) / left
		a.MeanStep = time.Duration(math.Round(step))
		a.Running = rate * float64(a.Steps) * step / float64(time.Second)
	}
	a.GapHolds = prefill <= 4*float64(e.C0) && w.Rate <= a.SaturationRate/2 && a.Running >= 3
	return a
}

// maxSeqs is how many sequences of so many tokens run at once at most.
func (e *Step) maxSeqs(tokens int) (n int, limited bool) {
	n = math.MaxInt
	if e.Slots > 0 {
		n, limited = e.Slots, true
	}
	if e.KVTokens > 0 {
		n, limited = min(n, e.KVTokens/tokens), true
	}
	return n, limited
}
