package mockserver

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A kernelAlarm is a timerfd that Go's network poller waits for. The runtime
// rounds its own timers up to 1 ms when it has nothing else to do; a descriptor
// that becomes readable wakes it within some 50 us.
type kernelAlarm struct {
	clock clock
	file  *os.File
	fd    int
	done  sync.WaitGroup
	rang  atomic.Int64 // when it last went off
}

// grain is the least time between two calls. One costs some 5 us of kernel; with
// tens of thousands of tokens a second, several share one.
const grain = 250 * time.Microsecond

func newKernelAlarm(c clock, ring func()) (alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	a := &kernelAlarm{clock: c, file: os.NewFile(uintptr(fd), "timerfd"), fd: fd}
	a.done.Go(func() {
		var expirations [8]byte
		for {
			if _, err := a.file.Read(expirations[:]); err != nil {
				return // closed
			}
			a.rang.Store(int64(c.now()))
			ring()
		}
	})
	return a, nil
}

func (a *kernelAlarm) set(at time.Duration) {
	at = max(at, time.Duration(a.rang.Load())+grain)
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, a.clock.mono(at)))} // 0 would disarm it
	_ = unix.TimerfdSettime(a.fd, unix.TFD_TIMER_ABSTIME, &spec, nil)             // fails only for a bad descriptor or time
}

func (a *kernelAlarm) close() {
	_ = a.file.Close() // a timerfd has nothing to lose
	a.done.Wait()
}
