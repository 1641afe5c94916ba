package mockserver

import "golang.org/x/sys/unix"

// clockName says what the ledger's times are measured from.
const clockName = "CLOCK_MONOTONIC"

// monotonic reads CLOCK_MONOTONIC, which package time never shows.
func monotonic() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return ts.Nano()
}
