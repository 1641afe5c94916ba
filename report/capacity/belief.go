package capacity

import (
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/llmload/llmload/internal/metric"
)

// belief is what the probes say of the capacity: a distribution over the logarithm of the rate.
//
// The capacity is the least of what each term of the SLO allows and of what the server keeps up with. Of a term, the share
// outside is taken to be logistic in the log of the rate near its crossing, with a slope that the probes tell; a probe
// further off only says on which side the crossing lies. Requests of a probe cluster, a queue being there or not, so its
// counts are divided by their dispersion (quasi-likelihood, McCullagh and Nelder, Generalized Linear Models, ch. 9).
type belief struct {
	x       []float64 // log rates, in order
	cdf     []float64
	limit   float64   // what the server keeps up with, its middle
	binding []float64 // of each term, then of saturation: the probability that it is what binds
}

const (
	gridPoints = 240
	slopes     = 20
	leastSlope = 2.0   // of the logit in the log of the rate: open loops at low load
	mostSlope  = 200.0 // a queue that appears within per cents
	excluded   = 8.0   // a log-likelihood that leaves nothing
	freedom    = 1.5   // what it costs a probe to have a share of its own
	near       = 0.25  // in the log of the rate: where the logistic is trusted
)

// believe evaluates the probes between two log rates.
func believe(obs []Observation, lo, hi float64) belief {
	obs = withoutFloor(obs)
	b := grid(obs, lo, hi)
	// Once more where the mass is: a grid over decades is too coarse for per cents.
	step := (hi - lo) / (gridPoints - 1)
	lo, hi = max(lo, b.quantile(0.0005)-2*step), min(hi, b.quantile(0.9995)+2*step)
	return grid(obs, lo, hi)
}

// withoutFloor takes out of the scores what fails at every rate: the logistic would take it for a gentle slope. Of a term
// that counts failures alone nothing is taken.
func withoutFloor(obs []Observation) []Observation {
	failed, issued := 0.0, 0.0
	for _, o := range obs {
		if o.Spoiled == "" && !o.breaks() {
			failed, issued = failed+float64(o.Failed), issued+float64(o.Issued)
		}
	}
	const least = 5 // failures, fewer are chance
	if failed < least {
		return obs
	}
	floor := failed / issued
	out := slices.Clone(obs)
	for i := range out {
		out[i].Scores = slices.Clone(obs[i].Scores)
		for j := range out[i].Scores {
			if s := &out[i].Scores[j]; s.Failed > 0 && s.Allowed > floor && !s.countsFailures() {
				s.Outside, s.Of = max(0, s.Outside-floor*s.Of), s.Of*(1-floor)
				s.Allowed = (s.Allowed - floor) / (1 - floor)
			}
		}
	}
	return out
}

func (s *Score) countsFailures() bool {
	return strings.HasPrefix(s.Term, string(metric.SuccessRate)) || strings.HasPrefix(s.Term, string(metric.ErrorRate))
}

func grid(obs []Observation, lo, hi float64) belief {
	b := belief{x: make([]float64, gridPoints)}
	for i := range b.x {
		b.x[i] = lo + (hi-lo)*float64(i)/(gridPoints-1)
	}
	var survivals [][]float64
	for j := range terms(obs) {
		if !everOutside(obs, j) { // so it is not what breaks
			survivals = append(survivals, slices.Repeat([]float64{1}, len(b.x)))
			continue
		}
		survivals = append(survivals, survival(density(obs, j, b.x)))
	}
	keeps := keepsUpTo(obs, b.x)
	b.limit = median(b.x, keeps)
	b.combine(append(survivals, keeps))
	return b
}

func everOutside(obs []Observation, term int) bool {
	return slices.ContainsFunc(obs, func(o Observation) bool {
		return o.Spoiled == "" && term < len(o.Scores) && o.Scores[term].above() > 0
	})
}

// terms is how many terms the observations score.
func terms(obs []Observation) int {
	n := 0
	for _, o := range obs {
		n = max(n, len(o.Scores))
	}
	return n
}

