package runner_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/scenarios/runner"
)

// gathering is a connection over 127.0.0.1 that gathers until the given text comes, and its other end.
func gathering(t *testing.T, awaited string) (conn client.Gatherer, peer net.Conn) {
	t.Helper()
	stamped, peer := loopback(t)
	conn, ok := stamped.(client.Gatherer)
	if !ok {
		t.Fatalf("a %T does not gather", stamped)
	}
	conn.Gather(func(last []byte) bool { return bytes.Contains(last, []byte(awaited)) })
	t.Cleanup(func() { conn.Close() })
	return conn, peer
}

// arrive writes as arrivals of their own: it waits until the other side's kernel has each.
func arrive(t *testing.T, peer net.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := io.WriteString(peer, text); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Millisecond) // loopback: two writes at once may become one arrival, which no test counts on
	}
}

// The reader is woken once, by what was awaited, and gets each arrival by itself, with the time it came at and not that at
// which it was read. It waits again once it has read all: a stream at rest holds nothing that it could read into.
func TestAReaderIsWokenOnceAndGetsEachArrival(t *testing.T) {
	conn, peer := gathering(t, "end")
	for range 2 {
		begin := time.Now()
		woken := make(chan time.Time, 1)
		go func() {
			conn.Wait()
			woken <- time.Now()
		}()
		arrive(t, peer, "one ", "two ", "three ")
		sent := time.Now()
		arrive(t, peer, "end")
		if at := <-woken; at.Before(sent) {
			t.Errorf("the reader was woken %v before the end was sent", sent.Sub(at))
		}
		var got []string
		var stamps []time.Time
		for all := ""; !strings.HasSuffix(all, "end"); all = strings.Join(got, "") {
			p := make([]byte, 64)
			n, err := conn.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got, stamps = append(got, string(p[:n])), append(stamps, conn.ReadAt())
		}
		if all := strings.Join(got, ""); all != "one two three end" {
			t.Errorf("read %q", got)
		}
		if first := stamps[0]; first.Before(begin) || !first.Before(sent) {
			t.Errorf("what was sent first came at %v, and was read after %v", first.Sub(begin), sent.Sub(begin))
		}
		for i := range stamps[1:] {
			if !stamps[i].Before(stamps[i+1]) {
				t.Errorf("the stamps %v are not in order", stamps)
			}
		}
	}
}

// Readers that are due all at once are woken in turns, so that the loop looks between them, and every one of them.
func TestReadersThatAreDueAreWokenInTurns(t *testing.T) {
	turns := runner.WokenInTurns(20)
	if want := []int{8, 8, 4}; !slices.Equal(turns, want) {
		t.Errorf("20 readers were woken in turns of %v, want %v", turns, want)
	}
}

// Whatever the sizes of writes and reads, nothing is lost, doubled or held back for ever, and the bytes before the socket left
// Go's poller and after the connection has stopped to gather are among them.
func TestEveryByteIsReadHoweverItCame(t *testing.T) {
	conn, peer := gathering(t, "\n")
	var want bytes.Buffer
	for i := range 4000 {
		fmt.Fprintf(&want, "%d:%s", i, strings.Repeat("x", i*i%3000/(1+i%7)))
		if i%11 == 0 {
			want.WriteByte('\n')
		}
	}
	want.WriteByte('\n')
	var wg sync.WaitGroup
	wg.Go(func() {
		for rest, i := want.Bytes(), 0; len(rest) > 0; i++ {
			n := min(len(rest), 1+i*37%5000)
			if _, err := peer.Write(rest[:n]); err != nil {
				t.Error(err)
				return
			}
			rest = rest[n:]
		}
	})
	got := make([]byte, 0, want.Len())
	for i := 0; len(got) < want.Len(); i++ {
		switch i % 300 {
		case 100:
			conn.Gather(nil)
		case 200:
			conn.Gather(func(last []byte) bool { return bytes.Contains(last, []byte("\n")) })
		}
		n, err := conn.Read(got[len(got):min(cap(got), len(got)+1+i*53%3000)])
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", len(got), want.Len(), err)
		}
		got = got[:len(got)+n]
	}
	wg.Wait()
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("the bytes read are not those sent")
	}
}

// A stream that pauses is not held back for ever, though what is awaited has not come.
func TestWhatAQuietStreamBroughtIsHandedOver(t *testing.T) {
	conn, peer := gathering(t, "never")
	arrive(t, peer, "some")
	conn.Wait()
	p := make([]byte, 64)
	n, err := conn.Read(p)
	if string(p[:n]) != "some" || err != nil {
		t.Errorf("read %q, %v", p[:n], err)
	}
}

func TestTheEndOfAConnectionWakesItsReader(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(conn client.Gatherer, peer net.Conn)
		want error
	}{
		"the peer ends": {func(_ client.Gatherer, peer net.Conn) { peer.Close() }, io.EOF},
		"the peer resets": {func(_ client.Gatherer, peer net.Conn) {
			_ = peer.(*net.TCPConn).SetLinger(0)
			peer.Close()
		}, syscall.ECONNRESET},
		"it is closed here": {func(conn client.Gatherer, _ net.Conn) { conn.Close() }, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			conn, peer := gathering(t, "never")
			result := make(chan error, 1)
			go func() {
				conn.Wait()
				_, err := conn.Read(make([]byte, 8))
				result <- err
			}()
			c.end(conn, peer)
			if err := <-result; !errors.Is(err, c.want) {
				t.Errorf("the read ended with %v, want %v", err, c.want)
			}
		})
	}
}

// A body that the peer takes in slowly is sent whole: the kernel's buffers are full again and again.
func TestASlowPeerGetsAllThatIsSent(t *testing.T) {
	conn, peer := gathering(t, "never")
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	go func() {
		if _, err := conn.Write(body); err != nil {
			t.Error(err)
		}
		conn.Close()
	}()
	got, err := io.ReadAll(peer)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d of %d bytes came, %v", len(got), len(body), err)
	}
	if _, err := conn.Write(body[:1]); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing to a closed connection: %v", err)
	}
}
