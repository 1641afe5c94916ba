package runner_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios/runner"
)

// loopback is a connection over 127.0.0.1 whose reads are stamped, and its other end.
func loopback(tb testing.TB) (stamped, peer net.Conn) {
	tb.Helper()
	plain, peer := rawLoopback(tb)
	return runner.StampReads(plain, time.Now()), peer
}

func rawLoopback(tb testing.TB) (near, far net.Conn) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		tb.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// awaitStamps sends single bytes until the kernel stamps: it begins some time after a socket asks and no
// other of the host did before, when one of its own threads has had a turn.
func awaitStamps(tb testing.TB, stamped, peer net.Conn) {
	tb.Helper()
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); {
		take := runner.Tapped(stamped)
		send(tb, peer, "x")
		receive(tb, stamped, 1)
		if take()[0].Lag >= 0 {
			return
		}
	}
	tb.Fatal("this kernel does not stamp what it receives over loopback")
}

func send(tb testing.TB, c net.Conn, text string) {
	tb.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		tb.Fatal(err)
	}
}

func receive(tb testing.TB, c net.Conn, n int) {
	tb.Helper()
	if _, err := io.ReadFull(c, make([]byte, n)); err != nil {
		tb.Fatal(err)
	}
}

// spin is a busy loop of at least d by the clock that the stamps are of.
func spin(d time.Duration) {
	for begin := time.Now(); time.Since(begin) < d; {
	}
}

func TestAReaderThatIsHeldBackIsSeenByTheKernel(t *testing.T) {
	stamped, peer := loopback(t)
	awaitStamps(t, stamped, peer)
	const hold = 20 * time.Millisecond
	take := runner.Tapped(stamped)
	send(t, peer, "held") // on loopback the kernel has received, and stamped, when the write returns
	spin(hold)
	receive(t, stamped, 4)
	got := take()
	// The busy loop keeps the monotonic clock, the stamps the realtime one, which may be slewed by a tenth meanwhile.
	if len(got) != 1 || got[0].Lag < int64(hold)*9/10 {
		t.Errorf("reads %+v, want one that the kernel had held for %s or more", got, hold)
	}
}

func TestBytesThatAreMergedHaveTheStampOfTheLast(t *testing.T) {
	stamped, peer := loopback(t)
	awaitStamps(t, stamped, peer)
	take := runner.Tapped(stamped)
	const hold = 20 * time.Millisecond
	before := time.Now()
	send(t, peer, "early")
	spin(hold)
	send(t, peer, "late")
	sent := time.Now()
	receive(t, stamped, 9)
	age := time.Since(before)
	got := take()
	if len(got) != 1 {
		t.Fatalf("reads %+v, want one", got)
	}
	if most := age - hold*9/10; got[0].Lag > int64(most) {
		t.Errorf("lag %s, want at most %s, since the second write and not since the first (sent %s ago)", time.Duration(got[0].Lag), most, time.Since(sent))
	}
}

func TestReadsFailAsThoseOfATCPConnDo(t *testing.T) {
	t.Run("the peer has closed", func(t *testing.T) {
		stamped, peer := loopback(t)
		peer.Close()
		if n, err := stamped.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("read %d, %v, want 0 and io.EOF", n, err)
		}
	})
	t.Run("the peer has reset", func(t *testing.T) {
		stamped, peer := loopback(t)
		peer.(*net.TCPConn).SetLinger(0)
		peer.Close()
		_, err := stamped.Read(make([]byte, 1))
		op, ok := errors.AsType[*net.OpError](err)
		if !ok || op.Op != "read" || op.Net != "tcp" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("error %v, want a net.OpError of a read with ECONNRESET", err)
		}
	})
	t.Run("it is closed here", func(t *testing.T) {
		stamped, _ := loopback(t)
		stamped.Close()
		_, err := stamped.Read(make([]byte, 1))
		op, ok := errors.AsType[*net.OpError](err)
		if !ok || op.Op != "read" || !errors.Is(err, net.ErrClosed) {
			t.Errorf("error %v, want a net.OpError of a read with net.ErrClosed", err)
		}
	})
	t.Run("its deadline has passed", func(t *testing.T) {
		stamped, _ := loopback(t)
		stamped.SetReadDeadline(time.Now().Add(-time.Second))
		if _, err := stamped.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v, want os.ErrDeadlineExceeded", err)
		}
	})
	t.Run("a read of nothing takes nothing", func(t *testing.T) {
		stamped, peer := loopback(t)
		send(t, peer, "ab")
		if n, err := stamped.Read(nil); n != 0 || err != nil {
			t.Errorf("read %d, %v, want 0 and no error", n, err)
		}
		receive(t, stamped, 2)
	})
}

func TestAStampedReadAllocatesNothing(t *testing.T) {
	stamped, peer := loopback(t)
	awaitStamps(t, stamped, peer)
	byteOut, byteIn := []byte("x"), make([]byte, 1)
	runner.Tapped(stamped)
	for range 4096 { // the log has grown to what it will hold
		peer.Write(byteOut)
		stamped.Read(byteIn)
	}
	if n := testing.AllocsPerRun(100, func() { peer.Write(byteOut); stamped.Read(byteIn) }); n != 0 {
		t.Errorf("%v allocations a read, want none", n)
	}
}

