package capacity

import (
	"math"
	"slices"
	"time"
)

// Probe is one stage to run: Poisson arrivals at Rate, Requests of them measured after Warmup.
type Probe struct {
	Kind     Kind          `json:"kind"`
	Rate     float64       `json:"rate_per_s"`
	Requests int           `json:"requests"`
	Warmup   time.Duration `json:"warmup_ns"`
	// StopSaturated ends the probe as soon as saturation is evident: more of it would say nothing more.
	StopSaturated bool `json:"stop_saturated,omitempty"`
}

// Kind is what a probe is for.
type Kind string

// The kinds, in order of their use.
const (
	Bracket Kind = "bracket" // doubling, or down by four, until one rate holds and one breaks
	Refine  Kind = "refine"  // between the two
	Hold    Kind = "hold"    // confirmation at 0.95 of the answer: must hold
	Break   Kind = "break"   // at 1.1: must break
)

// Confirmation's rates, as parts of the answer.
const (
	holdAt        = 0.95
	breakAt       = 1.1
	confirmations = 2
)

// Bounds is what a search may use. A zero is the default, or no bound where there is none.
type Bounds struct {
	Start     float64                             // first rate; 1/s
	MaxRate   float64                             // 1,000,000/s
	Stages    int                                 // confirmation included; 15
	Time      time.Duration                       // of all stages together, less what they take to drain
	Tokens    int64                               // input and output
	USD       float64                             // with Cost
	Cost      func(input, output float64) float64 // of tokens, in US dollars
	Precision float64                             // half of the interval / the rate, at which refining ends; 0.03
	Request   time.Duration                       // what one request takes alone; 0 where it is not known
}

func (b Bounds) withDefaults() Bounds {
	if b.MaxRate <= 0 {
		b.MaxRate = 1e6
	}
	if b.Start <= 0 {
		b.Start = 1
	}
	if b.Stages <= 0 {
		b.Stages = 15
	}
	if b.Precision <= 0 {
		b.Precision = 0.03
	}
	b.Start = min(b.Start, b.MaxRate)
	return b
}

// Search looks for the highest rate inside the SLO. Call Next, run the probe, give Observe what it showed, until Next has
// no more; Answer may be asked at any time.
type Search struct {
	SLO    SLO
	Bounds Bounds

	obs   []Observation
	spent Spent
	found *Estimate // once refining has ended
	end   ending
}

// ending is why there are no more probes.
type ending struct {
	state State
	why   string
}

// Spent is what a search used.
type Spent struct {
	Stages  int     `json:"stages"`
	Seconds float64 `json:"seconds"`
	Tokens  float64 `json:"tokens"`
	USD     float64 `json:"usd,omitempty"`
}

// Observe takes in what the last probe showed.
func (s *Search) Observe(o Observation) {
	s.obs = append(s.obs, o)
	sent := float64(o.Issued) + o.Warmup.Seconds()*o.Rate
	s.spent.Stages++
	s.spent.Seconds += o.Seconds + o.Warmup.Seconds()
	s.spent.Tokens += sent * (o.Input + o.Output)
	if s.Bounds.Cost != nil {
		s.spent.USD += sent * s.Bounds.Cost(o.Input, o.Output)
	}
}

// End ends the search from outside, such as by an interrupt, with what it was.
func (s *Search) End(why string) { s.end = ending{Undecided, why} }

// Next is the probe to run now; false when there is none left.
func (s *Search) Next() (Probe, bool) {
	s.Bounds = s.Bounds.withDefaults()
	if s.end.why != "" {
		return Probe{}, false
	}
	p, end := s.next()
	if end.why == "" {
		p, end = s.afford(p)
	}
	s.end = end
	return p, end.why == ""
}

func (s *Search) next() (Probe, ending) {
	n := len(s.obs)
	switch {
	case n == 0:
		return s.coarse(s.Bounds.Start), ending{}
	case s.found != nil:
		return s.confirm()
	case s.obs[n-1].Failed == s.obs[n-1].Issued && s.obs[n-1].Issued > 0:
		if held, _ := s.bracket(); held == 0 {
			return Probe{}, ending{NothingHolds, "no request succeeded"}
		}
	case n > 1 && s.obs[n-1].Spoiled != "" && s.obs[n-2].Spoiled != "":
		return Probe{}, ending{Undecided, "two probes in a row say nothing of the server: " + s.obs[n-1].Spoiled}
	}
	held, broken := s.bracket()
	steady, need, from := s.steadyFailures()
	switch {
	case steady.why != "":
		return Probe{}, steady
	case need > 0:
		rate := Round(from / 4)
		return s.within(Probe{Kind: Bracket, Rate: rate, Requests: need, Warmup: s.warmup(rate)})
	case math.IsInf(broken, 1):
		return s.up(held)
	case held == 0:
		return s.down(broken)
	}
	return s.refine(broken)
}

// within keeps a probe inside the bound on stages.
func (s *Search) within(p Probe) (Probe, ending) {
	if len(s.obs) >= s.Bounds.Stages {
		return Probe{}, ending{Undecided, "the bound on stages is used up"}
	}
	return p, ending{}
}

// afford shortens a probe to what is left of the bounds, or says which is used up.
func (s *Search) afford(p Probe) (Probe, ending) {
	const fewest = 12
	var last Observation
	if n := len(s.obs); n > 0 {
		last = s.obs[n-1]
	}
	cost := 0.0
	if s.Bounds.Cost != nil {
		cost = s.Bounds.Cost(last.Input, last.Output)
	}
	warm := p.Warmup.Seconds() * p.Rate
	for _, b := range []struct {
		name              string
		bound, used, each float64
	}{
		{"time", s.Bounds.Time.Seconds(), s.spent.Seconds, 1 / p.Rate},
		{"tokens", float64(s.Bounds.Tokens), s.spent.Tokens, last.Input + last.Output},
		{"dollars", s.Bounds.USD, s.spent.USD, cost},
	} {
		if b.bound <= 0 || b.each <= 0 {
			continue
		}
		left := b.bound - b.used
		if p.Kind == Hold {
			left /= 2 // the other half is for Break
		}
		if can := int(left/b.each - warm); can < p.Requests {
			p.Requests = can
			if can < fewest {
				return p, ending{Undecided, "the bound on " + b.name + " is used up"}
			}
		}
	}
	return p, ending{}
}

// bracket is the lowest rate that breaks, infinity where there is none, and the highest below it that does not, 0 likewise.
func (s *Search) bracket() (held, broken float64) {
	broken = math.Inf(1)
	for _, o := range s.counting() {
		if o.breaks() {
			broken = min(broken, o.Rate)
		}
	}
	for _, o := range s.obs {
		if o.Spoiled == "" && o.Rate < broken {
			held = max(held, o.Rate)
		}
	}
	return held, broken
}

// counting leaves out the short probes that broke by their luck: at a rate no lower, one that was much longer did not.
func (s *Search) counting() (out []Observation) {
	const longer = 4
	for _, o := range s.obs {
		overruled := o.breaks() && slices.ContainsFunc(s.obs, func(l Observation) bool {
			return l.Spoiled == "" && l.Rate >= o.Rate && l.Issued >= longer*o.Issued && !l.breaks()
		})
		if !overruled {
			out = append(out, o)
		}
	}
	return out
}
