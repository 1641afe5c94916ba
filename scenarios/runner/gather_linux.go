package runner

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a connection that gathers holds back at most.
const (
	gatherRoom     = 3 << 10         // bytes
	gatherLeft     = 1 << 10         // with less room than that left the reader is woken: events come on until it has run
	gatherArrivals = 16              // with no fewer of them
	gatherHold     = 2 * time.Second // a stream that goes on, after that; one that is quiet, within half as long again
)

// A gatherer is a connection's socket once it has left Go's network poller, which would wake a goroutine for each arrival. A
// loop receives in its stead, stamps, and wakes the reader when there is enough to read. All is guarded by mu, the socket's
// number included: a closed one may be another's. Deadlines are not kept; net/http sets none on a connection in use.
type gatherer struct {
	conn     *stampedConn
	loop     *gatherLoop
	place    int32 // in the loop
	readable chan struct{}
	writable chan struct{}

	mu      sync.Mutex
	fd      int               // -1: closed
	ended   error             // why nothing more will come
	awaited func([]byte) bool // nil: the reader is woken for each arrival
	buf     []byte
	held    []arrival
	next    int  // the first of held that was not handed over
	from    int  // where in buf its rest begins
	ready   bool // they are enough to read
	full    bool // the kernel takes no more to send for now
}

// An arrival is what one receive brought. It is written down when it is handed over: that may allocate, and the loop must not,
// as Go's collector has who allocates do its work.
type arrival struct {
	socketRead
	end int // in the buffer
}

// newGatherer takes the connection's socket over: a second number for it, of which Go's poller does not know.
func newGatherer(c *stampedConn) (*gatherer, error) {
	loops, err := gatherLoops()
	if err != nil {
		return nil, err
	}
	g := &gatherer{
		conn: c, loop: loops.pick(), readable: make(chan struct{}, 1), writable: make(chan struct{}, 1),
		buf: make([]byte, 0, gatherRoom), held: make([]arrival, 0, 3*gatherArrivals/2),
	}
	refused := c.raw.Control(func(fd uintptr) { g.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	if err := g.loop.join(g); err != nil {
		_ = unix.Close(g.fd)
		return nil, err
	}
	return g, nil
}

// gather changes what the reader is woken for.
func (g *gatherer) gather(awaited func([]byte) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.awaited, g.ready = awaited, g.next < len(g.held)
	if awaited == nil {
		signal(g.readable)
		return
	}
	select {
	case <-g.readable: // an arrival that was read already
	default:
	}
}

func (g *gatherer) read(p []byte) (int, error) {
	for {
		if n, err := g.tryRead(p); err != syscall.EAGAIN {
			return n, g.conn.named("read", err)
		}
		<-g.readable
	}
}

// wait returns when there is enough to read.
func (g *gatherer) wait() {
	for !g.worthwhile() {
		<-g.readable
	}
}

func (g *gatherer) worthwhile() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.awaited == nil {
		return true
	}
	if g.next == len(g.held) {
		g.drained()
		g.ready = g.more()
	}
	return g.ready
}

// tryRead hands the next arrival over, else receives. It fails with EAGAIN where nothing came.
func (g *gatherer) tryRead(p []byte) (n int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.refill(); err != nil {
		g.conn.readAt.Store(int64(time.Since(g.conn.start)))
		return 0, err
	}
	a := g.held[g.next]
	n = copy(p, g.buf[g.from:a.end])
	if g.from += n; g.from == a.end {
		g.conn.note(a.socketRead)
		g.next++
	}
	g.conn.readAt.Store(a.at)
	return n, nil
}

// refill receives if everything was handed over.
func (g *gatherer) refill() error {
	if g.next < len(g.held) {
		return nil
	}
	g.drained()
	return g.receive()
}

func (g *gatherer) drained() {
	g.buf, g.held, g.next, g.from, g.ready = g.buf[:0], g.held[:0], 0, 0, false
}

// receive takes in and stamps what has come. The kernel tells of an error once.
func (g *gatherer) receive() error {
	switch {
	case g.fd < 0:
		return net.ErrClosed
	case g.ended != nil:
		return g.ended
	}
	n, err := g.conn.recvmsg(g.fd, g.buf[len(g.buf):cap(g.buf)])
	now := time.Now()
	switch {
	case err == syscall.EAGAIN:
		return err
	case err != nil:
		g.ended = err
		return err
	case n == 0:
		g.ended = io.EOF
		return io.EOF
	}
	g.buf = g.buf[:len(g.buf)+n]
	g.held = append(g.held, arrival{g.conn.stamped(now), len(g.buf)})
	return nil
}

const hangup = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR

// arrived takes in what the kernel tells of, and reports whether the reader is to be woken for it, in its turn.
func (g *gatherer) arrived(events uint32) (wake bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.full && events&(unix.EPOLLOUT|hangup) != 0 {
		g.full = false
		signal(g.writable)
	}
	if events&(unix.EPOLLIN|hangup) == 0 {
		return false
	}
	if g.awaited == nil { // the reader stamps, and must not wait for its turn
		g.ready = true
		signal(g.readable)
		return false
	}
	before := g.ready
	g.ready = g.more() || events&hangup != 0 || before
	return g.ready && !before
}

// more receives, and reports whether there is enough to read now. It leaves no data behind in silence: the kernel does not
// tell of it again.
func (g *gatherer) more() bool {
	if len(g.buf) == cap(g.buf) {
		return true
	}
	before := len(g.buf)
	if err := g.receive(); err != nil {
		return err != syscall.EAGAIN
	}
	return cap(g.buf)-len(g.buf) < gatherLeft || len(g.held) >= gatherArrivals || g.holds(g.held[len(g.held)-1].at) || g.awaited(g.buf[before:])
}

// overdue wakes the reader of a stream that has become quiet.
func (g *gatherer) overdue(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next < len(g.held) && g.holds(int64(now.Sub(g.conn.start))) {
		g.ready = true
		signal(g.readable)
	}
}

// holds reports that the first arrival has been held for long enough.
func (g *gatherer) holds(now int64) bool { return now-g.held[0].at >= int64(gatherHold) }

func (g *gatherer) write(p []byte) (written int, err error) {
	for written < len(p) {
		n, err := g.tryWrite(p[written:])
		written += max(n, 0)
		switch err {
		case nil, syscall.EINTR:
		case syscall.EAGAIN:
			<-g.writable
		default:
			return written, g.conn.named("write", err)
		}
	}
	return written, nil
}

func (g *gatherer) tryWrite(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fd < 0 {
		return 0, net.ErrClosed
	}
	n, err := syscall.SendmsgN(g.fd, p, nil, nil, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
	g.full = err == syscall.EAGAIN
	return n, err
}

// control lends the socket's number.
func (g *gatherer) control(f func(fd uintptr)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fd < 0 {
		return net.ErrClosed
	}
	f(uintptr(g.fd))
	return nil
}

func (g *gatherer) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fd < 0 {
		return net.ErrClosed
	}
	g.loop.leave(g.place)
	err := unix.Close(g.fd) // the loop's epoll forgets it
	g.fd = -1
	signal(g.readable)
	signal(g.writable)
	return os.NewSyscallError("close", err)
}

// signal wakes who waits, or who will.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