// combine makes the distribution of the least of independent limits, and the share of each in being it.
func (b *belief) combine(survivals [][]float64) {
	b.binding = make([]float64, len(survivals))
	b.cdf = make([]float64, len(b.x))
	before := 1.0
	for i := range b.x {
		now, hazards := 1.0, make([]float64, len(survivals))
		for j, s := range survivals {
			now *= s[i]
			was := 1.0
			if i > 0 {
				was = s[i-1]
			}
			if was > 0 {
				hazards[j] = -math.Log(max(s[i]/was, 1e-12))
			}
		}
		total := 0.0
		for _, h := range hazards {
			total += h
		}
		for j, h := range hazards {
			if total > 0 {
				b.binding[j] += (before - now) * h / total
			}
		}
		b.cdf[i], before = 1-now, now
	}
}

// quantile is the log rate below which the capacity lies with probability p; the grid's end where it has less mass.
func (b *belief) quantile(p float64) float64 {
	i := sort.SearchFloat64s(b.cdf, p)
	switch {
	case i == 0:
		return b.x[0]
	case i == len(b.cdf):
		return b.x[len(b.x)-1]
	}
	part := (p - b.cdf[i-1]) / (b.cdf[i] - b.cdf[i-1])
	return b.x[i-1] + part*(b.x[i]-b.x[i-1])
}

// median is where a survival falls below a half; the grid's end where it does not.
func median(x, survival []float64) float64 {
	for i, s := range survival {
		if s < 0.5 {
			return x[i]
		}
	}
	return x[len(x)-1]
}

// survival turns a density into the probability to lie above each point.
func survival(density []float64) []float64 {
	out, total, sum := make([]float64, len(density)), 0.0, 0.0
	for _, d := range density {
		total += d
	}
	for i, d := range density {
		sum += d
		out[i] = max(0, 1-sum/total)
	}
	return out
}

// density is the belief in one term's crossing, up to a factor, over crossing and slope.
func density(obs []Observation, term int, x []float64) []float64 {
	phi := make([]float64, len(obs))
	for i, o := range obs {
		if term < len(o.Scores) {
			phi[i] = max(1, o.Scores[term].Dispersion, pooled(obs, term, o.Rate))
		}
	}
	logs := make([][slopes]float64, len(x))
	most := math.Inf(-1)
	for i, c := range x {
		for j, o := range obs {
			o.evidence(term, c, phi[j], &logs[i])
		}
		most = max(most, slices.Max(logs[i][:]))
	}
	out := make([]float64, len(x))
	for i := range logs {
		for _, l := range logs[i] {
			out[i] += math.Exp(l - most)
		}
	}
	return out
}

// evidence adds the log-likelihood of a probe where the crossing is at c, for each slope. What a saturated probe says of
// latency depends on how long it was, so it says only that the term breaks, if it does.
func (o *Observation) evidence(term int, c, phi float64, logs *[slopes]float64) {
	if o.Spoiled != "" || term >= len(o.Scores) {
		return
	}
	s, d := &o.Scores[term], math.Log(o.Offered)-c
	if s.Of == 0 {
		return
	}
	weight := math.Exp(-d * d / (2 * near * near))
	if o.Saturated || weight < 0.01 {
		weight = 0
	}
	side := s.bySide(d, phi)
	for k := range logs {
		logs[k] += (1 - weight) * (side - freedom)
		if weight > 0 {
			logs[k] += weight * s.bySlope(d, slopeList[k], phi)
		}
	}
}

// slopeList is spread evenly in the logarithm.
var slopeList = func() (list [slopes]float64) {
	for k := range list {
		list[k] = leastSlope * math.Pow(mostSlope/leastSlope, float64(k)/(slopes-1))
	}
	return list
}()

// bySide is the log-likelihood of the score d above its crossing where nothing is known but that.
func (s *Score) bySide(d, phi float64) float64 {
	if s.Allowed == 0 {
		y, se := s.logMean()
		if y*d > 0 {
			return 0
		}
		return -0.5 * y * y / (se * se)
	}
	share := min(max(s.Outside/s.Of, 1e-9), 1-1e-9)
	if d < 0 {
		share = min(share, s.Allowed)
	} else {
		share = max(share, s.Allowed)
	}
	return (s.Outside*math.Log(share) + (s.Of-s.Outside)*math.Log1p(-share)) / phi
}

