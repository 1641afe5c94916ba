//go:build unix

package runner

import (
	"time"

	"golang.org/x/sys/unix"
)

// processCPU is the CPU time that this process has used, user and system.
func processCPU() (time.Duration, bool) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return 0, false
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), true
}
