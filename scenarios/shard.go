package scenarios

import (
	"errors"
	"fmt"
	"time"
)

// Shard is the part of a plan that one of several machines sends, counted from 0. The zero value is the whole plan.
type Shard struct{ Index, Count int }

// maxShards bounds the machines of a run.
const maxShards = 1000

// Check says what is wrong with a shard's numbers, if anything is.
func (sh Shard) Check() error {
	if sh.Count < 1 || sh.Count > maxShards || sh.Index < 0 || sh.Index >= sh.Count {
		return fmt.Errorf("shard %d/%d does not exist: of n shards, at most %d, the first is 0/n and the last n-1/n", sh.Index, sh.Count, maxShards)
	}
	return nil
}

// Shard returns the part of the plan that one machine sends; the plan itself stays whole. All parts together send the
// requests of the whole plan: arrivals of an open loop go to the shard that is their index modulo the count; in a closed
// loop workers are dealt out so, and to each the units that are its number modulo the number of workers. The budget, the places
// of max_in_flight and a pool_size are divided. The error says each thing that cannot be.
func (p *Plan) Shard(sh Shard) (*Plan, error) {
	if err := sh.Check(); err != nil {
		return nil, err
	}
	out := *p
	out.Stages = make([]Stage, len(p.Stages))
	for i := range p.Stages {
		out.Stages[i] = p.Stages[i].clone()
		out.Stages[i].shard = sh
	}
	if p.Budget != nil {
		out.Budget = clonePointer(p.Budget)
		out.Budget.TotalTokens = Count(sh.of(int(p.Budget.TotalTokens)))
		out.Budget.USD /= float64(sh.Count)
	}
	out.Client.PoolSize = Auto(sh.of(int(p.Client.PoolSize)))
	return &out, p.checkShard(sh)
}

// of is the shard's part of a number of things, dealt out like cards.
func (sh Shard) of(n int) int {
	if sh.Count == 0 {
		return n
	}
	part := n / sh.Count
	if sh.Index < n%sh.Count {
		part++
	}
	return part
}

// checkShard gathers what cannot be divided.
func (p *Plan) checkShard(sh Shard) error {
	if sh.Count == 1 {
		return nil
	}
	var errs []error
	few := func(n int, what string) {
		if n > 0 && n < sh.Count {
			errs = append(errs, fmt.Errorf("%s cannot be divided among %d shards: use at most %d", what, sh.Count, n))
		}
	}
	if p.Client.RateLimit != (Cap{}) {
		errs = append(errs, errors.New("client.rate_limit holds one process, and shards are several: leave it out, or use load.open with the rate"))
	}
	few(int(p.Client.PoolSize), fmt.Sprintf("a pool_size of %d", p.Client.PoolSize))
	if p.Budget != nil {
		few(int(p.Budget.TotalTokens), fmt.Sprintf("a budget of %d tokens", p.Budget.TotalTokens))
	}
	for i := range p.Stages {
		s := &p.Stages[i]
		few(s.Requests/s.BatchSize, fmt.Sprintf("stage %s: its %d requests, in batches of %d,", s.Name, s.Requests, s.BatchSize))
		if s.Open() {
			few(s.MaxInFlight, fmt.Sprintf("stage %s: a max_in_flight of %d", s.Name, s.MaxInFlight))
		} else {
			few(s.Workers(), fmt.Sprintf("stage %s: its workers, %d,", s.Name, s.Workers()))
		}
		if i < len(p.Stages)-1 && !s.timed() {
			errs = append(errs, fmt.Errorf("stage %s: shards begin the next stage together, at a time that all know ahead: write duration and pause, and warmup with a duration and no requests", s.Name))
		}
	}
	return errors.Join(errs...)
}

// Share is how many of the measured requests the stage's shard sends, more or less: batches and sessions are dealt out whole.
func (s *Stage) Share() int { return s.shard.of(s.Requests) }

// timed reports whether it is known ahead when the stage after this one may begin.
func (s *Stage) timed() bool { return s.Duration > 0 && s.Pause > 0 && s.Warmup.Requests == 0 }

// StageStarts says when each stage begins, from the run's start, where shards have to begin it together; nil for a plan
// that is one machine's.
func (p *Plan) StageStarts() []time.Duration {
	if len(p.Stages) == 0 || p.Stages[0].shard.Count < 2 {
		return nil
	}
	var at time.Duration
	out := make([]time.Duration, len(p.Stages))
	for i := range p.Stages {
		s := &p.Stages[i]
		out[i], at = at, at+s.Warmup.Duration+s.Duration+s.Pause
	}
	return out
}

// owns reports whether the shard sends the unit of an index.
func (s *Stage) owns(index int64) bool {
	if s.shard.Count < 2 {
		return true
	}
	if !s.Open() {
		index %= int64(s.allWorkers())
	}
	return index%int64(s.shard.Count) == int64(s.shard.Index)
}

// midRound reports whether a warm-up that only time ends goes on until all workers of all shards have had as many units:
// from there on the shards' parts of the measured requests add up to all, wherever each shard begins to measure.
func (s *Stage) midRound(index int64) bool {
	return s.shard.Count > 1 && !s.Open() && s.Warmup.Duration > 0 && index%int64(s.allWorkers()) != 0
}
