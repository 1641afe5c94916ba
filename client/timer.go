package client

import "time"

// What a flight waits for, as its timer sees it.
const (
	waitNothing int32 = iota
	waitFirst         // a stream's first content
	waitTotal         // the end of a plain answer
	waitIdle          // the next read
	waitDrain         // the end behind the end marker
)

// arm sets the timer to the wait that ends first. A single timer for all of
// them, because it is set again with each read.
func (f *flight) arm() {
	kind, d := f.nextWait(time.Since(f.a.Started))
	f.waiting.Store(kind)
	switch {
	case d == 0 && f.timer != nil:
		f.timer.Stop()
	case d == 0:
	case f.timer == nil:
		f.timer = time.AfterFunc(d, f.expire)
	default:
		f.timer.Reset(d)
	}
}

// nextWait returns what to wait for and how long, given the attempt's age; 0 is
// without end.
func (f *flight) nextWait(age time.Duration) (int32, time.Duration) {
	switch {
	case f.ended > 0:
		if f.drainBy == 0 {
			f.drainBy = age + drainTime
		}
		return waitDrain, max(f.drainBy-age, 1)
	case f.content:
		return waitIdle, f.cfg.IdleTimeout
	}
	kind, limit := waitTotal, f.limit(waitTotal)
	if f.call.stream {
		kind, limit = waitFirst, f.limit(waitFirst)
	}
	left := max(limit-age, 1)
	if idle := f.cfg.IdleTimeout; f.body != nil && !f.streaming && idle > 0 && (limit == 0 || idle < left) {
		return waitIdle, idle
	}
	if limit == 0 {
		return kind, 0
	}
	return kind, left
}

// limit returns the configured limit behind a wait, 0 if it is off.
func (f *flight) limit(kind int32) time.Duration {
	total, first := f.cfg.Timeout, f.cfg.FirstTokenTimeout
	switch {
	case kind == waitIdle:
		return f.cfg.IdleTimeout
	case kind == waitDrain:
		return drainTime
	case kind == waitFirst && first > 0 && (total == 0 || first < total):
		return first
	}
	return total
}

// expire aborts the attempt: the wait is over. It runs on the timer's goroutine,
// which may be late: then there is nothing to wait for, or no limit to it.
func (f *flight) expire() {
	kind := f.waiting.Load()
	limit := f.limit(kind)
	if kind == waitNothing || limit == 0 {
		return
	}
	now := f.wire.carrier.counts()
	phase := f.phase(now.waiting > 0 && now.dialling == 0)
	f.cancel(&TimeoutError{Phase: phase, Limit: limit, Endpoint: f.call.label, Attempts: f.number})
}

// phase names what the attempt waits for. In line for a connection of the pool
// it is no longer the attempt that knows.
func (f *flight) phase(inLine bool) string {
	kind := f.waiting.Load()
	switch {
	case f.trace.connected.Load() == 0 && inLine:
		return phaseQueue
	case f.trace.connected.Load() == 0:
		return phaseConnect
	case kind == waitFirst:
		return phaseFirstToken
	case kind == waitIdle:
		return phaseIdle
	}
	return phaseTotal
}