func TestEachAttemptHasItsOwnReads(t *testing.T) {
	for _, row := range []struct {
		sentence string
		serve    func(http.Handler) *httptest.Server
	}{
		{"in the clear", httptest.NewServer},
		{"over TLS, the stamps are of the records", httptest.NewTLSServer},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			s := row.serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "an answer") }))
			defer s.Close()
			transport := &http.Transport{DialContext: runner.StampedDial(nil, time.Now()), TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
			defer transport.CloseIdleConnections()
			ctx, reads := runner.TappedContext(context.Background())
			for attempt := range 3 { // over one connection
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := runner.Tapping(transport).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if got := reads(attempt); len(got) == 0 {
					t.Errorf("attempt %d has no reads", attempt)
				}
			}
			if first, last := reads(0), reads(2); len(first) > 0 && len(last) > 0 && first[len(first)-1].At >= last[0].At {
				t.Errorf("reads %v of the first attempt are not before those of the last, %v", first, last)
			}
		})
	}
}

// realBed is a mock over real sockets.
type realBed struct {
	*bed
	endpoint string
}

func (b realBed) Endpoint() string { return b.endpoint }

func TestARunHoldsEveryArrivalAgainstTheKernel(t *testing.T) {
	b := newBed(t, `{engine: {model: fixed, ttft: 1ms, itl: 100us}}`)
	defer b.close()
	s := httptest.NewServer(b.Server)
	defer s.Close()
	var mu sync.Mutex
	var records []*results.Record
	p := plan(t, `
name: real
target: {mock: {}}
model: demo-8b
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 20}}
load: {closed: {concurrency: 2}, requests: 40}
`)
	res, err := runner.Run(context.Background(), p, realBed{b, s.URL}, runner.Config{Nonce: 1, Append: func(r *results.Record) {
		mu.Lock()
		defer mu.Unlock()
		records = append(records, r)
	}})
	if err != nil {
		t.Fatal(err)
	}
	known, arrivals := 0, 0
	for _, r := range records {
		a := r.Last()
		if len(a.KernelLagNS) != len(a.Arrivals.DtNS) {
			t.Fatalf("%d lags for %d arrivals", len(a.KernelLagNS), len(a.Arrivals.DtNS))
		}
		for i, lag := range a.KernelLagNS {
			arrivals++
			if lag >= 0 {
				known++
			}
			if i == 0 && lag > a.FirstTokenNS-a.StartedNS {
				t.Errorf("the first token lay %d ns in the kernel, longer than since the attempt began", lag)
			}
		}
	}
	in := res.Stages[0].Instrument
	if known == 0 || in.KernelToReadP50MS == nil || in.UnstampedReads == nil {
		t.Fatalf("%d of %d arrivals have a lag, the stage's instrument is %+v", known, arrivals, in)
	}
	if want := float64(arrivals-known) / float64(arrivals); *in.UnstampedReads != want {
		t.Errorf("share without a stamp %v, want %v", *in.UnstampedReads, want)
	}
	if res.Instrument.KernelToReadP50MS == nil {
		t.Error("the run's own instrument lacks what its only stage has")
	}
}

// BenchmarkRead is a read of an event's bytes with and without the kernel's stamp; the write is in both.
func BenchmarkRead(b *testing.B) {
	for _, row := range []struct {
		name string
		open func(testing.TB) (net.Conn, net.Conn)
		tap  bool
	}{{"plain", rawLoopback, false}, {"stamped", loopback, true}} {
		b.Run(row.name, func(b *testing.B) {
			near, far := row.open(b)
			event, buf := make([]byte, 215), make([]byte, 4096)
			var taken func() []runner.SocketRead
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if row.tap && i%128 == 0 { // as many as an answer has
					taken = runner.Tapped(near)
				}
				if _, err := far.Write(event); err != nil {
					b.Fatal(err)
				}
				if _, err := near.Read(buf); err != nil {
					b.Fatal(err)
				}
			}
			if row.tap && len(taken()) == 0 {
				b.Fatal("nothing was written down")
			}
		})
	}
}

// BenchmarkRequest is a whole plain request over loopback, server included, with and without its reads written down.
func BenchmarkRequest(b *testing.B) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"choices":[{"text":"x","finish_reason":"length"}]}`)
	}))
	defer s.Close()
	for _, stamped := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "stamped"}[stamped], func(b *testing.B) {
			cfg := client.Config{RateLimit: client.Off, LazyInit: true}
			if stamped {
				cfg.Dial, cfg.Middleware = runner.StampedDial(nil, time.Now()), runner.Tapping
			}
			c, err := client.New(context.Background(), s.URL, cfg)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			request := client.Request{API: client.Completions, Model: "m", Prompts: []string{"x"}}
			b.ReportAllocs()
			for b.Loop() {
				ctx, free := runner.TappedContext(context.Background())
				if _, err := c.Chat(ctx, request); err != nil {
					b.Fatal(err)
				}
				free(-1)
			}
		})
	}
}
