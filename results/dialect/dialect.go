// Package dialect recomputes a run's records with the metric definitions of other benchmarks, so that a disagreement with one of
// them can be explained: by the same requests, measured once, counted in two ways.
//
// Goals: each tool's own names, formulas, choice of requests and rule for quantiles, from its sources at a named version
// (docs/metrics.md). Non-goals: repairing a definition, imitating how another tool stamps.
package dialect

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Tool is a benchmark whose definitions are known.
type Tool struct {
	Name    string // as --dialect takes it
	Title   string // with the version whose sources were read
	times   []definition
	rates   func(*sample) []Rate
	counts  func(*results.Record) bool // a success in this tool's eyes
	weighed bool                       // quantiles by inverse of the weighted distribution, where the others interpolate
}

// definition is one time that a tool reports.
type definition struct {
	name   string
	ours   metric.Name // the nearest of ours
	note   string      // what differs from it; empty where nothing does
	values func(*results.Record, func(ns, weight float64))
}

// Stage is what a tool would have reported of a stage.
type Stage struct {
	Name  string
	Times []Time
	Rates []Rate
}

// Time is a distribution in milliseconds.
type Time struct {
	Name  string
	Ours  metric.Name
	Note  string
	Count int
	Mean  float64 // NaN, like the quantiles, where there is no value
	P50   float64
	P90   float64
	P95   float64
	P99   float64
}

// Rate is a figure that a stage has one of.
type Rate struct {
	Name string
	Unit string
	Ours metric.Name
	Note string
	V    float64 // NaN where it cannot be computed
}

// Lookup finds a tool by name.
func Lookup(name string) (*Tool, error) {
	all := []*Tool{vllm(), guidellm(), aiperf(), inferencePerf()}
	i := slices.IndexFunc(all, func(t *Tool) bool { return t.Name == name })
	if i >= 0 {
		return all[i], nil
	}
	var names []string
	for _, t := range all {
		names = append(names, t.Name)
	}
	return nil, fmt.Errorf("no dialect %q: write one of %s", name, strings.Join(names, ", "))
}

// Compute reports each stage in the tool's terms, stages in the order of their first record. Like the tools themselves it keeps
// every value in memory.
func (t *Tool) Compute(records iter.Seq2[*results.Record, error]) ([]Stage, error) {
	var samples []*sample
	for r, err := range records {
		if err != nil {
			return nil, err
		}
		if !r.Measured() || r.Outcome == results.Cancelled || r.Last() == nil {
			continue // none of the tools has a dropped request
		}
		i := slices.IndexFunc(samples, func(s *sample) bool { return s.stage == r.Stage })
		if i < 0 {
			i = len(samples)
			samples = append(samples, newSample(r.Stage, len(t.times)))
		}
		samples[i].add(t, r)
	}
	var stages []Stage
	for _, s := range samples {
		stages = append(stages, s.report(t))
	}
	return stages, nil
}
