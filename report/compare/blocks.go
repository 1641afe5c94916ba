package compare

import (
	"fmt"
	"math"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Bounds of the blocks that a stage is cut into: fewer say nothing of how blocks scatter, more cost time alone.
const (
	leastBlocks = 20
	mostBlocks  = 100
)

// generations is how many times the requests in flight a block is long at least: requests that are answered in the same steps
// are slow together.
const generations = 2

// blocking cuts the records of stages that were not repeated into blocks.
type blocking struct {
	base, new Run
	seed      uint64
	of        map[string][2]*blocksOf // by stage: base, new
}

// blocksOf are a stage's records in time order, cut into runs of equal length that are summarized each.
type blocksOf struct {
	length int // requests
	ranked int // requests of all blocks
	wanted int // of those, by the summary
	parts  []*results.Collector
	made   []part
	unread string // why there are none
}

// part is one block.
type part struct {
	summary results.StageSummary
	metrics map[metric.Name]*results.Histogram
}

func (b *blocking) read(names []string) error {
	b.of = map[string][2]*blocksOf{}
	for _, name := range names {
		b.of[name] = [2]*blocksOf{newBlocks(b.base, name), newBlocks(b.new, name)}
	}
	for side, r := range []Run{b.base, b.new} {
		if err := b.fill(side, r); err != nil {
			return err
		}
	}
	return nil
}

func newBlocks(r Run, name string) *blocksOf {
	for i := range r.Summary.Stages {
		if s := &r.Summary.Stages[i]; s.Name == name {
			return planBlocks(r, s)
		}
	}
	return &blocksOf{unread: "the stage is missing"}
}

// planBlocks decides how long the blocks of a stage are: the cube root of the number of requests, which is the usual choice
// for a quantile, but not less than a few generations of requests in flight.
func planBlocks(r Run, s *results.StageSummary) *blocksOf {
	b := &blocksOf{wanted: int(s.Requests.Issued - s.Requests.Cancelled)}
	b.length = max(int(math.Ceil(math.Cbrt(float64(b.wanted)))), generations*inFlight(s), (b.wanted+mostBlocks-1)/mostBlocks, 1)
	if r.Records == nil {
		b.unread = "it has no records, and its stage was not repeated: keep the run folder, or give the load `repeat: 4`"
		return b
	}
	count := max(1, b.wanted/b.length)
	info := results.StageInfo{Name: s.Name, Load: s.Load, SLO: s.SLO}
	for range count {
		b.parts = append(b.parts, results.NewCollector(info, new(results.Bounds)))
	}
	return b
}

// inFlight is how many requests are under way at once: the workers' of a closed loop, else by Little's law.
func inFlight(s *results.StageSummary) int {
	if s.Load.Concurrency > 0 {
		return s.Load.Concurrency * max(1, s.Load.BatchSize)
	}
	e2e, rate := s.Metrics[metric.E2E], s.Throughput.RequestsPerS
	if e2e == nil || e2e.Mean == nil || rate == nil {
		return 1
	}
	return max(1, int(math.Ceil(*rate**e2e.Mean/1000)))
}

// fill deals one run's records out.
func (b *blocking) fill(side int, r Run) error {
	if r.Records == nil || len(b.of) == 0 {
		return nil
	}
	for rec, err := range r.Records {
		if err != nil {
			return fmt.Errorf("compare: %w", err)
		}
		if of, ok := b.of[rec.Stage]; ok {
			of[side].add(rec)
		}
	}
	for _, of := range b.of {
		of[side].finish()
	}
	return nil
}

func (b *blocksOf) add(r *results.Record) {
	if !r.Measured() || r.Outcome == results.Cancelled || len(b.parts) == 0 {
		return
	}
	b.parts[min(b.ranked/b.length, len(b.parts)-1)].Add(r)
	b.ranked++
}

func (b *blocksOf) finish() {
	for _, c := range b.parts {
		b.made = append(b.made, part{c.Summarize(), c.Histograms().Metrics})
	}
	b.parts = nil
	if b.ranked != b.wanted && b.unread == "" {
		b.unread = fmt.Sprintf("%d of its %d requests have a record", b.ranked, b.wanted)
	}
}
