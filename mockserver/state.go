package mockserver

// A State is what the server is doing now.
type State struct {
	Attempts        int64  `json:"attempts"`           // generation requests whose body arrived, before any fault
	InFlight        int    `json:"in_flight"`          // of those, not ended; the queued included
	MaxInFlightSeen int    `json:"max_in_flight_seen"` // since the stage began
	Stage           string `json:"stage"`
	ConfigVersion   int64  `json:"config_version"` // from 1, one more with each change

	Queued   int `json:"queued"`    // sequences that wait for a place in the engine
	Running  int `json:"running"`   // sequences that the engine has admitted and not ended
	KVUsed   int `json:"kv_used"`   // tokens of KV memory that running sequences hold; model step
	KVTokens int `json:"kv_tokens"` // tokens of KV memory in all; 0: no limit
	Steps    int `json:"steps"`     // that the engine began so far; model step

	ConnectFaults int64 `json:"connect_faults"` // connections and times of refusing that connect faults had: requests written into them are no attempts

	Records        int64  `json:"records"`               // in the truth ledger so far
	RecordsDropped int64  `json:"records_dropped"`       // of those, no longer in memory
	TruthError     string `json:"truth_error,omitempty"` // the first of the ledger's file; Close returns it too

	Lateness Lateness `json:"lateness"` // of the server itself, since the stage began

	UptimeNS    int64  `json:"uptime_ns"`
	MonotonicNS int64  `json:"monotonic_ns"` // the ledger's clock, now
	Clock       string `json:"clock"`        // what that clock is
}

// State returns a snapshot.
func (s *Server) State() State {
	load, now := s.sched.load(), s.clock.now()
	st := State{
		Queued: load.Waiting, Running: load.Running, KVUsed: load.KVUsed, KVTokens: load.KVTokens, Steps: load.Steps,
		UptimeNS: int64(now), MonotonicNS: s.clock.mono(now), Clock: clockName, Lateness: s.late.read(),
	}
	st.ConnectFaults = s.gates.struck.Load()
	if err := s.ledger.failed(); err != nil {
		st.TruthError = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The ledger inside the lock, as an attempt leaves behind its record: what is
	// in flight no more is among the records.
	st.Records, st.RecordsDropped = s.ledger.counts()
	st.Attempts, st.InFlight, st.MaxInFlightSeen, st.Stage = s.attempts, s.inFlight, s.maxSeen, s.stage
	st.ConfigVersion = s.cfg.Load().version
	return st
}
