package runner

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/llmload/llmload/client"
)

// stampsReads says whether this platform's kernel stamps what it receives.
const stampsReads = true

// stampedConn is a TCP connection whose reads bring the kernel's receive stamp (SO_TIMESTAMPING, Linux
// Documentation/networking/timestamping.rst): the time at which the last byte read came in from the network. A read costs about
// 1 us more than a plain one, no allocation and no lock that others want. It can gather what comes, see client.Gatherer.
type stampedConn struct {
	tcp    *net.TCPConn
	raw    syscall.RawConn
	start  time.Time
	log    atomic.Pointer[readLog] // nil while a read has it, or nobody asks
	readAt atomic.Int64            // since start, when the data of the last read came in

	reading, writing sync.Mutex               // held by the calls of tcp: while it is in use, the socket stays with it
	moving           sync.Mutex               // guards the change of own
	own              atomic.Pointer[gatherer] // has the socket once it has left tcp

	// Of the read under way; net/http never has two.
	buf     []byte
	n, oobn int
	err     error
	receive func(fd uintptr) bool // kept: a new closure each time would be allocated
	control control
	oob     []byte // control as bytes
	vector  unix.Iovec
	message unix.Msghdr
	step    stepWatch
}

var _ client.Gatherer = (*stampedConn)(nil)

// control is the message that carries the stamps: of the software, one that is no more used, of the hardware.
type control struct {
	header unix.Cmsghdr
	stamps [3]unix.Timespec
}

// stampReads wraps a TCP connection; others, and those whose kernel refuses, come back as they are.
func stampReads(c net.Conn, start time.Time) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	refused := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPING, unix.SOF_TIMESTAMPING_RX_SOFTWARE|unix.SOF_TIMESTAMPING_SOFTWARE)
	})
	if errors.Join(err, refused) != nil {
		return c
	}
	s := &stampedConn{tcp: tcp, raw: raw, start: start}
	s.receive = s.polled
	s.oob = unsafe.Slice((*byte)(unsafe.Pointer(&s.control)), unsafe.Sizeof(s.control))
	s.message.Iov, s.message.Control = &s.vector, &s.oob[0]
	s.message.SetIovlen(1)
	return s
}

// Read reads as a TCPConn does, and writes the read down where an attempt has tapped the connection.
func (c *stampedConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	if g := c.own.Load(); g != nil {
		return g.read(p)
	}
	c.buf = p
	err := c.raw.Read(c.receive)
	c.buf = nil
	switch {
	case err != nil:
		return 0, asRead(err)
	case c.err != nil:
		return 0, c.named("read", c.err)
	}
	now := time.Now()
	c.readAt.Store(int64(now.Sub(c.start)))
	if c.n == 0 {
		return 0, io.EOF
	}
	c.note(c.stamped(now))
	return c.n, nil
}

// polled is called by the network poller until it has an answer.
func (c *stampedConn) polled(fd uintptr) bool {
	c.n, c.err = c.recvmsg(int(fd), c.buf)
	return c.err != syscall.EAGAIN
}

// recvmsg never blocks, so that Go's scheduler need not hear of it: that costs as much as a tenth of all where streams are many.
func (c *stampedConn) recvmsg(fd int, p []byte) (n int, err error) {
	c.vector.Base = &p[0]
	c.vector.SetLen(len(p))
	for {
		c.message.SetControllen(len(c.oob))
		r, _, no := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&c.message)), unix.MSG_DONTWAIT)
		switch no {
		case 0:
			c.oobn = int(c.message.Controllen)
			return int(r), nil
		case unix.EINTR:
		default:
			return 0, no
		}
	}
}

