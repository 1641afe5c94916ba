package capacity

import (
	"fmt"
	"math"
	"time"
)

// up goes on while every rate holds: by four while a request takes as long as it did at first, else by two.
func (s *Search) up(held float64) (Probe, ending) {
	if held >= s.Bounds.MaxRate {
		return Probe{}, ending{Beyond, fmt.Sprintf("%.4g/s, the bound on the rate, holds", held)}
	}
	factor := 2.0
	if last := s.at(held); len(s.obs) < 2 || last.MeanS < 1.15*s.obs[0].MeanS {
		factor = 4
	}
	next := min(Round(max(held, s.Bounds.Start/4)*factor), s.Bounds.MaxRate)
	p := s.coarse(next)
	if next == s.Bounds.MaxRate { // the last word, so it must be one
		p.Requests = s.full()
	}
	return s.within(p)
}

// down goes on while every rate breaks, until requests hardly meet each other: below that nothing gets better.
func (s *Search) down(broken float64) (Probe, ending) {
	const alone, most = 0.25, 5
	o := s.at(broken)
	switch {
	case o.Rate*o.MeanS <= alone && o.Failed == 0:
		return Probe{}, ending{NothingHolds, fmt.Sprintf("%s even at %.3g/s, where requests hardly meet each other", o.worst(), o.Rate)}
	case len(s.obs) >= most:
		return Probe{}, ending{NothingHolds, fmt.Sprintf("%s down to %.3g/s, and lower rates were not tried", o.worst(), o.Rate)}
	}
	return s.within(s.coarse(Round(broken / 4)))
}

// worst says how the term that is furthest outside broke.
func (o *Observation) worst() string {
	text, most := "the server does not keep up", 0.0
	for _, s := range o.Scores {
		if above := s.above(); above > most {
			text, most = s.broke(), above
		}
	}
	return text
}

func (s *Score) broke() string {
	if s.Allowed == 0 {
		return fmt.Sprintf("%s is broken: it is %s", s.Term, time.Duration(s.ValueNS).Round(time.Microsecond))
	}
	return fmt.Sprintf("%s is broken: %.3g%% were outside, %.3g%% may be", s.Term, 100*s.Outside/s.Of, 100*s.Allowed)
}

// at is the last probe of a rate.
func (s *Search) at(rate float64) (last Observation) {
	for _, o := range s.obs {
		if o.Rate == rate {
			last = o
		}
	}
	return last
}

// steadyFailures finds a server whose requests fail as often at a quarter of a rate as at it, and more often than the SLO
// allows: no rate is the answer then. need is how many requests at a quarter, of the rate from, would tell.
func (s *Search) steadyFailures() (steady ending, need int, from float64) {
	o, allowed := s.failing()
	if o == nil {
		return ending{}, 0, 0
	}
	share := float64(o.Failed) / float64(o.Issued)
	failed, issued := 0.0, 0.0
	for _, l := range s.obs {
		if l.Spoiled == "" && l.Rate <= o.Rate/3 {
			failed, issued = failed+float64(l.Failed), issued+float64(l.Issued)
		}
	}
	const expected = 12 // failures that would be seen, if they are steady
	if want := int(math.Ceil(expected / share)); issued < float64(want) {
		return ending{}, want - int(issued), o.Rate
	}
	if !beyond(failed, issued, allowed) || failed/issued < share/2 {
		return ending{}, 0, 0
	}
	return ending{Flaky, fmt.Sprintf("%.3g%% of requests fail at %.3g/s, and %.3g%% at a third of it or less; the SLO allows %.3g%%, whatever the rate",
		100*share, o.Rate, 100*failed/issued, 100*allowed)}, 0, 0
}

// failing is the probe of the highest rate whose failures alone break a term, where the server still keeps up, and the
// share of them that is allowed.
func (s *Search) failing() (worst *Observation, allowed float64) {
	for i := range s.obs {
		o := &s.obs[i]
		share, counted := o.failuresAllowed()
		if !counted || o.Spoiled != "" || o.Saturated || !beyond(float64(o.Failed), float64(o.Issued), share) {
			continue
		}
		if worst == nil || o.Rate > worst.Rate {
			worst, allowed = o, share
		}
	}
	return worst, allowed
}

// failuresAllowed is the least share of failures that breaks a term on its own.
func (o *Observation) failuresAllowed() (share float64, ok bool) {
	share = 1
	for _, s := range o.Scores {
		if s.Allowed > 0 && s.Failed > 0 {
			share, ok = min(share, s.Allowed), true
		}
	}
	return share, ok
}

// beyond reports whether k of n is more than a share, by more than luck.
func beyond(k, n, share float64) bool {
	return k > share*n+surely*math.Sqrt(share*(1-share)*n)
}

// surely is how many standard errors outside a probe counts as broken: one in twenty is by luck.
const surely = 1.64

// breaks reports whether the probe is outside the SLO by more than its luck.
func (o *Observation) breaks() bool {
	if o.Spoiled != "" {
		return false
	}
	for _, s := range o.Scores {
		if s.above() > surely {
			return true
		}
	}
	return o.Saturated
}

