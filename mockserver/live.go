package mockserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/llmload/llmload/internal/strictyaml"
)

// install makes a config the current one: requests that arrive from now on
// have it, and the engine takes its new values at once. s.mu is held.
func (s *Server) install(cfg *Config) {
	cfg.version = s.cfg.Load().version + 1
	s.cfg.Store(cfg)
	s.sched.configure(cfg)
}

// countFaults begins the counts of the config's faults. s.mu is held.
func (s *Server) countFaults() {
	cfg := s.cfg.Load()
	s.faults = newFaultSet(cfg.Seed, s.stage, cfg.Faults, s.phases.start)
}

func hasFaults(set strictyaml.Node) bool { return !set.Get("faults").IsZero() }

// errStale is the error of a change to a version that is not the current one.
var errStale = errors.New("is not the current one")

// patch applies a patch to the version of the config that its author saw.
func (s *Server) patch(version int64, set strictyaml.Node) (now int64, err error) {
	defer s.turnGates() // behind the unlock
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg := s.cfg.Load()
	if version != cfg.version {
		return 0, fmt.Errorf("version %d %w, that is %d: read the config again", version, errStale, cfg.version)
	}
	next, err := cfg.patched(set)
	if err != nil {
		return 0, err
	}
	if err := s.phases.lookAhead(next, len(s.phases.ahead)); err != nil {
		return 0, fmt.Errorf("a phase to come does not go with this change: %w", err)
	}
	s.install(next)
	if hasFaults(set) {
		s.countFaults()
	}
	return next.version, nil
}

// setFaults replaces the faults in force and begins their counts.
func (s *Server) setFaults(faults []Fault) (version, attempts int64, err error) {
	defer s.turnGates() // behind the unlock
	s.mu.Lock()
	defer s.mu.Unlock()
	next := *s.cfg.Load()
	next.Faults = faults
	if err := s.phases.lookAhead(&next, len(s.phases.ahead)); err != nil {
		return 0, 0, err
	}
	s.install(&next)
	s.countFaults()
	return next.version, s.attempts, nil
}

// restart brings the config of the start back, with other faults where they
// are not nil, and begins the counts of faults and the phases. s.mu is held.
func (s *Server) restart(stage string, faults []Fault) error {
	next := *s.base
	next.version = s.cfg.Load().version
	if faults != nil {
		next.Faults = cloneFaults(faults)
	}
	if err := s.phases.lookAhead(&next, len(next.Phases)); err != nil {
		return err
	}
	if !same(next, *s.cfg.Load()) {
		s.install(&next)
	}
	s.late.reset()
	s.stage, s.maxSeen, s.phases.start = stage, s.inFlight, s.clock.now()
	s.countFaults()
	s.runPhases()
	return nil
}

// BeginStage starts a stage: the config of the start comes back, fault counters
// and phases begin again, and the stage's own faults replace the config's (nil:
// the config's own; empty: none). It returns the marker: the number of attempts
// that came before the stage.
func (s *Server) BeginStage(name string, faults []Fault) (marker int64, err error) {
	if err := joined(faultProblems("faults", faults)); err != nil {
		return 0, err
	}
	defer s.turnGates() // behind the unlock
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts, s.restart(name, faults)
}

// reset brings everything back to the start. While requests are in flight it
// does so only when forced; they then go on and are counted when they end.
func (s *Server) reset(force bool) error {
	defer s.turnGates() // behind the unlock
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inFlight > 0 && !force {
		return fmt.Errorf("mockserver: %d requests are in flight: drain first, or force it", s.inFlight)
	}
	s.attempts = 0
	s.gates.struck.Store(0)
	s.limits.forget()
	s.ledger.reset()
	s.metrics.reset()
	if s.inFlight == 0 {
		s.sched.restart(s.base) // else what is under way goes on in its engine
	}
	return s.restart("", nil)
}

// Drain waits until nothing is in flight and returns the number of attempts so
// far, or ctx's error.
func (s *Server) Drain(ctx context.Context) (attempts int64, err error) {
	for {
		s.mu.Lock()
		if s.inFlight == 0 {
			defer s.mu.Unlock()
			return s.attempts, nil
		}
		if s.idle == nil {
			s.idle = make(chan struct{})
		}
		idle, n := s.idle, s.inFlight
		s.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return 0, fmt.Errorf("mockserver: %d requests in flight: %w", n, ctx.Err())
		}
	}
}

func joined(ps []problem) error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errors.Join(errs...)
}
