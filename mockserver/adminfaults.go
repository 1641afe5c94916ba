package mockserver

import (
	"cmp"
	"net/http"
)

// A faultState is what a fault has done since its counts began.
type faultState struct {
	Name    string `json:"name"`
	Action  string `json:"action"`
	Matched int    `json:"matched"` // requests that it looked at
	Hits    int    `json:"hits"`    // of those, hit
}

func (s *faultSet) states() []faultState {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]faultState, len(s.faults))
	for i, f := range s.faults {
		c := &s.counts[i]
		all[i] = faultState{cmp.Or(f.Name, place(i)), f.Action.String(), c.total, c.hits}
	}
	return all
}

func (s *Server) adminFaults(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	version, stage, faults := s.cfg.Load().version, s.stage, s.faults
	s.mu.Unlock()
	writeJSON(w, map[string]any{"version": version, "stage": stage, "faults": faults.states()})
}

// adminSetFaults replaces the faults in force. Their counts begin.
func (s *Server) adminSetFaults(w http.ResponseWriter, r *http.Request) {
	n, ok := readNode(w, r)
	if !ok {
		return
	}
	if n.IsZero() {
		writeError(w, *invalid("", "write a list of faults; [] is none"))
		return
	}
	faults, err := ParseFaults(n)
	var version, attempts int64
	if err == nil {
		version, attempts, err = s.setFaults(faults)
	}
	if err != nil {
		writeError(w, *invalid("", "%s", err))
		return
	}
	writeJSON(w, map[string]int64{"version": version, "attempts": attempts})
}
