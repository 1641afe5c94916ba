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

// direct returns the connection under a request, if its answer may be written to
// it: TCP in the clear, HTTP/1.1.
func direct(r *http.Request) *net.TCPConn {
	tcp, _ := r.Context().Value(connKey{}).(*net.TCPConn)
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 {
		return nil
	}
	return tcp
}

// A wire writes the events of a stream, each write at once. The first goes
// through net/http, which puts the headers before it and announces chunks; from
// then on net/http holds nothing back, and chunks are written as it would (RFC
// 9112, section 7.1) where the connection is known. The last one, of no length,
// is net/http's.
type wire struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	conn  *net.TCPConn // nil: everything goes through net/http
	begun bool
	buf   []byte
}

func (o *wire) write(events []byte) error {
	if !o.begun || o.conn == nil {
		o.begun = true
		if _, err := o.w.Write(events); err != nil {
			return err
		}
		return o.rc.Flush()
	}
	if len(events) == 0 { // it would be the last chunk
		return nil
	}
	o.buf = strconv.AppendInt(o.buf[:0], int64(len(events)), 16)
	o.buf = append(append(append(o.buf, "\r\n"...), events...), "\r\n"...)
	_, err := o.conn.Write(o.buf)
	return err
}
