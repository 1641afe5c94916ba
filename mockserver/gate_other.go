//go:build !linux

package mockserver

import "net"

// turnListener closes a socket, or opens one at the same address.
func turnListener(l *net.TCPListener, shut bool) (net.Listener, error) {
	if shut {
		return l, l.Close()
	}
	again, err := net.Listen(l.Addr().Network(), l.Addr().String())
	if err != nil {
		return l, err
	}
	return again, nil
}
