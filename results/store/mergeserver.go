package store

import (
	"cmp"
	"slices"

	"github.com/llmload/llmload/results"
)

// server takes over what the server said of itself. All shards asked the same server, whose figures are of all their requests: added up
// they would be counted once a shard. They are taken whole from the shard that heard it best. Our side of its time to first token is of
// all shards' records.
func (m *merging) server(name string, out *results.StageSummary) error {
	heard := m.heard(name)
	if heard == nil {
		return nil
	}
	plotServer(out.Series, heard.Series)
	s := *heard.Server
	out.Server = &s
	if s.TTFT == nil {
		return nil
	}
	var ours results.FirstTokens
	for _, one := range m.shards {
		if part := one.stage(name); part != nil {
			if err := ours.Merge(&part.tokens); err != nil {
				return err
			}
		}
	}
	ttft := *s.TTFT
	s.TTFT = &ttft
	ours.Compare(s.TTFT, out.Load.Stream)
	return nil
}

// heard is the stage of the shard at which the fewest readings failed, of those the one that listened the longest; nil: none asked.
func (m *merging) heard(name string) *results.StageSummary {
	var found []*results.StageSummary
	for _, one := range m.shards {
		if part := one.stage(name); part != nil && part.was.Server != nil {
			found = append(found, &part.was)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return slices.MinFunc(found, func(a, b *results.StageSummary) int {
		return cmp.Or(cmp.Compare(a.Server.Failed, b.Server.Failed), cmp.Compare(b.Server.SpanS, a.Server.SpanS))
	})
}

// plotServer puts the server's figures of the moment into the whole's course, the last one of each of its intervals. Those are a shard's
// own or wider: the grids of all fall together.
func plotServer(series, from []results.Point) {
	for _, p := range from {
		middle := p.TS + p.DurationS/2
		i := slices.IndexFunc(series, func(into results.Point) bool { return into.TS <= middle && middle < into.TS+into.DurationS })
		if i < 0 {
			continue
		}
		into := &series[i]
		into.ServerRunning = cmp.Or(p.ServerRunning, into.ServerRunning)
		into.ServerWaiting = cmp.Or(p.ServerWaiting, into.ServerWaiting)
		into.ServerCacheUse = cmp.Or(p.ServerCacheUse, into.ServerCacheUse)
		into.ServerPowerW = cmp.Or(p.ServerPowerW, into.ServerPowerW)
	}
}
