//go:build unix

package mockserver_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/llmload/llmload/mockserver"
)

// tcpPair is the two ends of a connection.
func tcpPair(t *testing.T) (here, there *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

func TestAWriteKnowsWhetherItsReaderHeldItUp(t *testing.T) {
	here, there := tcpPair(t)
	if blocked, err := mockserver.WriteRaw(here, []byte("small")); blocked || err != nil {
		t.Errorf("a small write: blocked %v, %v", blocked, err)
	}
	big := bytes.Repeat([]byte("x"), 64<<20) // more than any pair of buffers holds
	got := make(chan int64)
	first := make([]byte, 5)
	if _, err := io.ReadFull(there, first); err != nil {
		t.Fatal(err)
	}
	go func() {
		n, _ := io.CopyN(io.Discard, there, int64(len(big)))
		got <- n
	}()
	blocked, err := mockserver.WriteRaw(here, big)
	if n := <-got; !blocked || err != nil || n != int64(len(big)) || string(first) != "small" {
		t.Errorf("a big write: blocked %v, %v, %d bytes came behind %q", blocked, err, n, first)
	}
	there.Close()
	here.CloseWrite()
	if _, err := mockserver.WriteRaw(here, []byte("x")); err == nil {
		t.Error("a write to a closed connection succeeded")
	}
}
