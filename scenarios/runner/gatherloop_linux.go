package runner

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	gatherParts = 100 // in how many the connections are looked through
	// gatherWakes is how many readers are woken before the loop has another look. Those would all run before it, and while Go's
	// collector is at work each of them first does some 0.2 ms of that.
	gatherWakes = 8
)

// A gatherLoop hears from the kernel for many gatherers, on one goroutine. It waits for an epoll of its own, which is a
// descriptor to Go's poller like any other.
type gatherLoop struct {
	file *os.File
	raw  syscall.RawConn
	fd   int

	mu     sync.Mutex
	places []*gatherer // nil: free
	free   []int32
	looks  *time.Timer
	looked int         // the place from which on to look for what is overdue
	part   []*gatherer // of look, kept
	due    []*gatherer // whose readers are to be woken
}

// loops are the process's: one a processor, begun with the first connection that gathers, and there to its end.
type loops struct {
	all  []*gatherLoop
	turn atomic.Uint32
}

var gatherLoops = sync.OnceValues(func() (*loops, error) {
	l := &loops{}
	for range runtime.GOMAXPROCS(0) {
		loop, err := newGatherLoop()
		if err != nil {
			return nil, err
		}
		l.all = append(l.all, loop)
	}
	for _, loop := range l.all {
		loop.looks = time.AfterFunc(gatherHold, loop.look)
		go loop.run()
	}
	return l, nil
})

func (l *loops) pick() *gatherLoop { return l.all[int(l.turn.Add(1))%len(l.all)] }

func newGatherLoop() (*gatherLoop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or os.NewFile would not give it to the poller
		return nil, os.NewSyscallError("fcntl", err)
	}
	l := &gatherLoop{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	l.raw, err = l.file.SyscallConn()
	return l, err
}

// join gives a gatherer a place. Events of its socket bear the place; one of who had it before is heard in vain.
func (l *gatherLoop) join(g *gatherer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		g.place, l.free = l.free[n-1], l.free[:n-1]
		l.places[g.place] = g
	} else {
		g.place = int32(len(l.places))
		l.places = append(l.places, g)
	}
	err := unix.EpollCtl(l.fd, unix.EPOLL_CTL_ADD, g.fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: g.place,
	})
	if err != nil {
		l.vacate(g.place)
	}
	return os.NewSyscallError("epoll_ctl", err)
}

func (l *gatherLoop) leave(place int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.vacate(place)
}

func (l *gatherLoop) vacate(place int32) {
	l.places[place] = nil
	l.free = append(l.free, place)
}

func (l *gatherLoop) at(place int32) *gatherer {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.places[place]
}

func (l *gatherLoop) run() {
	var ready [256]unix.EpollEvent
	n := 0
	wait := func(fd uintptr) bool {
		r, _, no := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&ready)), uintptr(len(ready)), 0, 0, 0)
		if n = int(r); no != 0 {
			n = 0 // there is nothing to do but to wait
		}
		return n > 0 || len(l.due) > 0
	}
	for l.raw.Read(wait) == nil { // always: the file is not closed
		for i := range ready[:n] {
			if g := l.at(ready[i].Fd); g != nil && g.arrived(ready[i].Events) {
				l.due = append(l.due, g)
			}
		}
		l.wake()
		if n < len(ready) { // else there is more in the kernel, to be stamped before anything else runs
			runtime.Gosched() // and look once more when the others have run: Go's scheduler looks at descriptors when it has nothing else to do
		}
	}
}

// wake wakes the next readers.
func (l *gatherLoop) wake() {
	some := l.due[:min(gatherWakes, len(l.due))]
	for _, g := range some {
		signal(g.readable)
	}
	l.due = slices.Delete(l.due, 0, len(some))
}

// look wakes the readers of those that have held back for too long.
func (l *gatherLoop) look() {
	now := time.Now()
	for _, g := range l.some() {
		g.overdue(now)
	}
	l.looks.Reset(gatherHold / 2 / gatherParts)
}

// some returns a part of the gatherers, all of them in gatherParts calls: looking at all at once would hold up the others.
func (l *gatherLoop) some() []*gatherer {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.part = l.part[:0]
	for range min(len(l.places), 1+len(l.places)/gatherParts) {
		l.looked = (l.looked + 1) % len(l.places)
		if g := l.places[l.looked]; g != nil {
			l.part = append(l.part, g)
		}
	}
	return l.part
}
