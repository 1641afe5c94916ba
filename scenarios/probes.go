package scenarios

import "time"

// AddProbe appends a stage to the plan that sends another's workload in an open loop: Poisson arrivals at a rate, requests of
// them measured after the warm-up. It is for a search, which decides each stage by what the one before it has shown; the
// stage's seed is that of its place, as if a file had named it there.
func (p *Plan) AddProbe(of *Stage, name string, rate float64, requests int, warmup time.Duration) *Stage {
	s := Stage{
		Name: name, Workload: of.Workload, Mix: of.Mix, Rate: Rate(rate), Arrivals: "poisson", process: process{kind: "poisson"},
		MaxInFlight: defaultMaxInFlight, BatchSize: 1, BatchMode: of.BatchMode, Requests: requests, Warmup: Warmup{Duration: warmup},
		Faults: of.Faults, ordinal: uint64(len(p.Stages)),
	}
	if of.Open() {
		s.MaxInFlight = of.MaxInFlight
	}
	s = s.clone()
	s.sow(mix(p.Seed, s.ordinal+1))
	p.Stages = append(p.Stages, s)
	return &p.Stages[len(p.Stages)-1]
}
