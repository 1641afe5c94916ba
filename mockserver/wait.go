package mockserver

import (
	"errors"
	"math"
	"time"
)

var errWoken = errors.New("woken")

// wait returns nil when due is reached, errWoken when the engine decided
// something before that, or the context's error.
func (x *exchange) wait(due time.Duration) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	d := due - x.s.clock.now()
	if d <= 0 {
		return nil
	}
	x.timer.Reset(d)
	select {
	case <-x.timer.C:
		return nil
	case <-x.wake:
		return errWoken
	case <-x.ctx.Done():
		return x.ctx.Err()
	}
}

// waitOut waits for due whatever the engine decides meanwhile.
func (x *exchange) waitOut(due time.Duration) error {
	for {
		if err := x.wait(due); err != errWoken {
			return err
		}
	}
}

// forever is later than any engine's plan.
const forever = time.Duration(math.MaxInt64 / 2)

// dueOf waits until the engine has decided when token i of c is due.
func (x *exchange) dueOf(c *choice, i int) (time.Duration, error) {
	for {
		if due, ok := x.s.sched.due(c.seq, i); ok {
			return due, nil
		}
		if err := x.wait(forever); err != nil && err != errWoken {
			return 0, err
		}
	}
}
