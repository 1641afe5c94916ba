package results

import "time"

// Shard is one machine's part of a run that several carry out, counted from 0, and how well it kept the start that all agreed on.
// A clock's figures are the operating system's own account, null where it has none or the clock is not synchronized.
type Shard struct {
	Index         int       `json:"index"`
	Count         int       `json:"count"`
	StartAt       time.Time `json:"start_at"`        // agreed by all, and the zero of the records' times
	LateMS        float64   `json:"late_ms"`         // how long after it the load began
	ClockOffsetMS *float64  `json:"clock_offset_ms"` // what is left to correct
	ClockErrorMS  *float64  `json:"clock_error_ms"`  // the most that the clock may be wrong
	RunID         string    `json:"run_id,omitempty"`
	Host          string    `json:"host,omitempty"`
}
