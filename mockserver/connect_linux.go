package mockserver

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// turnListener makes a socket stop listening, or listen again. It stays bound:
// nobody else can take its port meanwhile.
func turnListener(l *net.TCPListener, shut bool) (net.Listener, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return l, err
	}
	var sysErr error
	err = raw.Control(func(fd uintptr) {
		if shut {
			sysErr = unix.Shutdown(int(fd), unix.SHUT_RDWR)
		} else {
			sysErr = unix.Listen(int(fd), unix.SOMAXCONN)
		}
	})
	return l, errors.Join(err, sysErr)
}
