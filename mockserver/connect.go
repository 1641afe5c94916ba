package mockserver

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Listen returns a listener whose connections the connect faults act on; serve
// the Server on it. While a fault refuses, l's socket does not listen: on other
// systems than Linux its port is free meanwhile, and a listener that is no
// *net.TCPListener has its connections closed as soon as they are accepted.
//
// Each connection that a fault hits, and each time of refusing, is a Record
// with neither Seq nor Path.
func (s *Server) Listen(l net.Listener) net.Listener {
	g := &gate{s: s, addr: l.Addr(), listener: l, turned: make(chan struct{})}
	s.gates.mu.Lock()
	s.gates.all = append(s.gates.all, g)
	s.gates.mu.Unlock()
	s.gates.listens.Store(true)
	s.turnGates()
	return g
}

// gates are the listeners that the connect faults act on.
type gates struct {
	mu     sync.Mutex
	all    []*gate
	timer  *time.Timer // nil, or armed for the next window's edge
	shut   *Record     // nil, or of the refusing under way
	hung   sync.WaitGroup
	closed bool

	listens atomic.Bool  // there was a listener
	struck  atomic.Int64 // connections and times of refusing
}

// turnGates opens or shuts every listener as the faults of now say, and comes
// again when that changes.
func (s *Server) turnGates() {
	s.gates.mu.Lock()
	defer s.gates.mu.Unlock()
	if s.gates.closed || len(s.gates.all) == 0 {
		return
	}
	if s.gates.timer != nil {
		s.gates.timer.Stop()
	}
	now := s.clock.now()
	s.mu.Lock()
	k, again := s.faults.refusing(now)
	stage := s.stage
	s.mu.Unlock()
	if k == nil || s.gates.shut != nil && (s.gates.shut.Stage != stage || s.gates.shut.Fault != k.name) {
		s.endRefusing()
	}
	for _, g := range s.gates.all {
		g.turn(k != nil)
	}
	if k != nil && s.gates.shut == nil {
		s.gates.shut = s.connectionRecord(k, stage)
	}
	if again > 0 {
		s.gates.timer = time.AfterFunc(again-now, s.turnGates)
	}
}

// endRefusing writes the record of a time in which every dial was refused.
func (s *Server) endRefusing() {
	if rec := s.gates.shut; rec != nil {
		rec.DoneNS = s.clock.mono(s.clock.now())
		s.ledger.add(*rec)
		s.gates.shut = nil
	}
}

// closeGates completes the records of what the connect faults still hold. The
// listeners are their owner's to close.
func (s *Server) closeGates() {
	s.gates.mu.Lock()
	s.gates.closed = true
	if s.gates.timer != nil {
		s.gates.timer.Stop()
	}
	s.endRefusing()
	s.gates.mu.Unlock()
	s.gates.hung.Wait()
}

func (s *Server) connectionRecord(k *strike, stage string) *Record {
	s.gates.struck.Add(1)
	return &Record{
		Stage: stage, ConfigVersion: s.cfg.Load().version, ArrivedNS: s.clock.mono(s.clock.now()),
		Fault: k.name, Action: k.String(), Outcome: outcomeFault,
	}
}

// forget lets go of a listener that is closed.
func (s *Server) forget(g *gate) {
	s.gates.mu.Lock()
	defer s.gates.mu.Unlock()
	s.gates.all = slices.DeleteFunc(s.gates.all, func(other *gate) bool { return other == g })
}

// strikeConnection lets a fault have a new connection; false where none hits it.
func (s *Server) strikeConnection(conn net.Conn) bool {
	s.mu.Lock()
	faults, stage := s.faults, s.stage
	s.mu.Unlock()
	k := faults.connection(s.clock.now())
	if k == nil {
		return false
	}
	s.gates.mu.Lock()
	defer s.gates.mu.Unlock()
	if s.gates.closed {
		return false // its ledger is complete
	}
	rec := s.connectionRecord(k, stage)
	if k.Connect == doHang {
		s.gates.hung.Go(func() { s.hang(conn, k.For, rec) })
		return true
	}
	rec.DoneNS = s.clock.mono(s.clock.now())
	s.ledger.add(*rec) // before the client can see it
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // a dead connection is reset already
	}
	_ = conn.Close()
	return true
}

// hang keeps a connection and says nothing.
func (s *Server) hang(conn net.Conn, long time.Duration, rec *Record) {
	defer context.AfterFunc(s.ctx, func() { _ = conn.Close() })()
	if long > 0 {
		_ = conn.SetReadDeadline(s.clock.wall().Add(long)) // a closed one ends the copy at once
	}
	_, err := io.Copy(io.Discard, conn)
	var timeout net.Error
	switch {
	case s.ctx.Err() != nil:
		rec.Outcome = outcomeClosed
	case !errors.As(err, &timeout) || !timeout.Timeout():
		rec.Outcome = outcomeGone
	}
	rec.DoneNS = s.clock.mono(s.clock.now())
	s.ledger.add(*rec)
	_ = conn.Close()
}
