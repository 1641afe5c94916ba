package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/llmload/llmload/results"
)

// shards says of which machine's part the figures are, or of which machines', and how well those kept their common start.
func (p *page) shards(r *results.Run, host string) {
	switch {
	case r.Shard != nil && r.Shard.Count > 1:
		here := *r.Shard
		here.Host = host
		p.line(fmt.Sprintf("shard %d of %d: a part of the load; %s", r.Shard.Index, r.Shard.Count, clockLine([]results.Shard{here})))
	case len(r.Shards) > 0:
		p.line(fmt.Sprintf("%d of %d shards on %s; %s", len(r.Shards), r.Shards[0].Count, strings.Join(hostsOf(r.Shards), ", "), clockLine(r.Shards)))
	}
}

func hostsOf(shards []results.Shard) (hosts []string) {
	for _, s := range shards {
		if name := clean(s.Host); !slices.Contains(hosts, name) {
			hosts = append(hosts, name)
		}
	}
	return hosts
}

// clockLine says how late the shards began, and how far their clocks may be apart: by so much, too, may their arrivals.
func clockLine(shards []results.Shard) string {
	var late, most float64
	var unknown []string
	for _, s := range shards {
		late = max(late, s.LateMS)
		if s.ClockErrorMS == nil {
			unknown = append(unknown, strconv.Itoa(s.Index))
		} else {
			most = max(most, *s.ClockErrorMS)
		}
	}
	line := "late for the common start by " + number(&late).text + " ms"
	switch {
	case len(shards) > 1 && len(hostsOf(shards)) == 1:
		return line + " at most; one clock"
	case len(unknown) > 0:
		return line + "; no word of how right the clock is on shard " + strings.Join(unknown, ", ") + ": its arrivals may lie shifted against the others'"
	}
	return line + "; clocks right within " + number(&most).text + " ms by their own account"
}
