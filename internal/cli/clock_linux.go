package cli

import "golang.org/x/sys/unix"

// monotonic reads the clock that the mock's truth ledger is written in, so that a run can be joined with it.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return t.Nano()
}

// unsynchronized is the kernel's word that nothing disciplines its clock, inNanoseconds that offsets are in ns and not in us.
const (
	unsynchronized = 0x40
	inNanoseconds  = 0x2000
)

// clockError is the kernel's own account of its realtime clock: what its time service has left to correct, and the most that
// it may be wrong. Both are nil where nothing disciplines it, or where it may not be asked.
func clockError() (offsetMS, maxMS *float64) {
	var t unix.Timex
	if _, err := unix.Adjtimex(&t); err != nil || t.Status&unsynchronized != 0 {
		return nil, nil
	}
	offset, most := float64(t.Offset)/1e3, float64(t.Maxerror)/1e3
	if t.Status&inNanoseconds != 0 {
		offset /= 1e3
	}
	return &offset, &most
}
