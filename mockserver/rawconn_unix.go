//go:build unix

package mockserver

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// A rawConn writes to a connection and says whether its reader held it up: then
// the kernel had no room. How long a write took does not tell that, because a
// server that gets no CPU takes long too.
type rawConn struct {
	conn    syscall.RawConn
	try     func(fd uintptr) bool // r.attempt, allocated once
	left    []byte
	blocked bool
	err     error
}

func newRawConn(tcp *net.TCPConn) *rawConn {
	conn, err := tcp.SyscallConn()
	if err != nil {
		return nil // it is closed, and net/http will find out
	}
	r := &rawConn{conn: conn}
	r.try = r.attempt
	return r
}

func (r *rawConn) write(b []byte) (blocked bool, err error) {
	r.left, r.blocked, r.err = b, false, nil
	for len(r.left) > 0 && r.err == nil {
		if err := r.conn.Write(r.try); err != nil {
			return r.blocked, err
		}
	}
	return r.blocked, r.err
}

// attempt writes what there is room for. With false it is called again when
// there is more, as syscall.RawConn has it.
func (r *rawConn) attempt(fd uintptr) (done bool) {
	n, err := unix.Write(int(fd), r.left)
	switch err {
	case nil:
		r.left = r.left[n:]
	case unix.EAGAIN:
		r.blocked = true
		return false
	case unix.EINTR:
	default:
		r.err = err
	}
	return true
}
