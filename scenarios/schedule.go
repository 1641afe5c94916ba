package scenarios

import (
	"math"
	"math/rand/v2"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// Arrival is one unit of work in its place: Size prompts from index First on, sent as Size requests at once, as one request,
// or as the turns of a session.
type Arrival struct {
	Index  int64         // of the unit in its stage
	First  int64         // index of its first prompt
	Size   int           // prompts
	At     time.Duration // intended, from the stage's start
	Warmup bool
	Tail   bool // open loop: past the measured arrivals, sent only while those have not all finished
}

// Schedule yields a stage's arrivals in order. It is not safe for concurrent use.
type Schedule struct {
	stage *Stage
	pacer vegeta.Pacer // nil in a closed loop

	at       time.Duration // open loop: the virtual clock
	index    int64
	prompts  int64 // sent so far, warm-up included
	measured int
	from     time.Duration // first measured arrival; negative before
}

// Schedule starts the stage's arrivals from the first.
func (s *Stage) Schedule() *Schedule {
	out := &Schedule{stage: s, from: -1}
	switch {
	case !s.Open():
	case s.Arrivals == Constant:
		out.pacer = constant(s.Rate)
	default:
		out.pacer = poisson{float64(s.Rate), mix(s.seed, 0xa221)}
	}
	return out
}

// Next returns the next arrival. In a closed loop it is intended when a worker asks for it, elapsed after the stage's
// start, and false says that there is no more work. An open loop ignores elapsed and ends only when its clock overflows,
// after 292 years: past the measured arrivals it yields Tail, so that the measured ones finish on a server that is still
// loaded.
func (s *Schedule) Next(elapsed time.Duration) (Arrival, bool) {
	at := elapsed
	if s.pacer != nil {
		wait, stop := s.pacer.Pace(s.at, uint64(s.index))
		if stop || wait > math.MaxInt64-s.at {
			return Arrival{}, false
		}
		at = s.at + wait
	}
	a := Arrival{Index: s.index, First: s.prompts, At: at, Size: s.stage.size(s.index)}
	left := s.left(&a)
	if left <= 0 {
		if !s.stage.Open() {
			return Arrival{}, false
		}
		a.Tail, left = true, math.MaxInt
	}
	a.Size = min(a.Size, left)
	s.advance(a)
	return a, true
}

// left says whether an arrival is warm-up, and how many prompts its phase has left at its time.
func (s *Schedule) left(a *Arrival) int {
	switch {
	case s.prompts < int64(s.stage.Warmup.Requests):
		a.Warmup = true
		return s.stage.Warmup.Requests - int(s.prompts)
	case s.from < 0 && a.At < s.stage.Warmup.Duration:
		a.Warmup = true
		return math.MaxInt
	case s.from < 0:
		s.from = a.At
	}
	switch {
	case s.stage.Duration > 0 && a.At-s.from >= s.stage.Duration:
		return 0
	case s.stage.Requests > 0:
		return s.stage.Requests - s.measured
	}
	return math.MaxInt
}

func (s *Schedule) advance(a Arrival) {
	s.at = a.At
	s.index++
	s.prompts += int64(a.Size)
	if !a.Warmup && !a.Tail {
		s.measured += a.Size
	}
}

// The pacers below fit vegeta.Pacer, the field's contract: how long to wait, given the time elapsed and the hits so far.
// A Schedule runs them on a virtual clock, so no wall time enters. vegeta's own ConstantPacer is not used: it fires first
// after one interval and truncates intervals to whole nanoseconds, 24 ms a minute at 600,000/s.

// constant spaces arrivals equally, the first at zero.
type constant float64

func (c constant) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	due := math.Round(float64(hits) * float64(time.Second) / float64(c))
	if due >= math.MaxInt64 {
		return 0, true
	}
	return max(0, time.Duration(due)-elapsed), false
}

func (c constant) Rate(time.Duration) float64 { return float64(c) }

// poisson draws exponential gaps; gap i is a function of (seed, i) alone.
type poisson struct {
	rate float64
	seed uint64
}

func (p poisson) Pace(_ time.Duration, hits uint64) (time.Duration, bool) {
	r := rand.New(rand.NewPCG(p.seed, hits))
	// Rounded, since cutting off half a nanosecond a gap would speed up 1,000,000/s by a part in two thousand.
	return time.Duration(math.Round(r.ExpFloat64() / p.rate * float64(time.Second))), false
}

func (p poisson) Rate(time.Duration) float64 { return p.rate }

var (
	_ vegeta.Pacer = constant(0)
	_ vegeta.Pacer = poisson{}
)
