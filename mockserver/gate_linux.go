package mockserver

import (
	"net"

	"golang.org/x/sys/unix"
)

// turnListener makes a socket stop listening, or listen again. It stays bound,
// so that the kernel gives its port to nobody meanwhile.
func turnListener(l *net.TCPListener, shut bool) (net.Listener, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return l, err
	}
	turn := func(fd int) error { return unix.Listen(fd, unix.SOMAXCONN) }
	if shut {
		turn = stopListening
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = turn(int(fd)) })
	if err == nil {
		err = failed
	}
	return l, err
}

// stopListening keeps the address. The kernel keeps a port that was asked for by
// number; one that it chose itself it lets go, and that is asked for again.
func stopListening(fd int) error {
	addr, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	if err := unix.Shutdown(fd, unix.SHUT_RDWR); err != nil {
		return err
	}
	if err := unix.Bind(fd, addr); err != nil && err != unix.EINVAL { // EINVAL: it is bound
		return err
	}
	return nil
}
