package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// summary is the whole run's, from what the shards' records said.
func (m *merging) summary() (*results.Summary, []results.StageHistograms, error) {
	s := m.initial()
	s.InvalidReasons = nil
	s.Conservation = results.Conservation{Holds: true}
	for _, one := range m.shards {
		one.summary = one.rebuild.summary(one.truncated)
		m.add(s, one)
	}
	m.check(s)
	var hs []results.StageHistograms
	for _, name := range m.names {
		stage, h, err := m.stage(name)
		if err != nil {
			return nil, nil, err
		}
		s.Stages, hs = append(s.Stages, stage), append(hs, h)
	}
	s.InvalidReasons = append(s.InvalidReasons, m.invalid...)
	cpu, gc := s.Instrument.CPURatio, s.Instrument.GCPauseP99MS
	for i := range s.Stages {
		s.Instrument.TakeWorst(s.Stages[i].Instrument)
	}
	s.Instrument.CPURatio, s.Instrument.GCPauseP99MS = cpu, gc // of whole runs
	return s, hs, nil
}

// add adds to the whole what a shard says of its run.
func (m *merging) add(s *results.Summary, one *merged) {
	of := one.summary
	if s.Run.FinishedAt.Before(of.Run.FinishedAt) {
		s.Run.FinishedAt = of.Run.FinishedAt
	}
	s.Run.Interrupted = s.Run.Interrupted || of.Run.Interrupted && one.Finished()
	s.Conservation.Add(of.Conservation)
	s.Instrument.TakeWorst(of.Instrument)
	if of.Budget != nil {
		if s.Budget == nil {
			s.Budget = &results.Budget{}
		}
		s.Budget.Add(*of.Budget)
	}
	switch {
	case !one.Finished():
		m.spoil("%s; what its records tell is in", unfinishedShard(one.Run))
	case of.Run.Interrupted:
		m.spoil("shard %d was interrupted", one.shard().Index)
	}
	for _, why := range of.InvalidReasons {
		if why != Unfinished {
			m.spoil("shard %d: %s", one.shard().Index, why)
		}
	}
}

func (m *merging) spoil(format string, args ...any) {
	m.invalid = append(m.invalid, fmt.Sprintf(format, args...))
}

// check says which shards are missing.
func (m *merging) check(s *results.Summary) {
	there := map[int]bool{}
	var sorted []*Run
	for _, one := range m.shards {
		there[one.shard().Index] = true
		sorted = append(sorted, one.Run)
	}
	for i := range m.shards[0].shard().Count {
		if !there[i] {
			m.invalid = slices.Insert(m.invalid, 0, missingShard(sorted, i))
		}
	}
	if !s.Conservation.Holds {
		m.spoil("the books of a shard do not balance")
	}
}

// stage adds up a stage's collectors. Each shard has a row of its own among the groups.
func (m *merging) stage(name string) (results.StageSummary, results.StageHistograms, error) {
	var whole *results.Collector
	var rows []results.Group
	var parts []results.StageSummary
	var ended []string
	var instrument results.Instrument
	for _, one := range m.shards {
		part := one.stage(name)
		if part == nil {
			m.spoil("%s: shard %d did not come to it", name, one.shard().Index)
			continue
		}
		if err := m.holdAgainst(one, part); err != nil {
			return results.StageSummary{}, results.StageHistograms{}, err
		}
		if whole == nil {
			info := results.StageInfo{Name: name, Load: part.was.Load, SLO: part.was.SLO, GPUs: one.Summary.Target.GPUs}
			whole = results.NewCollector(info, m.windows[name])
		}
		if err := whole.Merge(part.collector); err != nil {
			return results.StageSummary{}, results.StageHistograms{}, fmt.Errorf("shard %d: %w", one.shard().Index, err)
		}
		s := one.summaryOf(name)
		rows, parts = append(rows, results.GroupOf("shard", fmt.Sprint(one.shard().Index), &s)), append(parts, s)
		ended = append(ended, fmt.Sprintf("shard %d: %s", one.shard().Index, s.StopReason))
		instrument.TakeWorst(part.was.Instrument)
	}
	out := whole.Summarize()
	out.Groups = append(rows, out.Groups...)
	if d := out.Metrics[metric.DispatchDelay]; d != nil {
		instrument.DispatchDelayP99MS = d.P99
	}
	instrument.TakeRecorded(out.Instrument)
	out.Instrument = instrument
	out.StopReason = m.stopReason(name, parts, ended)
	out.Warnings = append(out.Warnings, m.warnings(name)...)
	err := m.server(name, &out)
	return out, whole.Histograms(), err
}

func (s *merged) summaryOf(name string) results.StageSummary {
	i := slices.IndexFunc(s.summary.Stages, func(stage results.StageSummary) bool { return stage.Name == name })
	return s.summary.Stages[i]
}

// stopReason is what ended the stage on all shards; where they differ, its load was not the plan's.
func (m *merging) stopReason(name string, parts []results.StageSummary, ended []string) string {
	same := true
	for _, p := range parts {
		a, _, _ := strings.Cut(p.StopReason, ":")
		b, _, _ := strings.Cut(parts[0].StopReason, ":")
		same = same && a == b
	}
	switch first := parts[0].StopReason; {
	case !same:
		m.spoil("%s: the shards ended differently: %s", name, strings.Join(ended, "; "))
	case !strings.Contains(first, ":"):
		return first
	}
	return strings.Join(ended, "; ")
}

// warnings are those that only a shard's own run could know.
func (m *merging) warnings(name string) (out []string) {
	for _, one := range m.shards {
		part := one.stage(name)
		if part == nil {
			continue
		}
		recorded := one.summaryOf(name).Warnings
		for _, w := range part.was.Warnings {
			if !slices.Contains(recorded, w) {
				out = append(out, fmt.Sprintf("shard %d: %s", one.shard().Index, w))
			}
		}
	}
	return out
}

// holdAgainst compares what a shard's records tell with what it counted as it ran: how many requests there were, and each histogram.
func (m *merging) holdAgainst(one *merged, part *rebuiltStage) error {
	if !one.Finished() {
		return nil
	}
	wrote, err := one.Histograms()
	if err != nil {
		return fmt.Errorf("shard %d: %w", one.shard().Index, err)
	}
	var counted map[metric.Name]*results.Histogram
	for _, h := range wrote {
		if h.Stage == part.was.Name {
			counted = h.Metrics
		}
	}
	var differ []string
	if told := one.summaryOf(part.was.Name).Requests; told != part.was.Requests {
		differ = append(differ, "requests")
	}
	told := part.collector.Histograms().Metrics
	for _, of := range metric.All() {
		if !alike(counted[of.Name], told[of.Name]) {
			differ = append(differ, string(of.Name))
		}
	}
	if len(differ) > 0 {
		m.spoil("%s: the records of shard %d do not make what it counted as it ran (%s): records or histograms are lost or damaged", part.was.Name, one.shard().Index, strings.Join(differ, ", "))
	}
	return nil
}

// alike reports whether two histograms have the same counts in the same buckets. None is one without values.
func alike(a, b *results.Histogram) bool {
	differ := map[int64]int64{}
	add := func(h *results.Histogram, sign int64) {
		if h == nil {
			return
		}
		for ns, n := range h.Buckets {
			if differ[ns] += sign * n; differ[ns] == 0 {
				delete(differ, ns)
			}
		}
	}
	add(a, 1)
	add(b, -1)
	return len(differ) == 0
}
