package runner

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stampsReads says whether this platform's kernel stamps what it receives.
const stampsReads = true

// stampedConn is a TCP connection whose reads bring the kernel's receive stamp (SO_TIMESTAMPING, Linux
// Documentation/networking/timestamping.rst): the time at which the last byte read came in from the network. A read costs about
// 1 us more than a plain one, no allocation and no lock.
type stampedConn struct {
	*net.TCPConn
	raw   syscall.RawConn
	start time.Time
	log   atomic.Pointer[readLog] // nil while a read has it, or nobody asks

	// Of the read under way; net/http never has two.
	buf     []byte
	n, oobn int
	err     error
	receive func(fd uintptr) bool // kept: a new closure each time would be allocated
	control control
	oob     []byte // control as bytes
	step    stepWatch
}

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
	s := &stampedConn{TCPConn: tcp, raw: raw, start: start}
	s.receive = s.recvmsg
	s.oob = unsafe.Slice((*byte)(unsafe.Pointer(&s.control)), unsafe.Sizeof(s.control))
	return s
}

// Read reads as a TCPConn does, and writes the read down where an attempt has tapped the connection.
func (c *stampedConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return c.TCPConn.Read(p)
	}
	c.buf = p
	err := c.raw.Read(c.receive)
	c.buf = nil
	switch {
	case err != nil:
		return 0, asRead(err)
	case c.err != nil:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("read", c.err)}
	case c.n == 0:
		return 0, io.EOF
	}
	c.note(time.Now())
	return c.n, nil
}

// recvmsg is called by the network poller until it has an answer.
func (c *stampedConn) recvmsg(fd uintptr) bool {
	for {
		c.n, c.oobn, _, _, c.err = syscall.Recvmsg(int(fd), c.buf, c.oob, syscall.MSG_DONTWAIT)
		if c.err != syscall.EINTR {
			return c.err != syscall.EAGAIN
		}
	}
}

// asRead names an error of the poller as a TCPConn's read does.
func asRead(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		op.Op = "read"
	}
	return err
}

// note writes a read down. Who has the log is settled by exchanging the pointer: a server that sends on after its answer
// wakes a read of net/http's while the attempt takes its log back.
func (c *stampedConn) note(now time.Time) {
	log := c.log.Swap(nil)
	if log == nil {
		return
	}
	read := socketRead{at: int64(now.Sub(c.start)), lag: unstamped}
	stepped := c.step.see(now.UnixNano(), read.at) != 0
	if stamp, ok := c.stamp(); ok && !stepped {
		read.lag = max(now.UnixNano()-stamp, unstamped) // before its own stamp: the clock was stepped
	}
	log.reads = append(log.reads, read)
	c.log.CompareAndSwap(nil, log)
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
