package scenarios

import (
	"math"
	"math/rand/v2"
	"sort"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// The pacers fit vegeta.Pacer, the field's contract: how long to wait, given the time elapsed and the hits so far. A
// Schedule runs them on a virtual clock, so no wall time enters. vegeta's own are not used: ConstantPacer fires first after
// one interval and truncates intervals to whole nanoseconds, 24 ms a minute at 600,000/s; LinearPacer is 0.76 s off on a
// ramp from 1/s by 1/s each second.

// pacer is the stage's process; nil in a closed loop.
func (s *Stage) pacer() vegeta.Pacer {
	rate, seed := float64(s.Rate), mix(s.seed, 0xa221)
	switch p := s.process; {
	case !s.Open():
		return nil
	case p.kind == "constant":
		return constant(rate)
	case p.kind == "gamma":
		return gamma{rate, p.burstiness, seed}
	case p.kind == "ramp":
		from, to := float64(p.steps[0].rate), float64(p.steps[1].rate)
		return piecewise(from, s.warmUntil(from), []line{{from: from, to: to, takes: s.Duration.Seconds()}})
	case p.kind == "steps":
		lines := make([]line, len(p.steps))
		for i, one := range p.steps {
			lines[i] = line{from: float64(one.rate), to: float64(one.rate), takes: one.hold.Seconds()}
		}
		return piecewise(lines[0].from, s.warmUntil(lines[0].from), lines)
	case p.kind == "trace":
		return replay{s.trace, p.speed}
	}
	return poisson{rate, seed}
}

// due turns a moment in nanoseconds into what is left to wait for it. Past 292 years there is no clock.
func due(at float64, elapsed time.Duration) (time.Duration, bool) {
	if at = math.Round(at); at >= math.MaxInt64 {
		return 0, true
	}
	return max(0, time.Duration(at)-elapsed), false
}

// constant spaces arrivals equally, the first at zero.
type constant float64

func (c constant) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	return due(float64(hits)*float64(time.Second)/float64(c), elapsed)
}

func (c constant) Rate(time.Duration) float64 { return float64(c) }

// poisson draws exponential gaps. Each gap depends on seed and index alone, so that arrival i is the same whoever asks.
type poisson struct {
	rate float64
	seed uint64
}

func (p poisson) Pace(_ time.Duration, hits uint64) (time.Duration, bool) {
	r := rand.New(rand.NewPCG(p.seed, hits))
	// Rounded, since cutting off half a nanosecond a gap would speed up 1,000,000/s by a part in two thousand.
	return due(r.ExpFloat64()/p.rate*float64(time.Second), 0)
}

func (p poisson) Rate(time.Duration) float64 { return p.rate }

// gamma draws gaps from a gamma distribution with the given shape and the rate's mean: their coefficient of variation is
// 1/sqrt(shape). It is what vLLM's benchmark calls burstiness.
type gamma struct {
	rate, shape float64
	seed        uint64
}

func (g gamma) Pace(_ time.Duration, hits uint64) (time.Duration, bool) {
	r := rand.New(rand.NewPCG(g.seed, hits))
	return due(gammaFloat64(r, g.shape)/(g.shape*g.rate)*float64(time.Second), 0)
}

func (g gamma) Rate(time.Duration) float64 { return g.rate }

// gammaFloat64 draws from the gamma distribution of a shape and scale 1 (Marsaglia and Tsang, A Simple Method for
// Generating Gamma Variables, ACM TOMS 26, 2000; a shape below 1 by its section 6).
func gammaFloat64(r *rand.Rand, shape float64) float64 {
	boost := 1.0
	if shape < 1 {
		boost = math.Pow(1-r.Float64(), 1/shape)
		shape++
	}
	d := shape - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		if math.Log(1-r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return boost * d * v
		}
	}
}

// line is a rate that goes evenly from one value to another. It begins after `after` seconds, with `before` arrivals past.
type line struct {
	from, to, takes float64
	after, before   float64
}

// lines put arrival n where the integral of the rate is n. The last rate goes on for ever.
type lines []line

// piecewise holds the first rate for a warm-up of so many seconds, and then follows the lines.
func piecewise(first, warm float64, then []line) lines {
	out := append(lines{{from: first, to: first, takes: warm}}, then...)
	last := out[len(out)-1].to
	out = append(out, line{from: last, to: last, takes: math.Inf(1)})
	for i := 1; i < len(out); i++ {
		p := out[i-1]
		out[i].after, out[i].before = p.after+p.takes, p.before+(p.from+p.to)/2*p.takes
	}
	return out
}

func (ls lines) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	n := float64(hits)
	l := ls[sort.Search(len(ls)-1, func(i int) bool { return ls[i+1].before > n })]
	// The root of from x + (to - from)/(2 takes) x² = m, in the form that divides by no small number.
	m := n - l.before
	x := 2 * m / (l.from + math.Sqrt(max(0, l.from*l.from+2*(l.to-l.from)/l.takes*m)))
	return due((l.after+x)*float64(time.Second), elapsed)
}

func (ls lines) Rate(elapsed time.Duration) float64 {
	t := elapsed.Seconds()
	l := ls[sort.Search(len(ls)-1, func(i int) bool { return ls[i+1].after > t })]
	return l.from + (l.to-l.from)/l.takes*(t-l.after)
}

// warmUntil is when the first measured arrival comes, in seconds, if arrivals come at an even rate until then.
func (s *Stage) warmUntil(rate float64) float64 {
	n := math.Floor(rate * s.Warmup.Duration.Seconds())
	for {
		if at, _ := due(n/rate*float64(time.Second), 0); at >= s.Warmup.Duration {
			break
		}
		n++
	}
	return max(n, math.Ceil(float64(s.Warmup.Requests)/float64(s.BatchSize))) / rate
}

// replay follows a trace, and begins again when it has run out.
type replay struct {
	*trace
	speed float64
}

func (r replay) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	lap, i := hits/uint64(len(r.requests)), hits%uint64(len(r.requests))
	return due((float64(lap)*r.lap()+float64(r.requests[i].at))/r.speed, elapsed)
}

func (r replay) Rate(time.Duration) float64 { return r.rate() * r.speed }

var _ = []vegeta.Pacer{constant(0), poisson{}, gamma{}, lines{}, replay{}}
