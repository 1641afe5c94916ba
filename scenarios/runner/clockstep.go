package runner

import "time"

// The kernel stamps on the realtime clock, which can be stepped between a stamp and the read that brings it. Steps are found
// by the clock's distance to the monotonic one. Slewing moves that too, by less than a tenth of the time (chrony's most is
// 8.3%), and two readings of the clocks are apart by less than clockSlack unless the process was held up between them.
const clockSlack = int64(time.Millisecond)

// A stepWatch finds steps of the realtime clock. The zero value has seen nothing.
type stepWatch struct {
	seen         bool
	mono, offset int64
}

// see takes in both clocks, in nanoseconds, and returns by how much the realtime clock was stepped since the last time; 0 is
// not at all.
func (w *stepWatch) see(real, mono int64) (step int64) {
	offset := real - mono
	if moved := offset - w.offset; w.seen && max(moved, -moved) > clockSlack+(mono-w.mono)/10 {
		step = moved
	}
	w.seen, w.mono, w.offset = true, mono, offset
	return step
}

// clocks reads the realtime and the monotonic clock. Package time reads the realtime one first, so that a hold-up between the
// two shows as a smaller distance: the largest of three is the least disturbed.
func clocks(start time.Time) (real, mono int64) {
	for i := range 3 {
		now := time.Now()
		if r, m := now.UnixNano(), int64(now.Sub(start)); i == 0 || r-m > real-mono {
			real, mono = r, m
		}
	}
	return real, mono
}
