package capacity

import (
	"errors"
	"fmt"
	"math"
	"sort"
)

// Demand is a course of load: stretches of time with their rates, in order. A peak alone is one stretch.
type Demand []Stretch

// Stretch is a rate in requests a second that is asked for over a time.
type Stretch struct {
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate_per_s"`
}

// DemandOf counts arrivals, given in seconds and in order, over windows of a length. What is left at the end counts over its
// own length, unless it is under half a window: a few arrivals would then make a peak.
func DemandOf(arrivals []float64, window float64) (out Demand) {
	if len(arrivals) == 0 || window <= 0 {
		return nil
	}
	first, rest := arrivals[0], arrivals
	span := arrivals[len(arrivals)-1] - first
	for from := 0.0; len(out) == 0 || span-from >= window/2; from = window * float64(len(out)) {
		length := min(window, span-from)
		if length <= 0 { // all came at once
			length = window
		}
		k := sort.Search(len(rest), func(i int) bool { return rest[i]-first >= from+length })
		out, rest = append(out, Stretch{Seconds: length, Rate: float64(k) / length}), rest[k:]
	}
	return out
}

// Peak is the highest rate.
func (d Demand) Peak() (peak float64) {
	for _, s := range d {
		peak = max(peak, s.Rate)
	}
	return peak
}

// Mean is the mean rate over the whole time.
func (d Demand) Mean() float64 {
	requests, seconds := 0.0, 0.0
	for _, s := range d {
		requests, seconds = requests+s.Rate*s.Seconds, seconds+s.Seconds
	}
	return requests / max(seconds, 1e-9)
}

// FleetTerms is what a fleet must be able to do and what it costs. Prices are in US dollars; a zero is not said.
type FleetTerms struct {
	Demand      Demand
	Headroom    float64 // share of the capacity that is kept free at the peak
	Spare       int     // replicas that may be lost at the peak
	ReplicaHour float64 // price of one replica for an hour
	APIInput    float64 // of a hosted API, a million tokens
	APIOutput   float64
	RPM, TPM    float64 // quotas of a hosted API, a minute
}

// Range is a figure with what it is at the ends of the capacity's interval.
type Range struct {
	Value float64 `json:"value"`
	Lo    float64 `json:"lo"`
	Hi    float64 `json:"hi"`
}

// Fleet is what a demand needs. Costs are of a month of 730 hours.
type Fleet struct {
	SLO         string  `json:"slo"`
	Capacity    Range   `json:"capacity_per_s"` // of one replica
	Peak        float64 `json:"peak_per_s"`
	Mean        float64 `json:"mean_per_s"`
	Replicas    Range   `json:"replicas"`           // with headroom and spare
	Utilisation Range   `json:"utilisation"`        // of the capacity at the peak, by that many replicas; the spare ones work too
	Degraded    Range   `json:"utilisation_less_1"` // with one replica lost
	PerReplica  float64 `json:"per_replica_per_s"`  // at the peak
	TTFTP50     Range   `json:"ttft_p50_ns"`        // at that rate: between the probes below and above it
	TTFTP99     Range   `json:"ttft_p99_ns"`
	TPOTP50     Range   `json:"tpot_p50_ns"`
	Month       *Range  `json:"usd_month,omitempty"`
	Scaled      *Range  `json:"usd_month_scaled,omitempty"` // where replicas follow the demand
	MTok        *Range  `json:"usd_per_mtok,omitempty"`     // input and output, at the mean rate
	APIMonth    float64 `json:"api_usd_month,omitempty"`
	Quota       *Quota  `json:"quota,omitempty"`
}

// Quota is what a hosted API's limits allow.
type Quota struct {
	Rate  float64 `json:"rate_per_s"`
	By    string  `json:"by"`    // RPM or TPM
	Binds bool    `json:"binds"` // it is below the peak, or below the measured capacity
}

const hoursAMonth = 730

// Fleet plans. It needs an answer with a number: where none was found, no fleet follows.
func (a Answer) Fleet(t FleetTerms) (Fleet, error) {
	e, peak := a.Estimate, t.Demand.Peak()
	switch {
	case e == nil:
		return Fleet{}, fmt.Errorf("no fleet follows from a capacity that was not found (%s: %s)", a.State, a.Why)
	case !(peak > 0):
		return Fleet{}, errors.New("the demand has no load")
	case !(t.Headroom >= 0 && t.Headroom < 1):
		return Fleet{}, errors.New("headroom is a share of the capacity, from 0 to below 1")
	}
	f := Fleet{
		SLO: a.SLO, Capacity: Range{e.Rate, e.Lo, e.Hi}, Peak: peak, Mean: t.Demand.Mean(),
		Replicas: over(e, func(c float64) float64 { return t.replicas(peak, c) }),
	}
	n := f.Replicas.Value
	f.PerReplica = peak / n
	f.Utilisation = over(e, func(c float64) float64 { return peak / (n * c) })
	if n > 1 {
		f.Degraded = over(e, func(c float64) float64 { return peak / ((n - 1) * c) })
	}
	f.TTFTP50 = a.latency(f.PerReplica, func(o Observation) float64 { return o.TTFTP50 })
	f.TTFTP99 = a.latency(f.PerReplica, func(o Observation) float64 { return o.TTFTP99 })
	f.TPOTP50 = a.latency(f.PerReplica, func(o Observation) float64 { return o.TPOTP50 })
	f.price(a, t)
	return f, nil
}

