//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// eventBytes is about what one event of the mock takes on the wire.
const eventBytes = 190

// bare is a server that does nothing but write: as many events to as many
// connections at the same rate, each one a write of bytes that are at hand. What
// it takes is the kernel's part, below which no server that writes each event
// by itself can come. It serves one connection a stream, then ends with stdin.
func bare(l load) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	fmt.Printf("listening on http://%s\nadmin on http://none\n", listener.Addr())
	var conns []net.Conn
	for len(conns) < l.streams {
		c, err := listener.Accept()
		if err != nil {
			return err
		}
		defer c.Close()
		conns = append(conns, c)
	}
	writeAll(conns, l)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// writeAll writes on absolute times, until its reader has seen enough.
func writeAll(conns []net.Conn, l load) {
	event := make([]byte, eventBytes)
	gap := l.itl / time.Duration(l.streams)
	start := time.Now()
	for n := range l.tokens() * l.streams {
		time.Sleep(time.Until(start.Add(time.Duration(n) * gap)))
		if _, err := conns[n%len(conns)].Write(event); err != nil {
			return
		}
	}
}

// floor measures bare and returns its CPU an event.
func (c cores) floor(l load) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	s, err := c.start(self, "-bare", "-streams", fmt.Sprint(l.streams), "-itl", l.itl.String(), "-for", l.length.String())
	if err != nil {
		return 0, err
	}
	cpu, err := l.readBare(s)
	return cpu, errors.Join(err, s.stop())
}

func (l load) readBare(s *server) (time.Duration, error) {
	for range l.streams {
		c, err := net.DialTimeout("tcp", s.addr, 10*time.Second)
		if err != nil {
			return 0, err
		}
		defer c.Close()
		go io.CopyBuffer(onlyWriter{io.Discard}, onlyReader{c}, make([]byte, 4<<10)) // ends when c is closed
	}
	time.Sleep(l.length / 4)
	before, err := s.cost()
	if err != nil {
		return 0, err
	}
	time.Sleep(l.length / 2)
	after, err := s.cost()
	if err != nil {
		return 0, err
	}
	events := float64(l.streams) * float64(l.length/2) / float64(l.itl)
	return time.Duration(float64(after.cpu-before.cpu) / events), nil
}
