package scenarios

import (
	"math"
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
	endedBy  string
}

// Schedule starts the stage's arrivals from the first.
func (s *Stage) Schedule() *Schedule { return &Schedule{stage: s, pacer: s.pacer(), from: -1} }

// Next returns the next arrival of the shard. In a closed loop it is intended when a worker asks for it, elapsed after the
// stage's start, and false says that there is no more work. An open loop ignores elapsed and ends only when its clock
// overflows, after 292 years: past the measured arrivals it yields Tail, so that the measured ones finish on a server that is
// still loaded.
func (s *Schedule) Next(elapsed time.Duration) (Arrival, bool) {
	for {
		// Every shard walks over the arrivals of all, so that each has its place, its prompts and its phase from the whole.
		if a, ok := s.next(elapsed); !ok || s.stage.owns(a.Index) {
			return a, ok
		}
	}
}

func (s *Schedule) next(elapsed time.Duration) (Arrival, bool) {
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
	case s.from < 0 && (a.At < s.stage.Warmup.Duration || s.stage.midRound(a.Index)):
		a.Warmup = true
		return math.MaxInt
	case s.from < 0:
		s.from = a.At
	}
	switch {
	case s.endedBy != "":
		return 0
	case s.stage.Duration > 0 && a.At-s.from >= s.stage.Duration:
		s.endedBy = "duration"
		return 0
	case s.stage.Requests == 0:
		return math.MaxInt
	case s.stage.Requests == s.measured:
		s.endedBy = "requests"
	}
	return s.stage.Requests - s.measured
}

// EndedBy is what ended the measured arrivals: requests or duration; empty while there are more.
func (s *Schedule) EndedBy() string { return s.endedBy }

func (s *Schedule) advance(a Arrival) {
	s.at = a.At
	s.index++
	s.prompts += int64(a.Size)
	if !a.Warmup && !a.Tail {
		s.measured += a.Size
	}
}