// outside reports whether the probe's own figures are outside the SLO, as a threshold on them would be.
func (o *Observation) outside() bool {
	for _, s := range o.Scores {
		if s.above() > 0 {
			return true
		}
	}
	return o.Saturated
}

// above is by how many standard errors a score is outside what is allowed.
func (s *Score) above() float64 {
	if s.Allowed == 0 {
		return (s.ValueNS - s.LimitNS) / max(s.ErrorNS, 1e-3*s.LimitNS)
	}
	allowed := s.Allowed * s.Of
	return (s.Outside - allowed) / math.Sqrt(max(1e-9, allowed*(1-s.Allowed)*max(1, s.Dispersion)))
}

// refine probes at the middle of the belief, and once that is narrow at its quarters too, which tells the slope.
func (s *Search) refine(broken float64) (Probe, ending) {
	b := s.believe(broken)
	lo, hi := b.quantile(0.025), b.quantile(0.975)
	if (hi-lo)/2 <= s.Bounds.Precision || len(s.obs) >= s.Bounds.Stages-confirmations || s.short(broken) {
		return s.settle(b)
	}
	const wide = 0.3
	at := b.quantile(0.5)
	if hi-lo < wide {
		at = b.quantile([]float64{0.5, 0.25, 0.75}[s.refined()%3])
	}
	if b.binding[len(b.binding)-1] > 0.5 && s.refined()%2 == 0 {
		at = b.limit + math.Log(breakAt) // saturation binds: what a saturated server serves is its limit
	}
	rate := Round(math.Exp(at))
	return Probe{Kind: Refine, Rate: rate, Requests: s.full(), Warmup: s.warmup(rate)}, ending{}
}

// settle ends the refining with what is believed, if that is narrow enough to be called an answer.
func (s *Search) settle(b belief) (Probe, ending) {
	const most = 0.25 // half of the interval, in the log of the rate
	e := b.estimate(s.obs)
	if math.Log(e.Hi/e.Lo)/2 > most {
		return Probe{}, ending{Undecided, fmt.Sprintf("the bounds ended the search between %.3g/s and %.3g/s, too wide to be an answer", e.Lo, e.Hi)}
	}
	s.found = e
	return s.confirm()
}

func (s *Search) refined() (n int) {
	for _, o := range s.obs {
		n += int(count(o.Kind == Refine))
	}
	return n
}

// short reports whether what is left of the time is needed to confirm.
func (s *Search) short(broken float64) bool {
	if s.Bounds.Time <= 0 {
		return false
	}
	left, all := s.Bounds.Time.Seconds()-s.spent.Seconds, s.Bounds.Time.Seconds()
	return left < min(all/3, 2*longer*float64(s.full())/broken)
}

func (s *Search) believe(broken float64) belief {
	lowest := broken
	for _, o := range s.obs {
		lowest = min(lowest, o.Rate)
	}
	return believe(s.counting(), math.Log(lowest/2), math.Log(broken*1.3))
}

// longer is how many times as long as a probe a confirming one is.
const longer = 3

// confirm runs longer at 0.95 and at 1.1 of the answer.
func (s *Search) confirm() (Probe, ending) {
	done := map[Kind]bool{}
	for _, o := range s.obs {
		done[o.Kind] = true
	}
	for _, c := range []struct {
		kind Kind
		of   float64
	}{{Hold, holdAt}, {Break, breakAt}} {
		if rate := Round(s.found.Rate * c.of); !done[c.kind] {
			return s.within(Probe{Kind: c.kind, Rate: rate, Requests: longer * s.full(), Warmup: s.warmup(rate)})
		}
	}
	return Probe{}, ending{Found, "found"}
}

// coarse is a short probe, to see on which side a rate lies.
func (s *Search) coarse(rate float64) Probe {
	const most, share, fewest = 20, 9, 16
	seconds := float64(most)
	if t := s.Bounds.Time.Seconds(); t > 0 {
		seconds = min(seconds, t/share) // most of the time is for what comes after
	}
	n := min(s.full(), max(fewest, int(rate*seconds)))
	return Probe{Kind: Bracket, Rate: rate, Requests: n, Warmup: s.warmup(rate), StopSaturated: true}
}

// full is how many requests a probe near the answer takes: so many that 25 are outside at the limit, which is also far more
// than the quantile needs to be resolved at all.
func (s *Search) full() int {
	const outside, fewest = 25, 1200
	n := fewest
	for _, t := range s.SLO.terms() {
		if t.miss > 0 {
			n = max(n, int(math.Ceil(outside/t.miss)))
		}
	}
	return n
}

// warmup lets a probe's first requests end five times over: from empty, a queue takes longer to fill than a request lasts.
func (s *Search) warmup(rate float64) time.Duration {
	seconds := s.Bounds.Request.Seconds()
	for _, o := range s.obs {
		if o.Rate <= rate && !o.Saturated {
			seconds = max(seconds, o.MeanS)
		}
	}
	return max(time.Second, time.Duration(5*seconds*float64(time.Second))).Round(100 * time.Millisecond)
}

// Round keeps three digits of a rate.
func Round(rate float64) float64 {
	scale := math.Pow(10, 2-math.Floor(math.Log10(rate)))
	return math.Round(rate*scale) / scale
}
