package mockserver

import "time"

// A clock is the server's only way to the time: durations since the server was
// made, and their place on the clock that other processes of the host share.
type clock struct {
	base   time.Time
	anchor int64 // CLOCK_MONOTONIC in ns at base
}

func newClock() clock {
	// The two readings are some 100 ns apart: that is the error of every stamp
	// against another process's.
	return clock{base: time.Now(), anchor: monotonic()}
}

func (c clock) now() time.Duration { return time.Since(c.base) }

func (c clock) wall() time.Time { return c.base.Add(c.now()) }

func (c clock) mono(t time.Duration) int64 { return c.anchor + int64(t) }
