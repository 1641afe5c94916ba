package alarm

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A kernelAlarm is a timerfd that Go's network poller waits for. The runtime rounds its own timers up to 1 ms when it has
// nothing else to do; a descriptor that becomes readable wakes it within some 50 us.
type kernelAlarm struct {
	base   time.Time
	anchor int64 // CLOCK_MONOTONIC in ns at base or some 100 ns later: it never rings early
	grain  time.Duration
	file   *os.File
	fd     int
	done   sync.WaitGroup
	rang   atomic.Int64 // when it last went off, since base

	mu     sync.Mutex
	closed bool // the number of fd may be another file's by now
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
	a := &kernelAlarm{base: base, anchor: now.Nano(), grain: grain, file: os.NewFile(uintptr(fd), "timerfd"), fd: fd}
	a.rang.Store(-int64(grain))
	a.done.Go(func() { a.watch(ring) })
	return a, nil
}

func (a *kernelAlarm) watch(ring func()) {
	var expirations [8]byte
	for {
		if _, err := a.file.Read(expirations[:]); err != nil {
			return // closed
		}
		a.rang.Store(int64(time.Since(a.base)))
		ring()
	}
}

func (a *kernelAlarm) Set(at time.Time) {
	after := max(at.Sub(a.base), time.Duration(a.rang.Load())+a.grain)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, a.anchor+int64(after)))} // 0 would disarm it
	_ = unix.TimerfdSettime(a.fd, unix.TFD_TIMER_ABSTIME, &spec, nil)                  // fails only for a bad descriptor or time
}

func (a *kernelAlarm) Close() {
	a.mu.Lock()
	a.closed = true
	_ = a.file.Close() // a timerfd has nothing to lose
	a.mu.Unlock()
	a.done.Wait()
}
