package store

import (
	"math"

	"github.com/llmload/llmload/results"
)

// window is the stage's over all shards that measured in it.
func (m *merging) window(name string) *results.Bounds {
	var start, end int64
	known, open := false, false
	for _, one := range m.shards {
		s := one.stage(name)
		if s == nil {
			continue
		}
		from, to, ok := s.measured()
		if !ok {
			continue
		}
		open = s.was.Load.Mode == "open"
		switch {
		case !known:
			start, end = from, to
		case open: // each shard's arrivals are some of the whole's
			start, end = min(start, from), max(end, to)
		default: // outside of it, some workers of the whole were not there
			start, end = max(start, from), min(end, to)
		}
		known = true
	}
	b := new(results.Bounds)
	if known {
		b.SetStart(start)
		b.SetEnd(max(start, end))
	}
	if known && !open && end <= start {
		m.invalid = append(m.invalid, name+": there was no time in which all shards measured: one had ended before another began")
	}
	return b
}

// stage is the shard's part of a stage; nil where it did not come to it.
func (s *merged) stage(name string) *rebuiltStage {
	for _, stage := range s.rebuild.stages {
		if stage.was.Name == name {
			return stage
		}
	}
	return nil
}

// measured is a shard's own window.
func (s *rebuiltStage) measured() (from, to int64, ok bool) {
	if w := s.was.Window; s.was.Requests.Issued > 0 {
		return int64(math.Round(w.StartS * 1e9)), int64(math.Round((w.StartS + w.DurationS) * 1e9)), true
	}
	b := s.window()
	from, ok = b.Start()
	to, ended := b.End()
	return from, to, ok && ended
}
