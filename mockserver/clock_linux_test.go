package mockserver_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Another process of the host compares its own CLOCK_MONOTONIC with the ledger.
func TestTheLedgersClockIsTheHosts(t *testing.T) {
	read := func() int64 {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			t.Fatal(err)
		}
		return ts.Nano()
	}
	s := serve(t, "")
	before := read()
	st := s.State()
	after := read()
	// The anchor's two readings may be apart when the machine is busy.
	const slack = int64(2 * time.Second) // far above any preemption, far below a wrong clock
	if st.MonotonicNS < before-slack || st.MonotonicNS > after+slack {
		t.Errorf("%d is not between %d and %d", st.MonotonicNS, before, after)
	}
	if st.Clock != "CLOCK_MONOTONIC" {
		t.Errorf("clock %q", st.Clock)
	}
}
