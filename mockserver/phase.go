package mockserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/llmload/llmload/internal/strictyaml"
)

// A Phase changes the config while a stage runs. The next stage begins with the
// config as it was at the start.
type Phase struct {
	At time.Duration `yaml:"at"` // from the start of the stage; before any stage, of the server
	// Set are the values to change by their path, such as "engine.c0": "12ms", as in PATCH /admin/config.
	Set map[string]any `yaml:"set"`
}

const maxPhases = 1000 // each is checked on top of those before it

func checkPhases(bad func(where, format string, args ...any), phases []Phase) {
	if len(phases) > maxPhases {
		bad("phases", "at most %d phases, found %d", maxPhases, len(phases))
		return
	}
	for i, p := range phases {
		where := fmt.Sprintf("phases[%d]", i)
		if len(p.Set) == 0 {
			bad(where, "write set: what changes, for example {engine.c0: 12ms}")
		}
		if p.At < 0 {
			bad(where+".at", "must not be negative")
		}
		if i > 0 && p.At < phases[i-1].At {
			bad(where+".at", "is before the phase above it (%s): write phases in order of time", phases[i-1].At)
		}
	}
}

// phased applies the changes of phases one after the other and returns the
// config of each. The error has every mistake of them.
func (c *Config) phased(changes []strictyaml.Node) (after []*Config, err error) {
	if len(changes) > maxPhases {
		return nil, nil // that many are refused
	}
	for _, set := range changes {
		next, bad := c.patched(set)
		after, c, err = append(after, next), next, strictyaml.Join(err, bad)
	}
	return after, err
}

// changes are the changes of the config's phases as they would stand in a file.
func (c *Config) changes() ([]strictyaml.Node, error) {
	sets := make([]strictyaml.Node, len(c.Phases))
	var errs []error
	for i, p := range c.Phases {
		name := fmt.Sprintf("mockserver: phases[%d].set", i)
		text, err := strictyaml.Marshal(p.Set)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		sets[i], err = strictyaml.Parse(name, text, nil)
		errs = append(errs, err)
	}
	return sets, errors.Join(errs...)
}

// A timeline applies the phases of a stage, each at its time.
type timeline struct {
	changes []strictyaml.Node // of each phase of the config
	ahead   []*Config         // what the phases to come make of the current config
	start   time.Duration     // of the stage
	timer   *time.Timer       // nil, or armed for the next phase
}

// lookAhead works out the phases to come. A change that does not go with them
// is refused now, so that none fails later, when nobody is there to be told.
func (t *timeline) lookAhead(from *Config, phases int) error {
	ahead, err := from.phased(t.changes[len(t.changes)-phases:])
	if err == nil {
		t.ahead = ahead
	}
	return err
}

// runPhases applies the phases that are due. s.mu is held.
func (s *Server) runPhases() {
	t := &s.phases
	t.stop()
	for len(t.ahead) > 0 && s.ctx.Err() == nil {
		i := len(t.changes) - len(t.ahead)
		if wait := t.start + s.base.Phases[i].At - s.clock.now(); wait > 0 {
			t.timer = time.AfterFunc(wait, s.phaseDue)
			return
		}
		next := t.ahead[0]
		t.ahead = t.ahead[1:]
		s.install(next)
		if hasFaults(t.changes[i]) {
			s.countFaults()
		}
	}
}

func (s *Server) phaseDue() {
	defer s.turnGates() // behind the unlock
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runPhases()
}

func (t *timeline) stop() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}
