package capacity

import "math"

// Estimate is a rate in requests a second, between Lo and Hi with 95% confidence.
type Estimate struct {
	Rate    float64 `json:"rate_per_s"`
	Lo      float64 `json:"lo_per_s"`
	Hi      float64 `json:"hi_per_s"`
	Binding string  `json:"binding"` // the term that breaks first, or Saturation
	Sure    float64 `json:"sure"`    // the probability that it is this one
}

// Saturation is what binds where no term of the SLO does.
const Saturation = "saturation"

// State is what kind of answer a search has.
type State string

// The states.
const (
	Found        State = "found"
	Beyond       State = "beyond the bound" // every rate up to the bound holds
	NothingHolds State = "nothing holds"    // every rate breaks
	Flaky        State = "flaky"            // requests fail at any rate, more often than the SLO allows
	Undecided    State = "undecided"        // the bounds ended it, or probes were spoiled
)

// Answer is what a search found.
type Answer struct {
	SLO      string        `json:"slo"`
	State    State         `json:"state"`
	Why      string        `json:"why"`                // of a state other than Found, and of a confirmation that is missing
	Estimate *Estimate     `json:"estimate,omitempty"` // with Found alone
	Held     float64       `json:"held_per_s"`         // the highest rate that held below the lowest that broke; 0: none
	Broken   float64       `json:"broken_per_s"`       // the lowest rate that broke; 0: none
	Confirm  Confirmation  `json:"confirmation"`
	Probes   []Observation `json:"probes"`
	Spent    Spent         `json:"spent"`
}

// Confirmation says whether longer runs bear the answer out: null where one was not run, or was spoiled.
type Confirmation struct {
	Holds  *bool `json:"holds_at_0.95"`
	Breaks *bool `json:"breaks_at_1.1"`
}

// Confirmed reports whether both runs did as they must.
func (c Confirmation) Confirmed() bool {
	return c.Holds != nil && *c.Holds && c.Breaks != nil && *c.Breaks
}

// Refuted reports whether one of the longer runs did what it must not.
func (c Confirmation) Refuted() bool {
	return c.Holds != nil && !*c.Holds || c.Breaks != nil && !*c.Breaks
}

// Reliable reports whether a number was found and confirmed.
func (a Answer) Reliable() bool { return a.State == Found && a.Confirm.Confirmed() }

// Answer is what the probes so far say. An estimate that was settled stands, whether it could be confirmed or not.
func (s *Search) Answer() Answer {
	a := Answer{
		SLO: s.SLO.String(), State: s.end.state, Why: s.end.why, Estimate: s.found, Probes: s.obs, Spent: s.spent,
	}
	switch {
	case s.found != nil:
		if a.State == Found {
			a.Why = ""
		}
		a.State = Found
	case a.State == "":
		a.State, a.Why = Undecided, "the search was not finished"
	}
	if a.Held, a.Broken = s.bracket(); math.IsInf(a.Broken, 1) {
		a.Broken = 0
	}
	for _, o := range s.obs {
		if outside := o.outside(); o.Spoiled == "" {
			inside := !o.breaks() // what luck explains is no contradiction
			switch o.Kind {
			case Hold:
				a.Confirm.Holds = &inside
			case Break:
				a.Confirm.Breaks = &outside
			}
		}
	}
	return a
}

// Judge makes the answer that stored probes give, without more of them: to another SLO, for instance, than they were
// measured for. There is no confirmation of it.
func Judge(slo SLO, obs []Observation) Answer {
	s := &Search{SLO: slo}
	s.Bounds = s.Bounds.withDefaults()
	for _, o := range obs {
		o.Kind = Refine
		s.Observe(o)
	}
	held, broken := s.bracket()
	steady, _, _ := s.steadyFailures()
	switch {
	case len(obs) == 0:
		s.end = ending{Undecided, "there is no probe"}
	case steady.why != "":
		s.end = steady
	case math.IsInf(broken, 1):
		s.end = ending{Beyond, "every rate that was measured holds"}
	case held == 0:
		s.end = ending{NothingHolds, "every rate that was measured breaks"}
	default:
		s.Bounds.Stages = 0 // no more of them
		_, s.end = s.settle(s.believe(broken))
		if s.found != nil {
			s.end = ending{Found, "judged by stored probes, so there is no confirmation"}
		}
	}
	return s.Answer()
}

// estimate reads the answer off the belief.
func (b *belief) estimate(obs []Observation) *Estimate {
	e := &Estimate{
		Rate: math.Exp(b.quantile(0.5)), Lo: math.Exp(b.quantile(0.025)), Hi: math.Exp(b.quantile(0.975)), Binding: Saturation,
	}
	names, total := termNames(obs), 0.0
	for _, p := range b.binding {
		total += p
	}
	for j, p := range b.binding {
		if p /= max(total, 1e-9); p > e.Sure {
			e.Sure, e.Binding = p, Saturation
			if j < len(names) {
				e.Binding = names[j]
			}
		}
	}
	return e
}

func termNames(obs []Observation) (names []string) {
	for _, o := range obs {
		if len(o.Scores) > len(names) {
			names = nil
			for _, s := range o.Scores {
				names = append(names, s.Term)
			}
		}
	}
	return names
}
