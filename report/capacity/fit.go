package capacity

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/llmload/llmload/results"
)

// Model is the step model of a server: a step that computes P prompt tokens, serves D sequences that decode, and reads C
// tokens of their context takes C0 + Prefill*P + Decode*D + KV*C. Times are in nanoseconds.
type Model struct {
	C0       float64 `json:"c0_ns"`
	Prefill  float64 `json:"prefill_per_token_ns"`
	Decode   float64 `json:"decode_per_seq_ns"`
	KV       float64 `json:"kv_per_token_ns"`
	Overhead float64 `json:"overhead_ns"`            // of a request, outside the steps: the wire, the server's front end
	Slots    int     `json:"max_num_seqs,omitempty"` // sequences at once, where a stage was seen to have more; 0: not reached
}

// Fit is a model with how well it describes the stages that it was made from.
type Fit struct {
	Model
	Errors   Model    `json:"standard_errors"` // by the residuals; Slots has none
	Points   []Point  `json:"points"`
	RMS      float64  `json:"rms"` // of the relative residuals
	Warnings []string `json:"warnings"`
}

// Point is one mean that a stage measured, and what the model says of it.
type Point struct {
	Stage    string  `json:"stage"`
	What     string  `json:"what"` // ttft at concurrency 1 | e2e
	Measured float64 `json:"measured_ns"`
	Fitted   float64 `json:"fitted_ns"`

	row [5]float64 // factors of c0, prefill, decode, kv, overhead
}

// level is one stage of a sweep.
type level struct {
	name          string
	workers       float64
	input, output float64 // tokens of a request, mean; input that is computed, not found in a cache
	context       float64 // tokens of the prompt, cached ones too
	ttft, e2e     float64 // means, nanoseconds
	rate          float64 // answers a second
}

// FitStages fits the model to the stages of a sweep in a closed loop over concurrency and lengths of prompts.
//
// With n workers and no think time each request is served in its Out steps, and from two workers on it waits about one
// more, the one that was under way when it came. All that n requests need is done in one request's time, so a request
// takes in the mean
//
//	C0*(Out + [n>1]) + n*(Prefill*In + (Out-1)*(Decode + KV*(In+Out/2))) + Overhead
//
// which is linear in what is looked for. Alone that cannot tell Prefill from KV, both of which go with the prompt; the mean
// TTFT at one worker, C0 + Prefill*In + Overhead, does. Residuals are relative, and no parameter is below zero.
func FitStages(stages []results.StageSummary) (Fit, error) {
	levels := levelsOf(stages)
	lengths, most, single := spread(levels)
	switch {
	case len(levels) == 0:
		return Fit{}, errors.New("no stage with a closed loop of single streamed requests without think time, whose requests succeeded: run a sweep over concurrency and lengths, such as `llmload run sweep`")
	case !single:
		return Fit{}, errors.New("no stage has a concurrency of 1, by which the prefill is told from the rest: add one for each length")
	case most < 4:
		return Fit{}, errors.New("no stage has a concurrency of 4 or more, by which c0 is told from decode_per_seq: add some")
	}
	f := Fit{}
	if lengths == 1 {
		f.warn("one input length: decode_per_seq and kv_per_token are collinear, so kv_per_token is left at 0 and decode_per_seq holds both, for this length alone")
	} else if lengths == 2 {
		f.warn("two input lengths: a third would show whether the cost of context is linear")
	}
	if !slices.ContainsFunc(levels, func(l level) bool { return l.input > 0 }) {
		f.warn("the server says that it computed no prompt token, all came from its cache or were not counted: prefill_per_token is left at 0")
	}
	kept := f.unqueued(levels, lengths > 1)
	f.solve(kept, lengths > 1)
	f.solve(kept, lengths > 1) // the weights rest on a first solution
	f.judge()
	return f, nil
}

func (f *Fit) warn(format string, args ...any) {
	f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...))
}

func levelsOf(stages []results.StageSummary) (out []level) {
	for i := range stages {
		s := &stages[i]
		ttft, e2e := s.Metrics["ttft"], s.Metrics["e2e"]
		ok := s.Load.Mode == "closed" && s.Load.Stream && s.Load.BatchSize <= 1 && s.Load.ThinkTimeMS == 0 && s.Load.Faults == 0 &&
			ttft != nil && ttft.Mean != nil && e2e != nil && e2e.Mean != nil && s.Requests.Succeeded > 0 && s.Requests.Failed == 0
		if !ok {
			continue
		}
		n := float64(s.Requests.Succeeded)
		l := level{
			name: s.Name, workers: float64(s.Load.Concurrency), context: float64(s.Tokens.Input) / n, output: float64(s.Tokens.Output) / n,
			ttft: *ttft.Mean * 1e6, e2e: *e2e.Mean * 1e6,
		}
		l.input = l.context - float64(s.Tokens.Cached)/n
		if s.Throughput.RequestsPerS != nil {
			l.rate = *s.Throughput.RequestsPerS
		}
		if l.output > 1 {
			out = append(out, l)
		}
	}
	return out
}