// bySlope is the log-likelihood by the logistic.
func (s *Score) bySlope(d, slope, phi float64) float64 {
	if s.Allowed == 0 {
		return s.byElasticity(d, 0.1*math.Pow(slope/leastSlope, 1.5))
	}
	z := logit(s.Allowed) + slope*d
	inside := -math.Log1p(math.Exp(-math.Abs(z))) // of the likelier side
	other := inside - math.Abs(z)
	if z > 0 {
		return (s.Outside*inside + (s.Of-s.Outside)*other) / phi
	}
	return (s.Outside*other + (s.Of-s.Outside)*inside) / phi
}

// byElasticity is the log-likelihood of a mean: its logarithm is taken to rise in a line with that of the rate, a tenth as
// fast where load hardly matters and a hundred times where a queue appears. Such a curve bends, so what lies far from the
// limit is trusted to a third of its distance alone.
func (s *Score) byElasticity(d, elasticity float64) float64 {
	const bent = 1. / 3
	y, se := s.logMean()
	se = math.Hypot(se, bent*y)
	return -0.5 * math.Pow((y-elasticity*d)/se, 2)
}

// logMean is the logarithm of a mean over its limit, and its standard error.
func (s *Score) logMean() (y, se float64) {
	return math.Log(max(s.ValueNS, 1) / s.LimitNS), max(0.005, s.ErrorNS/max(s.ValueNS, 1))
}

func logit(p float64) float64 { return math.Log(p / (1 - p)) }

// pooled is the dispersion at a rate by all probes, the nearer the more: a probe alone tells its own poorly.
func pooled(obs []Observation, term int, rate float64) float64 {
	const like = 0.10 // in the log of the rate
	sum, weights := 1e-9, 1e-9
	for _, o := range obs {
		if o.Spoiled != "" || o.Saturated || term >= len(o.Scores) || o.Scores[term].Of == 0 {
			continue
		}
		d := math.Log(o.Rate / rate)
		w := math.Exp(-d*d/(2*like*like)) * o.Scores[term].Of
		sum, weights = sum+w*o.Scores[term].Dispersion, weights+w
	}
	return sum / weights
}

// keepsUpTo is the probability that the server keeps up with more than each rate. Each probe's answers a second are those
// that came, or what the server can do where that is less. Without a probe that shows it full, nothing is known.
func keepsUpTo(obs []Observation, x []float64) []float64 {
	logs := make([]float64, len(x))
	full := false
	for _, o := range obs {
		if o.Spoiled != "" {
			continue
		}
		full = full || o.Saturated
		if o.Served <= 0 { // it ended too soon to tell more than that
			for i := range x {
				if o.Saturated && x[i] > math.Log(o.Rate) {
					logs[i] -= excluded
				}
			}
			continue
		}
		se := o.servedError(obs)
		for i := range x {
			logs[i] -= 0.5 * math.Pow((o.Served-min(math.Exp(x[i]), o.Came))/se, 2)
		}
	}
	most := slices.Max(logs)
	for i := range logs {
		logs[i] = math.Exp(logs[i] - most)
	}
	if !full {
		return slices.Repeat([]float64{1}, len(x))
	}
	return survival(logs)
}

// servedError is the standard error of what a probe served: what its stretches of time show, and half a per cent for
// what they do not; more where the server still filled up.
func (o *Observation) servedError(obs []Observation) float64 {
	se := math.Hypot(o.ServedSE, 0.005*o.Served)
	if !o.Saturated {
		return se
	}
	alone := 0.0
	for _, p := range obs {
		if p.Spoiled == "" && !p.Saturated {
			alone = max(alone, p.MeanS)
		}
	}
	if o.Seconds*3/4 < 3*alone {
		return max(se, 0.1*o.Served)
	}
	return se
}
