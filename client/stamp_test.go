package client_test

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/client"
)

// step is a write after a wait.
type step struct {
	after time.Duration
	write string
}

const ms = time.Millisecond

// paced writes its steps on the bubble's clock and keeps the connection open.
func paced(steps ...step) func(int, net.Conn) bool {
	return func(_ int, conn net.Conn) bool {
		for _, s := range steps {
			if !pause(conn, s.after) {
				return false
			}
			if _, err := io.WriteString(conn, s.write); err != nil {
				return false
			}
		}
		return true
	}
}

// pause waits, but not for a client that has gone. It returns whether it is there.
func pause(conn net.Conn, d time.Duration) bool {
	if d == 0 {
		return true
	}
	conn.SetReadDeadline(time.Now().Add(d))
	defer conn.SetReadDeadline(time.Time{})
	_, err := conn.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}

const (
	reasons = `data: {"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}` + "\n\n"
	calls   = `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t1","function":{"name":"f","arguments":""}}]}}]}` + "\n\n"
	refuses = `data: {"choices":[{"index":0,"delta":{"refusal":"no"}}]}` + "\n\n"
)

// at is an arrival after so many milliseconds, of e events and k tokens.
func at(a, e, k int) client.Arrival {
	return client.Arrival{At: time.Duration(a) * ms, Events: e, Tokens: k}
}

var stampCases = []struct {
	sentence string
	steps    []step
	first    time.Duration // since Started; -1 is never
	output   time.Duration
	done     time.Duration
	arrivals []client.Arrival
	multi    int
}{
	{
		"a role-only chunk is no token, and one event a token is known from the usage",
		[]step{{0, streamHead}, {50 * ms, httpChunk(roleChunk)}, {150 * ms, httpChunk(says("a"))}, {20 * ms, httpChunk(says("b"))}, {20 * ms, httpChunk(ends("stop")+counts(3, 2)+done) + lastChunk}},
		200 * ms, 200 * ms, 240 * ms,
		[]client.Arrival{at(200, 1, 1), at(220, 1, 1)},
		0,
	},
	{
		"events that one read brought are one arrival",
		[]step{{0, streamHead}, {10 * ms, httpChunk(says("a") + says("b"))}, {10 * ms, httpChunk(says("c") + done)}, {0, lastChunk}},
		10 * ms, 10 * ms, 20 * ms,
		[]client.Arrival{at(10, 2, 0), at(20, 1, 0)},
		1,
	},
	{
		"an event counts for the read that completed it",
		[]step{{0, streamHead}, {10 * ms, httpChunk(says("a") + says("b")[:30])}, {10 * ms, httpChunk(says("b")[30:])}, {10 * ms, httpChunk(done) + lastChunk}},
		10 * ms, 10 * ms, 30 * ms,
		[]client.Arrival{at(10, 1, 0), at(20, 1, 0)},
		0,
	},
	{
		"reasoning is a token, but no output",
		[]step{{0, streamHead}, {10 * ms, httpChunk(reasons)}, {10 * ms, httpChunk(reasons)}, {10 * ms, httpChunk(says("a") + done)}, {0, lastChunk}},
		10 * ms, 30 * ms, 30 * ms,
		[]client.Arrival{at(10, 1, 0), at(20, 1, 0), at(30, 1, 0)},
		0,
	},
	{
		"a tool call is output",
		[]step{{0, streamHead}, {10 * ms, httpChunk(calls + done)}, {0, lastChunk}},
		10 * ms, 10 * ms, 10 * ms,
		[]client.Arrival{at(10, 1, 0)},
		0,
	},
	{
		"so is a refusal",
		[]step{{0, streamHead}, {10 * ms, httpChunk(refuses + done)}, {0, lastChunk}},
		10 * ms, 10 * ms, 10 * ms,
		[]client.Arrival{at(10, 1, 0)},
		0,
	},
	{
		"usage that runs along tells the tokens of each arrival",
		[]step{{0, streamHead}, {10 * ms, httpChunk(withUsage("a b", 3, 2))}, {10 * ms, httpChunk(withUsage("c", 3, 3) + withUsage("d e f", 3, 6))}, {10 * ms, httpChunk(counts(3, 7) + done)}, {0, lastChunk}},
		10 * ms, 10 * ms, 30 * ms,
		[]client.Arrival{at(10, 1, 2), at(20, 2, 4)},
		1,
	},
	{
		"usage that begins in the middle does not run along",
		[]step{{0, streamHead}, {10 * ms, httpChunk(says("a"))}, {10 * ms, httpChunk(withUsage("b", 3, 2))}, {0, httpChunk(done)}, {0, lastChunk}},
		10 * ms, 10 * ms, 20 * ms,
		[]client.Arrival{at(10, 1, 1), at(20, 1, 1)},
		0,
	},
	{
		"usage that does not add up tells nothing",
		[]step{{0, streamHead}, {10 * ms, httpChunk(says("a b"))}, {10 * ms, httpChunk(says("c"))}, {0, httpChunk(counts(3, 3) + done)}, {0, lastChunk}},
		10 * ms, 10 * ms, 20 * ms,
		[]client.Arrival{at(10, 1, 0), at(20, 1, 0)},
		0,
	},
	{
		"the end marker is the end, not the end of the body behind it",
		[]step{{0, streamHead}, {10 * ms, httpChunk(says("a") + done)}, {100 * ms, lastChunk}},
		10 * ms, 10 * ms, 10 * ms,
		[]client.Arrival{at(10, 1, 0)},
		0,
	},
	{
		"a server that says no more after the end marker does not hold the call",
		[]step{{0, streamHead}, {10 * ms, httpChunk(says("a") + done)}, {time.Hour, lastChunk}},
		10 * ms, 10 * ms, 10 * ms,
		[]client.Arrival{at(10, 1, 0)},
		0,
	},
	{
		"a server that goes on and on does not either",
		append([]step{{0, streamHead}, {10 * ms, httpChunk(says("a") + done)}}, slices.Repeat([]step{{100 * ms, httpChunk(":\n\n")}}, 100)...),
		10 * ms, 10 * ms, 10 * ms,
		[]client.Arrival{at(10, 1, 0)},
		0,
	},
	{
		"a plain answer has no first token",
		[]step{{10 * ms, answered("a")[:100]}, {10 * ms, answered("a")[100:]}},
		-1, -1, 20 * ms, nil, 0,
	},
}

