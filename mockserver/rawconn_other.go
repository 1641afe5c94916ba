//go:build !unix

package mockserver

import (
	"net"
	"time"
)

// A rawConn writes to a connection. Whether its reader held it up can only be
// guessed from the time that it took.
type rawConn struct{ conn *net.TCPConn }

func newRawConn(tcp *net.TCPConn) *rawConn { return &rawConn{tcp} }

func (r *rawConn) write(b []byte) (blocked bool, err error) {
	begun := time.Now()
	_, err = r.conn.Write(b)
	return time.Since(begun) > blockedAfter, err
}
