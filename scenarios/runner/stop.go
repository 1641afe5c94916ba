package runner

import (
	"fmt"
	"math"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// The stop rules' own limits.
const (
	leastJudged = 20   // requests of a stage before their error rate counts
	keepsUp     = 0.95 // share of the offered requests that a server completes which keeps up
	surely      = 3.0  // standard deviations between a stage that is full and one that fills up
	leastEarly  = 16   // completions in the second eighth
	leastMarks  = 16
	mostMarks   = 128
)

// rules watch a stage for what ends it early. They know no clock, so that a simulation stops where a run does.
//
// Saturation is told at an arrival, by the second half of all arrivals so far. The server is saturated when in both
// quarters of that half it completed under 95% of what was offered, so that in flight grew, and when neither chance nor
// filling up can be why. A stage that fills up completes ever more until it keeps up: with a share a completed in the
// second eighth, 1 - (1-a)^4 in the second half, if service times are exponential, while one that is saturated stays at a.
// The share must be below two thirds of that way, by three standard deviations of the counts.
//
// The measure is the stage's own history, so that a server that takes a minute is judged as one that takes a millisecond.
type rules struct {
	stop       scenarios.Stop
	dispersion float64 // variance of the number of requests in a time / its mean

	offered, ended int64 // requests due so far, requests ended so far
	judged, failed int64 // requests whose outcome is known, but for those cancelled or not sent; those that failed

	marks []mark // at equal numbers of requests offered
	step  int64  // between them
}

type mark struct{ offered, ended int64 }

func newRules(s *scenarios.Stage) rules {
	batch := Requests(s, scenarios.Arrival{Size: s.BatchSize})
	return rules{stop: s.Stop, dispersion: max(1, s.Dispersion()) * float64(batch), marks: []mark{{}}, step: int64(batch)}
}

// outcome takes in how a request ended; why is not empty when the stage is to end.
func (r *rules) outcome(o results.Outcome) (why string) {
	if o == results.Cancelled || o == results.Dropped || r.stop.ErrorRate == 0 {
		return ""
	}
	r.judged++
	if o != results.OK {
		r.failed++
	}
	if r.judged >= leastJudged && float64(r.failed) >= r.stop.ErrorRate*float64(r.judged) {
		return fmt.Sprintf("error_rate: %d of %d requests failed", r.failed, r.judged)
	}
	return ""
}

// due takes in that requests are offered; why is not empty when the stage is to end.
func (r *rules) due(requests int) (why string) {
	r.offered += int64(requests)
	if !r.stop.Saturated || r.offered < r.step*int64(len(r.marks)) {
		return ""
	}
	r.marks = append(r.marks, mark{r.offered, r.ended})
	at := len(r.marks) - 1
	if at == mostMarks {
		for i := range at/2 + 1 {
			r.marks[i] = r.marks[2*i]
		}
		r.marks, r.step, at = r.marks[:at/2+1], 2*r.step, at/2
	}
	if at < leastMarks || at%8 != 0 {
		return ""
	}
	return r.saturated(at)
}

// saturated judges the half of the arrivals that ends with a mark.
func (r *rules) saturated(at int) (why string) {
	now, middle := r.marks[at], r.marks[3*at/4]
	half := now.minus(r.marks[at/2])
	switch {
	case now.minus(middle).keepsUp() || middle.minus(r.marks[at/2]).keepsUp():
	case r.mayFill(r.marks[at/4].minus(r.marks[at/8]), half):
	default:
		return fmt.Sprintf("saturated: of the last %d requests offered, %d were completed; %d are in flight", half.offered, half.ended, now.offered-now.ended)
	}
	return ""
}

// mayFill reports whether completions may be rising as they do while a stage fills up, from early to late.
func (r *rules) mayFill(early, late mark) bool {
	if early.ended < leastEarly {
		return true // too few to tell
	}
	a := min(1, float64(early.ended)/float64(early.offered))
	way := (a + 2*(1-math.Pow(1-a, 4))) / 3 * float64(late.offered)
	slope := (1 + 8*math.Pow(1-a, 3)) / 3 * float64(late.offered) / float64(early.offered)
	variance := float64(late.ended) + slope*slope*float64(early.ended)
	return way-float64(late.ended) < surely*math.Sqrt(variance*r.dispersion)
}

func (m mark) minus(o mark) mark { return mark{m.offered - o.offered, m.ended - o.ended} }

func (m mark) keepsUp() bool { return float64(m.ended) >= keepsUp*float64(m.offered) }