// TestStamps: under the bubble's clock only the server's waits take time, so
// each stamp is exact.
func TestStamps(t *testing.T) { testStamps(t, false) }

// TestStampsOfAConnectionThatGathers: they are the same, whenever the client reads.
func TestStampsOfAConnectionThatGathers(t *testing.T) { testStamps(t, true) }

func testStamps(t *testing.T, gathers bool) {
	for _, tt := range stampCases {
		t.Run(tt.sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answer: paced(tt.steps...), gathers: gathers}
				c := newClient(t, s, measuring)
				begun := time.Now()
				x := c.Send(t.Context(), hello(tt.first >= 0))
				if took := time.Since(begun); took > time.Second {
					t.Errorf("the call took %v", took)
				}
				if _, err := x.Decode(); err != nil {
					t.Fatal(err)
				}
				a := x.Attempts[0]
				checkStamp(t, "Started", begun, a.Started, 0)
				checkStamp(t, "Connected", begun, a.Connected, 0)
				checkStamp(t, "Sent", begun, a.Sent, 0)
				checkStamp(t, "FirstToken", begun, a.FirstToken, tt.first)
				checkStamp(t, "FirstOutput", begun, a.FirstOutput, tt.output)
				checkStamp(t, "Done", begun, a.Done, tt.done)
				if !slices.Equal(a.Arrivals, tt.arrivals) || a.MultiEventReads != tt.multi {
					t.Errorf("arrivals %v, %d reads with several events; want %v, %d", a.Arrivals, a.MultiEventReads, tt.arrivals, tt.multi)
				}
			})
		})
	}
}

func checkStamp(t *testing.T, name string, begun, got time.Time, want time.Duration) {
	t.Helper()
	if got.IsZero() != (want < 0) || !got.IsZero() && got.Sub(begun) != want {
		t.Errorf("%s is %v after the start (zero: %v), want %v", name, got.Sub(begun), got.IsZero(), want)
	}
}

func TestEarlyStamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: paced(step{30 * ms, streamHead}, step{20 * ms, httpChunk(roleChunk)}, step{0, httpChunk(says("a") + done)}, step{0, lastChunk})}
		c := newClient(t, s, measuring)
		for i := range 2 {
			x := c.Send(t.Context(), hello(true))
			a := x.Attempts[0]
			if a.Headers.Sub(a.Started) != 30*ms || a.FirstChunk.Sub(a.Started) != 50*ms || a.Reads < 2 {
				t.Errorf("headers %v, first chunk %v, %d reads; want 30ms, 50ms, at least 2", a.Headers.Sub(a.Started), a.FirstChunk.Sub(a.Started), a.Reads)
			}
			if a.Reused != (i > 0) || a.Status != 200 {
				t.Errorf("call %d: reused %v, status %d", i, a.Reused, a.Status)
			}
			synctest.Wait()
		}
		if s.dialed() != 1 {
			t.Errorf("%d connections for two calls in turn, want 1", s.dialed())
		}
	})
}

// TestNothingBehindTheEndHoldsTheCall: no limit is set, so only the end itself
// can end these.
func TestNothingBehindTheEndHoldsTheCall(t *testing.T) {
	more := httpChunk(": " + strings.Repeat("more", 250) + "\n\n") // 1 KiB
	var written atomic.Int64
	flood := func(n int, conn net.Conn) bool {
		for bytesOf(streamHead, httpChunk(says("a")+done))(n, conn); ; written.Add(1) {
			if _, err := io.WriteString(conn, more); err != nil {
				return false
			}
		}
	}
	for sentence, tt := range map[string]struct {
		answer func(int, net.Conn) bool
		kind   string
	}{
		"silence behind an error event":  {silent(streamHead, httpChunk("event: error\ndata: boom\n\n")), "stream error"},
		"silence behind an error object": {silent(streamHead, httpChunk(says("a")+`data: {"error":"boom"}`+"\n\n")), "stream error"},
		"a flood behind the end marker":  {flood, "ok"},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if _, err := newClient(t, &server{answer: tt.answer}, measuring).Chat(t.Context(), hello(true)); kind(err) != tt.kind {
					t.Errorf("got %v, want %s", err, tt.kind)
				}
			})
		})
	}
	if n := written.Load(); n > 100 {
		t.Errorf("%d KiB read behind the end marker, want about 64", n)
	}
}

// TestFailedStreamKeepsWhatCame: what a stream brought before it failed is told.
func TestFailedStreamKeepsWhatCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(_ int, conn net.Conn) bool {
			paced(step{0, streamHead}, step{10 * ms, httpChunk(says("a"))}, step{10 * ms, httpChunk(says("b"))})(0, conn)
			return false
		}}
		x := newClient(t, s, measuring).Send(t.Context(), hello(true))
		resp, err := x.Decode()
		a := x.Attempts[0]
		if kind(err) != "truncated" || resp.Text != "ab" || len(a.Arrivals) != 2 || a.FirstToken.Sub(a.Started) != 10*ms || a.Done.Sub(a.Started) != 20*ms {
			t.Errorf("%v, %q, %+v", err, resp.Text, a)
		}
	})
}