// named says of an error of the kernel what a TCPConn would.
func (c *stampedConn) named(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if no, ok := err.(syscall.Errno); ok {
		err = os.NewSyscallError(op, no)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// asRead names an error of the poller as a TCPConn's read does.
func asRead(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		op.Op = "read"
	}
	return err
}

// Gather implements client.Gatherer. The first time, the socket leaves tcp, unless a read or a write of it is under way.
func (c *stampedConn) Gather(awaited func(last []byte) bool) {
	c.moving.Lock()
	defer c.moving.Unlock()
	g := c.own.Load()
	if g == nil && awaited != nil {
		g = c.move()
	}
	if g != nil {
		g.gather(awaited)
	}
}

func (c *stampedConn) move() *gatherer {
	if !c.reading.TryLock() {
		return nil
	}
	defer c.reading.Unlock()
	if !c.writing.TryLock() {
		return nil
	}
	defer c.writing.Unlock()
	g, err := newGatherer(c)
	if err != nil {
		return nil // it is read as before
	}
	c.own.Store(g)
	_ = c.tcp.Close() // the socket lives on
	return g
}

// Wait implements client.Gatherer.
func (c *stampedConn) Wait() {
	if g := c.own.Load(); g != nil {
		g.wait()
	}
}

// ReadAt implements client.Gatherer.
func (c *stampedConn) ReadAt() time.Time { return c.start.Add(time.Duration(c.readAt.Load())) }

// Write implements net.Conn.
func (c *stampedConn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if g := c.own.Load(); g != nil {
		return g.write(p)
	}
	return c.tcp.Write(p)
}

// Close implements net.Conn.
func (c *stampedConn) Close() error {
	c.moving.Lock()
	defer c.moving.Unlock()
	if g := c.own.Load(); g != nil {
		return c.named("close", g.close())
	}
	return c.tcp.Close()
}

// SyscallConn implements syscall.Conn, for looks at the socket.
func (c *stampedConn) SyscallConn() (syscall.RawConn, error) { return look{c}, nil }

// look is a RawConn that controls, and neither reads nor writes.
type look struct{ c *stampedConn }

func (l look) Control(f func(fd uintptr)) error {
	if g := l.c.own.Load(); g != nil {
		return g.control(f)
	}
	return l.c.raw.Control(f)
}

func (look) Read(func(uintptr) bool) error  { return errors.ErrUnsupported }
func (look) Write(func(uintptr) bool) error { return errors.ErrUnsupported }

// The rest of net.Conn is tcp's. Once it has lost its socket, it keeps the addresses and refuses deadlines.

func (c *stampedConn) LocalAddr() net.Addr                { return c.tcp.LocalAddr() }
func (c *stampedConn) RemoteAddr() net.Addr               { return c.tcp.RemoteAddr() }
func (c *stampedConn) SetDeadline(t time.Time) error      { return c.tcp.SetDeadline(t) }
func (c *stampedConn) SetReadDeadline(t time.Time) error  { return c.tcp.SetReadDeadline(t) }
func (c *stampedConn) SetWriteDeadline(t time.Time) error { return c.tcp.SetWriteDeadline(t) }

// stamped is what to write down of a read that returned now.
func (c *stampedConn) stamped(now time.Time) socketRead {
	read := socketRead{at: int64(now.Sub(c.start)), lag: unstamped}
	stepped := c.step.see(now.UnixNano(), read.at) != 0
	if stamp, ok := c.stamp(); ok && !stepped {
		read.lag = max(now.UnixNano()-stamp, unstamped) // before its own stamp: the clock was stepped
	}
	return read
}

// note writes a read down. Who has the log is settled by exchanging the pointer: a server that sends on after its answer
// wakes a read of net/http's while the attempt takes its log back.
func (c *stampedConn) note(read socketRead) {
	if log := c.log.Swap(nil); log != nil {
		log.reads = append(log.reads, read)
		c.log.CompareAndSwap(nil, log)
	}
}

// stamp is the kernel's, in nanoseconds of the realtime clock. It is absent at times: the kernel begins to stamp a moment after
// the first socket asks.
func (c *stampedConn) stamp() (int64, bool) {
	h := &c.control.header
	if c.oobn < unix.CmsgLen(int(unsafe.Sizeof(c.control.stamps[0]))) || h.Level != unix.SOL_SOCKET || h.Type != unix.SO_TIMESTAMPING {
		return 0, false
	}
	ns := c.control.stamps[0].Nano()
	return ns, ns != 0
}

func (c *stampedConn) tap(l *readLog)  { c.log.Store(l) }
func (c *stampedConn) untap() *readLog { return c.log.Swap(nil) }
