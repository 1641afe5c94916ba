// Package alarm wakes at times of the monotonic clock, as exactly as the platform can.
//
// Goals: deadlines are absolute, so that one late wake-up does not shift the next; on Linux a wake-up is late by some 50 us
// where package time's is by up to 1 ms. Non-goals: many deadlines (an alarm has one; a heap of them stands where they are
// known), and wake-ups that are never late.
package alarm

import "time"

// An Alarm calls back once, at or after the time it is set to. Setting it again replaces what was set. It may call back at
// other times too: who is called looks at the clock. Set and Close are safe for concurrent use.
type Alarm interface {
	Set(at time.Time)
	// Close ends the alarm, and waits for a call under way where the kernel's timers are used.
	Close()
}

// New returns an alarm that calls ring. With kernel it stands on a timer of the kernel, too, where that is to be had (Linux), which
// does not know the clock of a testing/synctest bubble; else on package time. Between two calls of a kernel's timer lies at
// least grain; 0 is no such limit.
func New(kernel bool, grain time.Duration, ring func()) Alarm {
	if kernel {
		if a, err := newKernel(grain, ring); err == nil {
			return a
		}
	}
	t := time.AfterFunc(forever, ring)
	t.Stop()
	return runtimeAlarm{t}
}

// forever is later than anything that is waited for.
const forever = 1 << 62

type runtimeAlarm struct{ timer *time.Timer }

func (a runtimeAlarm) Set(at time.Time) { a.timer.Reset(time.Until(at)) }
func (a runtimeAlarm) Close()           { a.timer.Stop() }

// A Timer is an alarm for one goroutine that also waits for other things. C holds at most one ring, and a ring may be of a
// time that was set before: look at the clock.
type Timer struct {
	Alarm
	C <-chan struct{}
}

// NewTimer returns a timer that is not set; kernel is as in New.
func NewTimer(kernel bool) *Timer {
	c := make(chan struct{}, 1)
	return &Timer{C: c, Alarm: New(kernel, 0, func() {
		select {
		case c <- struct{}{}:
		default: // the last ring is still there
		}
	})}
}
