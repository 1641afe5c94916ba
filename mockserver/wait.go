package mockserver

import "time"

// A next says when what an exchange waits for is due; ok is false while the
// engine has not decided that. It is called under the scheduler's lock.
type next func() (due time.Duration, ok bool)

// await waits until what the exchange waits for is due. It returns early only
// with the context's error.
//
// A decision of the engine moves the wake-up without waking the exchange, so that
// each token costs one.
func (x *exchange) await(n next) error {
	if !x.s.sched.watch(x.waiter, n) {
		<-x.waiter.wake
	}
	return x.ctx.Err()
}

// wait waits for a time that the engine has no say in.
func (x *exchange) wait(due time.Duration) error {
	return x.await(func() (time.Duration, bool) { return due, true })
}

// dueOf waits until the engine has decided when token i of c is due.
func (x *exchange) dueOf(c *choice, i int) (at time.Duration, err error) {
	err = x.await(func() (time.Duration, bool) {
		var ok bool
		at, ok = c.seq.Due(i)
		return 0, ok // the decision is waited for, not the time
	})
	return at, err
}

// admission waits until c has left the queue.
func (x *exchange) admission(c *choice) error {
	return x.await(func() (time.Duration, bool) {
		_, ok := c.seq.Admitted()
		return 0, ok
	})
}