// spread is how many lengths of prompts there are, a tenth apart, the highest concurrency, and whether there is one of 1.
func spread(levels []level) (lengths int, most float64, single bool) {
	last := 0.0
	byLength := slices.Clone(levels)
	slices.SortFunc(byLength, func(a, b level) int { return cmp.Compare(a.context, b.context) })
	for _, l := range byLength {
		if l.context > 1.1*last {
			lengths, last = lengths+1, l.context
		}
		most, single = max(most, l.workers), single || l.workers == 1
	}
	return lengths, most, single
}

// unqueued leaves out the levels with more workers than the server has places: their requests queue, which the model does
// not describe. Such a level has a TTFT far above that of the prompts before it, and tells the number of places.
func (f *Fit) unqueued(levels []level, withKV bool) []level {
	var m Fit
	base := slices.DeleteFunc(slices.Clone(levels), func(l level) bool { return l.workers > 4 })
	m.solve(base, withKV)
	kept := levels[:0:0]
	for _, l := range levels {
		step := m.C0 + m.Decode*l.workers + m.KV*l.workers*(l.context+l.output/2)
		if queue := 3*step + l.workers*m.Prefill*l.input + m.Overhead; l.workers > 4 && l.ttft > queue && l.ttft > 0.1*l.e2e {
			running := int(math.Round(l.rate * (l.e2e - l.ttft) / 1e9))
			f.warn("%s is left out: its requests queue, with about %d running at once", l.name, running)
			f.Slots = max(f.Slots, running)
			continue
		}
		kept = append(kept, l)
	}
	return kept
}

// solve finds the parameters by least squares. One that comes out below zero is set to zero and the others are found again.
// A level counts the less the more of its time the prompts of others take by the solution before: prompts that fill steps
// come in groups, which the closed form above does not know.
func (f *Fit) solve(levels []level, withKV bool) {
	before := f.Prefill
	f.Points = pointsOf(levels)
	weights := make([]float64, len(f.Points))
	for i, p := range f.Points {
		weights[i] = 1
		if p.What == "e2e" {
			weights[i] = math.Pow(max(0.1, 1-before*p.row[1]/p.Measured), 2)
		}
	}
	free := []int{0, 1, 2, 3, 4}
	free = slices.DeleteFunc(free, func(k int) bool { // of what never occurs, no cost can be told
		return k == 3 && !withKV || !slices.ContainsFunc(f.Points, func(p Point) bool { return p.row[k] > 0 })
	})
	var x, se [5]float64
	for len(free) > 0 {
		a, b := mat.NewDense(len(f.Points), len(free), nil), mat.NewVecDense(len(f.Points), nil)
		for i, p := range f.Points {
			for j, k := range free {
				a.Set(i, j, weights[i]*p.row[k]/p.Measured*unitOf[k])
			}
			b.SetVec(i, weights[i])
		}
		var found mat.VecDense
		_ = found.SolveVec(a, b) // a bad condition is told by the residuals and by spread
		x = [5]float64{}
		worst := -1
		for j, k := range free {
			x[k] = found.AtVec(j) * unitOf[k]
			if x[k] < 0 && (worst < 0 || x[k]/unitOf[k] < x[free[worst]]/unitOf[free[worst]]) {
				worst = j
			}
		}
		if worst < 0 {
			se = standardErrors(a, b, &found, free)
			break
		}
		free = slices.Delete(free, worst, worst+1)
	}
	f.C0, f.Prefill, f.Decode, f.KV, f.Overhead = x[0], x[1], x[2], x[3], x[4]
	f.Errors = Model{C0: se[0], Prefill: se[1], Decode: se[2], KV: se[3], Overhead: se[4]}
	for i := range f.Points {
		f.Points[i].Fitted = 0
		for k, v := range x {
			f.Points[i].Fitted += f.Points[i].row[k] * v
		}
	}
}

