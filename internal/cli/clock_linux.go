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
