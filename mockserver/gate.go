package mockserver

import (
	"net"
	"sync"
)

// A gate is a listener that can be shut for a while.
type gate struct {
	s    *Server
	addr net.Addr

	mu       sync.Mutex
	listener net.Listener
	shut     bool
	closed   bool
	err      error         // of opening again
	turned   chan struct{} // closed at the next turn
}

// turn opens or shuts the gate.
func (g *gate) turn(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.shut == shut {
		return
	}
	g.shut = shut
	if l, ok := g.listener.(*net.TCPListener); ok {
		g.listener, g.err = turnListener(l, shut)
	}
	g.wakeUp()
}

func (g *gate) wakeUp() {
	close(g.turned)
	g.turned = make(chan struct{})
}

// Accept returns the next connection that no fault hit.
func (g *gate) Accept() (net.Conn, error) {
	for {
		l, turned, shut, err := g.state()
		if err != nil {
			return nil, err
		}
		_, isTCP := l.(*net.TCPListener)
		if shut && isTCP {
			<-turned
			continue
		}
		conn, err := l.Accept()
		_, _, shut, closed := g.state()
		switch {
		case closed != nil:
			drop(conn)
			return nil, closed
		case shut && (isTCP || err == nil):
			drop(conn)
		case err != nil && g.changed(turned):
		case err != nil:
			return nil, err
		case !g.s.strikeConnection(conn):
			return conn, nil
		}
	}
}

// drop closes a connection that was accepted too late, if there is one.
func drop(c net.Conn) {
	if c != nil {
		_ = c.Close() // the client sees the end, whatever this says
	}
}

// changed says whether the gate was turned since a state that had this channel.
func (g *gate) changed(turned chan struct{}) bool {
	select {
	case <-turned:
		return true
	default:
		return false
	}
}

func (g *gate) state() (l net.Listener, turned chan struct{}, shut bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err = g.err; g.closed {
		err = net.ErrClosed
	}
	return g.listener, g.turned, g.shut, err
}

// Close closes the listener for good.
func (g *gate) Close() error {
	g.s.forget(g) // before the gate's own lock, as turnGates takes them
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil
	}
	g.closed = true
	g.wakeUp()
	return g.listener.Close()
}

// Addr is the address that was listened to, also while the gate is shut.
func (g *gate) Addr() net.Addr { return g.addr }