// standardErrors are those of ordinary least squares: the residuals' variance times the inverse of the normal matrix.
func standardErrors(a *mat.Dense, b, x *mat.VecDense, free []int) (se [5]float64) {
	rows, columns := a.Dims()
	var residual mat.VecDense
	residual.MulVec(a, x)
	residual.SubVec(b, &residual)
	var normal, inverse mat.Dense
	normal.Mul(a.T(), a)
	if inverse.Inverse(&normal) != nil || rows <= columns {
		return se
	}
	variance := mat.Dot(&residual, &residual) / float64(rows-columns)
	for j, k := range free {
		se[k] = math.Sqrt(variance*inverse.At(j, j)) * unitOf[k]
	}
	return se
}

// unitOf scales the columns to like sizes.
var unitOf = [5]float64{1e6, 1e4, 1e4, 1e2, 1e6}

func pointsOf(levels []level) (out []Point) {
	for _, l := range levels {
		waits, n := 1.0, l.workers
		if n == 1 {
			waits = 0
			out = append(out, Point{Stage: l.name, What: "ttft", Measured: l.ttft, row: [5]float64{1, l.input, 0, 0, 1}})
		}
		out = append(out, Point{
			Stage: l.name, What: "e2e", Measured: l.e2e,
			row: [5]float64{l.output + waits, n * l.input, n * (l.output - 1), n * (l.output - 1) * (l.context + l.output/2), 1},
		})
	}
	return out
}

// judge says where the model does not describe the stages.
func (f *Fit) judge() {
	const muchRMS, muchOne, vague = 0.05, 0.15, 0.2
	for _, p := range f.parameters() {
		if p.ns > 0 && p.se > vague*p.ns && p.name != overheadName {
			f.warn("%s is vague: its standard error is %.0f%% of it; more requests, or prompts and concurrencies further apart, tell it better", p.name, 100*p.se/p.ns)
		}
	}
	sum := 0.0
	for _, p := range f.Points {
		off := p.Fitted/p.Measured - 1
		sum += off * off
		if math.Abs(off) > muchOne {
			f.warn("%s: the model's mean %s is %+.0f%% off", p.Stage, p.What, 100*off)
		}
	}
	if f.RMS = math.Sqrt(sum / float64(len(f.Points))); f.RMS > muchRMS {
		f.warn("the model does not fit: its means are %.0f%% off (root mean square); a plan made with it would be as wrong, or worse", 100*f.RMS)
	}
}

const overheadName = "overhead of a request"

type parameter struct {
	name   string
	ns, se float64
}

func (f *Fit) parameters() []parameter {
	return []parameter{
		{"c0", f.C0, f.Errors.C0},
		{"prefill_per_token", f.Prefill, f.Errors.Prefill},
		{"decode_per_seq", f.Decode, f.Errors.Decode},
		{"kv_per_token", f.KV, f.Errors.KV},
		{overheadName, f.Overhead, f.Errors.Overhead},
	}
}

// SaturationRate is what the model keeps up with, in requests a second of a shape, with so many sequences at once.
func (m Model) SaturationRate(in, out float64, slots int) float64 {
	work := m.Prefill*in + (out-1)*(m.Decode+m.KV*(in+out/2))
	return 1e9 / (work + m.C0*out/float64(slots))
}

// Reshaped scales an answer to requests of other lengths: by how the fitted model's saturation changes, which is what the
// capacity changes by where the SLO is left with the same share of it. That is a guess, and Why says so.
func (a Answer) Reshaped(f Fit, in, out float64) (Answer, error) {
	was, e := [2]float64{}, a.Estimate
	if was[0], was[1] = a.tokens(); e == nil || was[1] < 1 {
		return Answer{}, fmt.Errorf("no capacity was found that could be scaled (%s)", a.State)
	}
	slots := f.Slots
	if slots == 0 {
		slots = defaultSlots
	}
	by := f.SaturationRate(in, out, slots) / f.SaturationRate(was[0], was[1], slots)
	scaled := a
	scaled.Estimate = &Estimate{Rate: e.Rate * by, Lo: e.Lo * by, Hi: e.Hi * by, Binding: e.Binding, Sure: e.Sure}
	scaled.Probes, scaled.Confirm = nil, Confirmation{}
	scaled.Why = fmt.Sprintf("scaled by %.3g, as the fitted model's saturation changes from %.0f/%.0f; measure it before relying on it", by, was[0], was[1])
	return scaled, nil
}

// defaultSlots is how many sequences are taken to run at once where the sweep did not reach the server's own limit.
const defaultSlots = 64
