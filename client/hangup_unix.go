//go:build unix

package client

import (
	"errors"
	"net"
	"syscall"
)

// hangup asks the kernel whether the server has closed a connection. net/http
// finds out too, but only when its reading goroutine gets to run, and a request
// that is quicker is lost: of 200 sent right after the server hung up, 125 were.
type hangup struct {
	raw  syscall.RawConn
	peek func(fd uintptr) // kept, because a new closure each time would be allocated
	buf  [1]byte
	gone bool
}

// watch prepares for a socket; others than the kernel's are not asked.
func (h *hangup) watch(socket net.Conn) {
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			h.raw, h.peek = raw, h.look
		}
	}
}

func (h *hangup) look(fd uintptr) {
	n, _, err := syscall.Recvfrom(int(fd), h.buf[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	h.gone = n == 0 && err == nil || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
}

// hungUp uses Control, because Read would wait for the goroutine that reads.
func (h *hangup) hungUp() bool {
	if h.raw == nil {
		return false
	}
	return h.raw.Control(h.peek) != nil || h.gone
}
