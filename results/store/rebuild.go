package store

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/llmload/llmload/results"
)

// Rebuild makes the summary and the histograms from the records, for a run that did not finish. It walks twice: for the
// windows, then for the figures. Stages are those that the summary names, and those that only records name. What needs
// more than records, as the instrument's error and the thresholds, stays as the summary has it; a run that did not
// finish stays invalid, with the reason.
func (r *Run) Rebuild() (*results.Summary, []results.StageHistograms, error) {
	b := newRebuild(r.Summary)
	if err := r.walk(b.survey); err != nil {
		return nil, nil, err
	}
	for _, s := range b.stages {
		s.collector = results.NewCollector(results.StageInfo{Name: s.was.Name, Load: s.was.Load, SLO: s.was.SLO, GPUs: r.Summary.Target.GPUs}, s.window())
	}
	if err := r.walk(b.count); err != nil {
		return nil, nil, err
	}
	return b.summary(r.truncated), b.histograms(), nil
}

func (r *Run) walk(each func(*results.Record)) error {
	for rec, err := range r.Records() {
		if err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		each(rec)
	}
	return nil
}

// rebuild is the state of a walk over a run's records.
type rebuild struct {
	old    *results.Summary
	stages []*rebuiltStage
	books  results.Conservation
	last   int64 // the end of the last request
}

// rebuiltStage is one stage on its way back from records.
type rebuiltStage struct {
	was       results.StageSummary // as the summary had it
	collector *results.Collector
	tokens    results.FirstTokens // of a merge

	started bool
	first   int64   // least intended time of a measured request
	work    int64   // latest intended time
	ends    []int64 // closed loop: those that can still be the window's, and some that no longer can
	kept    int     // len(ends) after the last pruning
}

func newRebuild(old *results.Summary) *rebuild {
	b := &rebuild{old: old}
	for _, s := range old.Stages {
		b.stages = append(b.stages, &rebuiltStage{was: s})
	}
	return b
}

// stage finds a record's stage. One that the summary does not name is known by its records alone.
func (b *rebuild) stage(r *results.Record) *rebuiltStage {
	i := slices.IndexFunc(b.stages, func(s *rebuiltStage) bool { return s.was.Name == r.Stage })
	if i < 0 {
		i = len(b.stages)
		b.stages = append(b.stages, &rebuiltStage{was: results.StageSummary{Name: r.Stage}})
	}
	return b.stages[i]
}

// survey learns what bounds the windows.
func (b *rebuild) survey(r *results.Record) {
	s := b.stage(r)
	done := r.DoneNS
	if a := r.Last(); a != nil {
		done = a.DoneNS
		// The summary's word, or that of the first stream where it has none.
		s.was.Load.Stream = s.was.Load.Stream || s.was.Load.Mode == "" && a.FirstTokenNS != 0
	}
	if r.Measured() {
		if !s.started {
			s.started, s.first = true, r.IntendedNS
		}
		s.first = min(s.first, r.IntendedNS)
	} else if s.was.Load.Mode == "open" {
		return
	}
	s.work = max(s.work, r.IntendedNS)
	if s.was.Load.Mode != "open" {
		s.end(done)
	}
}

// end notes the end of a request. Only ends at or after the latest work matter; they are pruned when they have doubled,
// so that memory and time stay small.
func (s *rebuiltStage) end(ns int64) {
	const few = 64
	s.ends = append(s.ends, ns)
	if len(s.ends) > 2*s.kept+few {
		s.prune()
	}
}

func (s *rebuiltStage) prune() {
	s.ends = slices.DeleteFunc(s.ends, func(ns int64) bool { return ns < s.work })
	s.kept = len(s.ends)
}

// window is the one that the summary has, of a stage that came to its end. Else it starts at the first measured
// intended time. It ends in open loop at the last one; in closed loop when the first worker found no work, which is the
// first end after the last request was begun.
func (s *rebuiltStage) window() *results.Bounds {
	b := new(results.Bounds)
	switch {
	case s.was.Window.DurationS > 0:
		start, length := s.was.Window.StartS, s.was.Window.DurationS
		b.SetStart(int64(math.Round(start * 1e9)))
		b.SetEnd(int64(math.Round((start + length) * 1e9)))
	case !s.started:
	case s.was.Load.Mode == "open":
		b.SetStart(s.first)
		b.SetEnd(s.work)
	default:
		b.SetStart(s.first)
		s.prune()
		if len(s.ends) > 0 {
			b.SetEnd(slices.Min(s.ends))
		}
	}
	return b
}

// count adds a record to its stage and to the books.
func (b *rebuild) count(r *results.Record) {
	b.stage(r).collector.Add(r)
	b.last = max(b.last, r.DoneNS)
	b.books.Issued++
	b.books.Outcomes++
	b.books.Attempts += int64(len(r.Attempts))
	if len(r.Attempts) > 0 {
		b.books.Dispatched++
	}
	for i := range r.Attempts {
		b.last = max(b.last, r.Attempts[i].DoneNS)
		if r.Attempts[i].SentNS > 0 {
			b.books.Written++
		}
	}
}

func (b *rebuild) histograms() []results.StageHistograms {
	hs := make([]results.StageHistograms, 0, len(b.stages))
	for _, s := range b.stages {
		hs = append(hs, s.collector.Histograms())
	}
	return hs
}

// summary is the old one with everything that records tell.
func (b *rebuild) summary(truncated bool) *results.Summary {
	s := *b.old
	s.Stages = make([]results.StageSummary, 0, len(b.stages))
	for _, stage := range b.stages {
		now := stage.collector.Summarize()
		now.StopReason = stage.was.StopReason
		recorded := now.Instrument
		now.Instrument = stage.was.Instrument
		now.Instrument.TakeRecorded(recorded)
		s.Stages = append(s.Stages, now)
	}
	if !b.old.Run.FinishedAt.IsZero() {
		return &s
	}
	s.Run.Interrupted = true
	s.Run.FinishedAt = s.Run.StartedAt.Add(time.Duration(b.last))
	s.Conservation = b.books
	s.Conservation.Retries = b.books.Attempts - b.books.Dispatched
	s.Conservation.Holds, s.Conservation.Rebuilt = true, true
	s.InvalidReasons = slices.Clone(s.InvalidReasons)
	if truncated {
		s.InvalidReasons = append(s.InvalidReasons, "the last records were cut off as the run was killed")
	}
	return &s
}
