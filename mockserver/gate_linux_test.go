package mockserver_test

import (
	"errors"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel would else give the port to some client's connection, and the
// server could never listen again.
func TestThePortIsKeptWhileItIsRefused(t *testing.T) {
	s, srv := listen(t, "engine: {model: none}")
	for range 2 {
		begin(t, s, "down", "[{action: {connect: refuse}}]")
		exclusive := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 0) })
		}}
		l, err := exclusive.Listen(t.Context(), "tcp", srv.Listener.Addr().String())
		if !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("the port was given away: %v, %v", l, err)
		}
		begin(t, s, "up", "[]")
	}
}
