package dialect

import (
	"cmp"
	"math"
	"slices"

	"github.com/llmload/llmload/results"
)

// sample is what a tool's formulas take from a stage's records.
type sample struct {
	stage         string
	values        [][]weighted // of each definition
	ok            int
	input, output int64 // tokens of successes
	all           span  // from the first start to the last end, of every request
	phase         span  // the same from the first intended time
}

type weighted struct{ ns, weight float64 }

// span is the time from the earliest start to the latest end.
type span struct {
	first, last int64
	some        bool
}

func (s *span) take(from, to int64) {
	if !s.some {
		s.first, s.last, s.some = from, to, true
		return
	}
	s.first, s.last = min(s.first, from), max(s.last, to)
}

// per is n a second of the span.
func (s *span) per(n int64) float64 {
	if s.last <= s.first {
		return math.NaN()
	}
	return float64(n) / (float64(s.last-s.first) / 1e9)
}

func newSample(stage string, definitions int) *sample {
	return &sample{stage: stage, values: make([][]weighted, definitions)}
}

func (s *sample) add(t *Tool, r *results.Record) {
	a := r.Last()
	s.all.take(a.StartedNS, a.DoneNS)
	s.phase.take(r.IntendedNS, a.DoneNS)
	if !t.counts(r) {
		return
	}
	s.ok++
	s.input += int64(r.Tokens.Input)
	s.output += int64(tokens(r))
	for i, d := range t.times {
		d.values(r, func(ns, weight float64) { s.values[i] = append(s.values[i], weighted{ns, weight}) })
	}
}

func (s *sample) report(t *Tool) Stage {
	stage := Stage{Name: s.stage, Rates: t.rates(s)}
	for i, d := range t.times {
		values := s.values[i]
		slices.SortFunc(values, func(a, b weighted) int { return cmp.Compare(a.ns, b.ns) })
		quantile := interpolated
		if t.weighed {
			quantile = inverse
		}
		one := Time{Name: d.name, Ours: d.ours, Note: d.note, Count: len(values), Mean: mean(values) / 1e6}
		one.P50, one.P90 = quantile(values, 0.50)/1e6, quantile(values, 0.90)/1e6
		one.P95, one.P99 = quantile(values, 0.95)/1e6, quantile(values, 0.99)/1e6
		stage.Times = append(stage.Times, one)
	}
	return stage
}

func mean(values []weighted) float64 {
	sum, weight := 0.0, 0.0
	for _, v := range values {
		sum += v.ns * v.weight
		weight += v.weight
	}
	return sum / weight
}

// interpolated is numpy's default, percentile(..., method="linear"): between the two values around rank q(n-1), counted from 0.
func interpolated(sorted []weighted, q float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	at := q * float64(n-1)
	low := int(at)
	high := min(low+1, n-1)
	return sorted[low].ns + (at-float64(low))*(sorted[high].ns-sorted[low].ns)
}

// inverse is the least value at or below which lies a share q of the weight: numpy's searchsorted in the running sum of the
// shares. Shares are added as GuideLLM adds them, rounding included, which may put a median of an even number one higher.
func inverse(sorted []weighted, q float64) float64 {
	total := 0.0
	var unique []weighted
	for _, v := range sorted {
		total += v.weight
		if n := len(unique); n > 0 && unique[n-1].ns == v.ns {
			unique[n-1].weight += v.weight
		} else if v.weight > 0 {
			unique = append(unique, v)
		}
	}
	seen, last := 0.0, math.NaN()
	for _, v := range unique {
		last = v.ns
		if seen += v.weight / total; seen >= q {
			break
		}
	}
	return last
}
