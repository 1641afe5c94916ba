package mockserver

import "time"

// An alarm calls back once, at or after the time it is set to. Setting it again
// replaces what was set. It may call back at other times too.
type alarm interface {
	set(at time.Duration)
	close()
}

// newAlarm returns the kernel's alarm where that is asked for and to be had,
// else package time's, which is up to 1 ms late on an idle machine but knows the
// clock of a testing/synctest bubble.
func newAlarm(c clock, kernel bool, ring func()) alarm {
	if kernel {
		if a, err := newKernelAlarm(c, ring); err == nil {
			return a
		}
	}
	t := time.AfterFunc(forever, ring)
	t.Stop()
	return timerAlarm{c, t}
}

// forever is later than anything that is waited for.
const forever = 1 << 62

type timerAlarm struct {
	clock clock
	timer *time.Timer
}

func (a timerAlarm) set(at time.Duration) { a.timer.Reset(at - a.clock.now()) }
func (a timerAlarm) close()               { a.timer.Stop() }
