package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/llmload/llmload/results"
)

// MergeConfig is what a merge needs beside the shards.
type MergeConfig struct {
	// Partial merges shards of which some are missing, did not finish or cannot be read to the end; the run is then invalid and says which.
	Partial bool
	// Judge completes the summary before it is written, as with thresholds; nil leaves it as it is.
	Judge func(*results.Summary, []results.StageHistograms)

	memory int // of sorting; 0 is sortMemory
}

// Merge makes the run folder dir of the shards of one run. Records are put in the order of their intended times, which count from
// the start that all agreed on, and numbered anew; histograms are added, bucket by bucket, and held against those that the shards
// wrote; everything else is computed from the merged records. No quantile is made of quantiles. In an open loop the window is that of
// the whole: from the first measured arrival to the last; in a closed loop the time in which every shard measured. A merge that fails
// leaves no run behind.
func Merge(ctx context.Context, dir string, shards []*Run, cfg MergeConfig) (*results.Summary, []results.StageHistograms, error) {
	sorted, err := checkShards(shards)
	if err != nil && !(cfg.Partial && errors.Is(err, ErrIncomplete)) {
		return nil, nil, err
	}
	m, err := newMerge(ctx, sorted, cfg.Partial)
	if err != nil {
		return nil, nil, err
	}
	w, err := Create(dir, sorted[0].Plan, m.initial())
	if err != nil {
		return nil, nil, err
	}
	s, hs, err := m.write(ctx, w, cfg)
	if err != nil { // the shards hold all of it: a half of it would only be in the way of the next try
		return nil, nil, errors.Join(err, w.Close(), disclaim(dir))
	}
	return s, hs, nil
}

// write fills the run folder.
func (m *merging) write(ctx context.Context, w *Writer, cfg MergeConfig) (*results.Summary, []results.StageHistograms, error) {
	if err := m.records(ctx, w, cfg.memory); err != nil {
		return nil, nil, err
	}
	s, hs, err := m.summary()
	if err != nil {
		return nil, nil, err
	}
	if cfg.Judge != nil {
		cfg.Judge(s, hs)
	}
	s.Valid = len(s.InvalidReasons) == 0
	return s, hs, w.Finish(s, hs)
}

// merging is a merge under way.
type merging struct {
	shards  []*merged
	partial bool
	windows map[string]*results.Bounds // by stage
	names   []string                   // of stages, in the order in which they ran
	invalid []string
}

// merged is one shard of it.
type merged struct {
	*Run
	rebuild *rebuild
	summary *results.Summary // from its records, within the windows of all
}

// newMerge finds the windows of all.
func newMerge(ctx context.Context, sorted []*Run, partial bool) (*merging, error) {
	m := &merging{partial: partial, windows: map[string]*results.Bounds{}}
	for _, r := range sorted {
		one := &merged{Run: r, rebuild: newRebuild(r.Summary)}
		if !r.Finished() {
			err := r.walkUntil(ctx, func(rec *results.Record) error { one.rebuild.survey(rec); return nil })
			if _, err = m.readable(err); err != nil {
				return nil, err
			}
		}
		m.shards = append(m.shards, one)
		for _, s := range one.rebuild.stages {
			if !slices.Contains(m.names, s.was.Name) {
				m.names = append(m.names, s.was.Name)
			}
		}
	}
	for _, name := range m.names {
		m.windows[name] = m.window(name)
	}
	for _, one := range m.shards {
		for _, s := range one.rebuild.stages {
			info := results.StageInfo{Name: s.was.Name, Load: s.was.Load, SLO: s.was.SLO, GPUs: one.Summary.Target.GPUs}
			s.collector = results.NewCollector(info, m.windows[s.was.Name])
		}
	}
	return m, nil
}

// walkUntil walks over a shard's records until ctx ends.
func (r *Run) walkUntil(ctx context.Context, each func(*results.Record) error) error {
	for rec, err := range r.Records() {
		if err != nil {
			return &unreadable{err}
		}
		if err = ctx.Err(); err == nil {
			err = each(rec)
		}
		if err != nil {
			return fmt.Errorf("merge: %w", err)
		}
	}
	return nil
}

// unreadable is a shard's record file that is damaged from somewhere on.
type unreadable struct{ error }

func (u *unreadable) Error() string { return "merge: " + u.error.Error() }
func (u *unreadable) Unwrap() error { return u.error }

// readable takes what came of a walk: a partial merge does with the records before the damage, and why is what to say of it.
func (m *merging) readable(err error) (why string, _ error) {
	damage, ok := errors.AsType[*unreadable](err)
	switch {
	case !ok:
		return "", err
	case !m.partial:
		return "", fmt.Errorf("%w; --partial merges what is before it, as an invalid run", err)
	}
	return damage.error.Error(), nil
}

// initial is the summary of a merge that did not finish.
func (m *merging) initial() *results.Summary {
	s := *m.shards[0].Summary
	s.Run.ID += "-merged"
	s.Run.Shard, s.Run.Shards, s.Run.MonotonicNS = nil, nil, 0
	s.Run.FinishedAt = time.Time{}
	s.Stages, s.Thresholds, s.Budget, s.RecordsLost = nil, nil, nil, 0
	for _, one := range m.shards {
		facts := *one.shard()
		facts.RunID, facts.Host = one.Summary.Run.ID, one.Summary.Environment.Host
		s.Run.Shards = append(s.Run.Shards, facts)
		if facts.Host != s.Environment.Host {
			s.Environment.Host, s.Environment.SelfTest = "", nil // each shard has its own
		}
	}
	return &s
}

// records walks over all shards, and writes what it finds in its order.
func (m *merging) records(ctx context.Context, w *Writer, memory int) error {
	if memory == 0 {
		memory = sortMemory
	}
	pieces, err := os.MkdirTemp(w.dir, ".merge-*")
	if err != nil {
		return remedy("write to the run folder", err)
	}
	defer os.RemoveAll(pieces)
	sort := &sorter{dir: pieces, memory: memory}
	for _, one := range m.shards {
		err := one.walkUntil(ctx, func(r *results.Record) error {
			s := one.stage(r.Stage)
			if s == nil || s.collector == nil {
				return fmt.Errorf("%s: a record is of stage %q, which the summary does not have", one.Dir, r.Stage)
			}
			one.rebuild.count(r)
			s.tokens.Add(r)
			return sort.add(r)
		})
		why, err := m.readable(err)
		if err != nil {
			return err
		}
		if why != "" {
			m.spoil("shard %d: its records are read up to a damage: %s", one.shard().Index, why)
		}
	}
	var seq int64
	return sort.sorted(func(r *results.Record) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Seq, seq = seq, seq+1
		return w.log.appendWhole(r)
	})
}
