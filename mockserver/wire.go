package mockserver

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"time"
)

// HTTPServer returns a new server of s alone, as `llmload mock` has it: its
// streams go to a TCP connection in one call, past net/http's two buffers, which
// is a fifth of what an event costs. Behind another http.Server, or inside other
// handlers, s answers the same. Serve it on a listener of [Server.Listen], and
// close it after s.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{Handler: s, ReadHeaderTimeout: 30 * time.Second, ConnContext: withConn}
}

func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

type connKey struct{}

// direct returns what writes to the connection under a request, if its answer may
// be written there: TCP in the clear, HTTP/1.1.
func direct(r *http.Request) *rawConn {
	tcp, ok := r.Context().Value(connKey{}).(*net.TCPConn)
	if !ok || r.ProtoMajor != 1 || r.ProtoMinor != 1 {
		return nil
	}
	return newRawConn(tcp)
}

// A wire writes the events of a stream, each write at once. The first goes
// through net/http, which puts the headers before it and announces chunks; from
// then on net/http holds nothing back, and chunks are written as it would (RFC
// 9112, section 7.1) where the connection is known. The last one, of no length,
// is net/http's.
type wire struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	conn  *rawConn // nil: everything goes through net/http
	begun bool
	buf   []byte
}

// blockedAfter is how long a write takes that its reader is said to have
// blocked, where the kernel does not say so.
const blockedAfter = 10 * time.Millisecond

// write reports whether the client held it up by not reading.
func (o *wire) write(events []byte) (blocked bool, err error) {
	if !o.begun || o.conn == nil {
		return o.through(events)
	}
	if len(events) == 0 { // it would be the last chunk
		return false, nil
	}
	o.buf = strconv.AppendInt(o.buf[:0], int64(len(events)), 16)
	o.buf = append(append(append(o.buf, "\r\n"...), events...), "\r\n"...)
	return o.conn.write(o.buf)
}

// through writes by net/http.
func (o *wire) through(events []byte) (blocked bool, err error) {
	o.begun = true
	begun := time.Now()
	if _, err = o.w.Write(events); err == nil {
		err = o.rc.Flush()
	}
	return time.Since(begun) > blockedAfter, err
}
