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
	s.gates.listens.Store(true)
	s.gates.mu.Lock()
	defer s.gates.mu.Unlock()
	s.gates.all = append(s.gates.all, g)
	go s.turn()() // turned at once; a record of what is over may have to wait, and no listener for it
	return g
}

// gates are the listeners that the connect faults act on.
type gates struct {
	mu     sync.Mutex
	all    []*gate
	timer  *time.Timer    // nil, or armed for the next window's edge
	shut   *Record        // nil, or of the refusing under way
	held   sync.WaitGroup // connections and records that are not in the ledger yet
	closed bool

	listens atomic.Bool  // there was a listener
	struck  atomic.Int64 // connections and times of refusing
}

// turnGates opens or shuts every listener as the faults of now say, and comes
// again when that changes.
func (s *Server) turnGates() {
	s.gates.mu.Lock()
	over := s.turn()
	s.gates.mu.Unlock()
	over()
}

// turn is turnGates with the lock held. It returns what is to be done without.
func (s *Server) turn() (over func()) {
	over = func() {}
	if s.gates.closed || len(s.gates.all) == 0 {
		return over
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
		over = s.endRefusing()
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
	return over
}

// endRefusing completes the record of a time in which every dial was refused.
// It returns what writes it, for after the unlock: the ledger may have to wait.
func (s *Server) endRefusing() (write func()) {
	rec := s.gates.shut
	if rec == nil {
		return func() {}
	}
	s.gates.shut = nil
	rec.DoneNS = s.clock.mono(s.clock.now())
	s.gates.held.Add(1)
	return func() {
		defer s.gates.held.Done()
		s.ledger.add(*rec)
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
	write := s.endRefusing()
	s.gates.mu.Unlock()
	write()
	s.gates.held.Wait()
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
	rec := s.hold(k, stage)
	switch {
	case rec == nil:
		return false // the ledger is complete
	case k.Connect == doHang:
		go s.hang(conn, k.For, rec)
	default:
		s.resetConnection(conn, rec)
	}
	return true
}

// hold opens the record of a connection, nil where the gates are closed. Who
// has it writes it, and says that it is held no longer.
func (s *Server) hold(k *strike, stage string) *Record {
	s.gates.mu.Lock()
	defer s.gates.mu.Unlock()
	if s.gates.closed {
		return nil
	}
	s.gates.held.Add(1)
	return s.connectionRecord(k, stage)
}

func (s *Server) resetConnection(conn net.Conn, rec *Record) {
	defer s.gates.held.Done()
	rec.DoneNS = s.clock.mono(s.clock.now())
	s.ledger.add(*rec) // before the client can see it
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // a dead connection is reset already
	}
	_ = conn.Close()
}

// hang keeps a connection and says nothing.
func (s *Server) hang(conn net.Conn, long time.Duration, rec *Record) {
	defer s.gates.held.Done()
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
