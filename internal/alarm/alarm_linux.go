package alarm

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A kernelAlarm is a timerfd that Go's network poller waits for, and one of the runtime's timers beside it. The runtime rounds its
// own up to 1 ms when it has nothing else to do; a descriptor that becomes readable wakes it within some 50 us. But while each of
// its processors has goroutines to run, it looks at descriptors every 10 ms only, and at its timers before each goroutine.
type kernelAlarm struct {
	base   time.Time
	anchor int64 // CLOCK_MONOTONIC in ns at base or some 100 ns later: it never rings early
	grain  time.Duration
	file   *os.File
	fd     int
	busy   *time.Timer // the runtime's
	done   sync.WaitGroup
	due    atomic.Int64 // what it is set to, since base
	rang   atomic.Int64 // when it last went off, since base

	mu     sync.Mutex
	closed bool // the number of fd may be another file's by now

	ringing sync.Mutex // guards ring: a call at a time, and none after Close
	ring    func()
}

func newKernel(grain time.Duration, ring func()) (Alarm, error) {
	var now unix.Timespec
	base := time.Now()
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return nil, err
	}
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	a := &kernelAlarm{base: base, anchor: now.Nano(), grain: grain, file: os.NewFile(uintptr(fd), "timerfd"), fd: fd, ring: ring}
	a.rang.Store(-int64(grain))
	a.due.Store(forever)
	a.busy = time.AfterFunc(forever, a.call)
	a.done.Go(a.watch)
	return a, nil
}

func (a *kernelAlarm) watch() {
	var expirations [8]byte
	for {
		if _, err := a.file.Read(expirations[:]); err != nil {
			return // closed
		}
		a.call()
	}
}

// call rings for the first of both timers, and is deaf to the other.
func (a *kernelAlarm) call() {
	a.ringing.Lock()
	defer a.ringing.Unlock()
	now := int64(time.Since(a.base))
	if due := a.due.Load(); a.ring == nil || now < due || !a.due.CompareAndSwap(due, forever) {
		return
	}
	a.rang.Store(now)
	a.ring()
}

func (a *kernelAlarm) Set(at time.Time) {
	after := max(at.Sub(a.base), time.Duration(a.rang.Load())+a.grain)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.due.Store(int64(after))
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, a.anchor+int64(after)))} // 0 would disarm it
	_ = unix.TimerfdSettime(a.fd, unix.TFD_TIMER_ABSTIME, &spec, nil)                  // fails only for a bad descriptor or time
	a.busy.Reset(time.Until(a.base.Add(after)))
}

func (a *kernelAlarm) Close() {
	a.mu.Lock()
	a.closed = true
	_ = a.file.Close() // a timerfd has nothing to lose
	a.busy.Stop()
	a.mu.Unlock()
	a.done.Wait()
	a.ringing.Lock()
	a.ring = nil
	a.ringing.Unlock()
}
