//go:build unix

package mockserver_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

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
	here, _ := tcpPair(t)
	if blocked, err := mockserver.WriteRaw(here, []byte("small")); blocked || err != nil {
		t.Errorf("a small write: blocked %v, %v", blocked, err)
	}
	big := bytes.Repeat([]byte("x"), 64<<20) // more than any pair of buffers holds
	// Nobody reads, so that the write meets full buffers however slow this machine is, and ends by its deadline.
	here.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if blocked, err := mockserver.WriteRaw(here, big); !blocked || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write that nobody reads: blocked %v, %v", blocked, err)
	}
}

func TestAWriteThatWasHeldUpComesWhole(t *testing.T) {
	here, there := tcpPair(t)
	big := bytes.Repeat([]byte("x"), 64<<20)
	got := make(chan int64)
	go func() {
		n, _ := io.CopyN(io.Discard, there, int64(len(big)))
		got <- n
	}()
	_, err := mockserver.WriteRaw(here, big)
	if err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != int64(len(big)) {
		t.Errorf("%d bytes came of %d", n, len(big))
	}
	there.Close()
	here.CloseWrite()
	if _, err := mockserver.WriteRaw(here, []byte("x")); err == nil {
		t.Error("a write to a closed connection succeeded")
	}
}