// replicas is how many carry a rate with the headroom, and the spare ones.
func (t FleetTerms) replicas(rate, capacity float64) float64 {
	const rounding = 1e-9 // 3 replicas of 10/s carry 30/s
	return math.Ceil(rate/(capacity*(1-t.Headroom))-rounding) + float64(t.Spare)
}

// over evaluates at the estimate and at the ends of its interval.
func over(e *Estimate, f func(capacity float64) float64) Range {
	a, b := f(e.Lo), f(e.Hi)
	return Range{Value: f(e.Rate), Lo: min(a, b), Hi: max(a, b)}
}

// price fills in what a month costs.
func (f *Fleet) price(a Answer, t FleetTerms) {
	input, output := a.tokens()
	month := f.Mean * 3600 * hoursAMonth // requests
	if t.ReplicaHour > 0 {
		fixed := scaleRange(f.Replicas, t.ReplicaHour*hoursAMonth)
		scaled := over(a.Estimate, func(c float64) float64 { return t.scaled(c) * t.ReplicaHour * hoursAMonth })
		f.Month, f.Scaled = &fixed, &scaled
		if tokens := month * (input + output) / 1e6; tokens > 0 {
			each := scaleRange(fixed, 1/tokens)
			f.MTok = &each
		}
	}
	f.APIMonth = month * (input*t.APIInput + output*t.APIOutput) / 1e6
	f.Quota = t.quota(f, input+output)
}

// scaled is the mean number of replicas where each stretch of the demand has its own.
func (t FleetTerms) scaled(capacity float64) float64 {
	sum, seconds := 0.0, 0.0
	for _, s := range t.Demand {
		sum, seconds = sum+s.Seconds*t.replicas(s.Rate, capacity), seconds+s.Seconds
	}
	return sum / seconds
}

func (t FleetTerms) quota(f *Fleet, tokens float64) *Quota {
	q := Quota{Rate: math.Inf(1)}
	if t.RPM > 0 {
		q.Rate, q.By = t.RPM/60, "RPM"
	}
	if t.TPM > 0 && tokens > 0 && t.TPM/60/tokens < q.Rate {
		q.Rate, q.By = t.TPM/60/tokens, "TPM"
	}
	if q.By == "" {
		return nil
	}
	q.Binds = q.Rate < f.Peak || q.Rate < f.Capacity.Value
	return &q
}

func scaleRange(r Range, by float64) Range { return Range{r.Value * by, r.Lo * by, r.Hi * by} }

// tokens are those of a mean request of the probes.
func (a Answer) tokens() (input, output float64) {
	n := 0.0
	for _, o := range a.Probes {
		k := float64(o.Issued - o.Failed)
		input, output, n = input+k*o.Input, output+k*o.Output, n+k
	}
	return input / max(n, 1), output / max(n, 1)
}

// latency is a figure at a rate: between those of the nearest probes below and above it, in the middle by the log of the
// rate. A zero is a figure that no probe resolved; with probes on one side alone, it is theirs.
func (a Answer) latency(rate float64, of func(Observation) float64) Range {
	var below, above *Observation
	for i := range a.Probes {
		o := &a.Probes[i]
		if of(*o) <= 0 || o.Spoiled != "" {
			continue
		}
		if o.Offered <= rate && (below == nil || o.Offered > below.Offered) {
			below = o
		}
		if o.Offered > rate && !o.Saturated && (above == nil || o.Offered < above.Offered) {
			above = o
		}
	}
	switch {
	case below == nil && above == nil:
		return Range{}
	case below == nil:
		return Range{of(*above), 0, of(*above)} // less load: at most this
	case above == nil:
		return Range{of(*below), of(*below), of(*below)}
	}
	x, y := of(*below), of(*above)
	part := math.Log(rate/below.Offered) / math.Log(above.Offered/below.Offered)
	return Range{x + part*(y-x), min(x, y), max(x, y)}
}
