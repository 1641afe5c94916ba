//go:build unix

package client_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/llmload/llmload/client"
)

const benchServerEnv = "LLMLOAD_TEST_BENCH_SERVER"

// TestBenchServer is no test: it is the server of the benchmarks below, in a
// process of its own, so that what it costs is not counted.
func TestBenchServer(t *testing.T) {
	if os.Getenv(benchServerEnv) == "" {
		t.Skip("the server of benchmarks")
	}
	events := strings.SplitAfter(benchBody(), "\n\n")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case !bytes.Contains(body, []byte(`"stream":true`)):
			sayA(w, r)
		case r.Header.Get("X-Hold") != "":
			w.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(w, events[0])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			emit(w, events)
		}
	}))
	defer srv.Close()
	fmt.Println("\nlistening on", srv.URL)
	io.Copy(io.Discard, os.Stdin) // until the parent is gone
	srv.CloseClientConnections()
}

// emit sends an event each 2 ms: fast enough to measure, and slow enough that
// each comes in a read of its own.
func emit(w http.ResponseWriter, events []string) {
	w.Header().Set("Content-Type", "text/event-stream")
	next := time.Now()
	for _, e := range events {
		io.WriteString(w, e)
		w.(http.Flusher).Flush()
		next = next.Add(2 * time.Millisecond)
		time.Sleep(time.Until(next))
	}
}

// benchServer starts the server and returns its address.
func benchServer(b *testing.B) string {
	cmd := exec.Command(os.Args[0], "-test.run=^TestBenchServer$", "-test.v")
	cmd.Env = append(os.Environ(), benchServerEnv+"=1")
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			go io.Copy(io.Discard, out)
			return url
		}
	}
	b.Fatal("the server did not come up")
	return ""
}

// cost is what a piece of work took of this process.
type cost struct {
	cpu    time.Duration
	allocs uint64
}

func (c *cost) add(work func()) {
	var before, after syscall.Rusage
	var m1, m2 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m1)
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	work()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	runtime.ReadMemStats(&m2)
	c.cpu += time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	c.allocs += m2.Mallocs - m1.Mallocs
}

// spread does n pieces of work by as many workers.
func spread(workers, n int, work func() error) error {
	errs := make(chan error, workers)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range n / workers {
				if err := work(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

// bare is net/http with a line scanner, and nothing decoded.
type bare struct {
	http.Client
	url string
}

func newBare(b *testing.B, url string) *bare {
	tr := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 1000}
	b.Cleanup(tr.CloseIdleConnections)
	return &bare{http.Client{Transport: tr}, url + "/v1/chat/completions"}
}

func (c *bare) open(ctx context.Context, body string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, "POST", c.url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header.Clone()
	return c.Do(req)
}

func (c *bare) do(body string) error {
	resp, err := c.open(context.Background(), body, http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
	}
	return lines.Err()
}

const (
	barePlain  = `{"messages":[{"role":"user","content":"hello"}],"model":"m"}`
	bareStream = `{"messages":[{"role":"user","content":"hello"}],"model":"m","stream":true,"stream_options":{"include_usage":true}}`
)

// BenchmarkAgainstBarePlain is a plain call, decoded and counted in metrics,
// against bare net/http, in turns.
func BenchmarkAgainstBarePlain(b *testing.B) {
	const calls, workers = 4000, 16
	url := benchServer(b)
	plainHTTP := newBare(b, url)
	c, err := client.New(b.Context(), url, client.Config{RateLimit: client.Off, MaxConcurrent: client.Off, PoolSize: workers})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	work := []func() error{
		func() error { return plainHTTP.do(barePlain) },
		func() error { return c.Send(context.Background(), hello(false)).Attempts[0].Err },
		func() error { _, err := c.Chat(context.Background(), hello(false)); return err },
	}
	report(b, compare(b, work, calls, workers), b.N*calls, "req", "bare", "send", "decoded")
}

// report prints the costs of each kind of work, the first of which is the yardstick.
func report(b *testing.B, costs []cost, n int, unit string, names ...string) {
	for i, name := range names {
		b.ReportMetric(float64(costs[i].cpu.Microseconds())/float64(n), name+"-us/"+unit)
		b.ReportMetric(float64(costs[i].allocs)/float64(n), name+"-allocs/"+unit)
		b.ReportMetric(float64(costs[i].cpu)/float64(costs[0].cpu), name+"-cpu-ratio")
	}
	b.ReportMetric(0, "ns/op") // of all kinds together: it says nothing
}

// compare does each kind of work in turns.
func compare(b *testing.B, work []func() error, n, workers int) []cost {
	costs := make([]cost, len(work))
	for _, w := range work { // what is opened once is not counted
		if err := spread(workers, n/4, w); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		for i, w := range work {
			costs[i].add(func() {
				if err := spread(workers, n, w); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
	return costs
}

// BenchmarkAgainstBareStream is an event of a stream, one a read, against bare
// net/http: read by Send, by Send and Decode, and by Stream.
func BenchmarkAgainstBareStream(b *testing.B) {
	const streams = 40
	url := benchServer(b)
	plainHTTP := newBare(b, url)
	c, err := client.New(b.Context(), url, client.Config{RateLimit: client.Off, MaxConcurrent: client.Off, PoolSize: streams})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	work := []func() error{
		func() error { return plainHTTP.do(bareStream) },
		func() error { return c.Send(context.Background(), hello(true)).Attempts[0].Err },
		func() error { _, err := c.Chat(context.Background(), hello(true)); return err },
		func() error { return readAll(c.Stream(context.Background(), hello(true))) },
	}
	costs := compare(b, work, streams*4, streams)
	report(b, costs, b.N*streams*4*benchEvents, "event", "bare", "send", "decoded", "stream")
}

func readAll(st *client.Stream) error {
	for st.Next() {
	}
	return st.Err()
}

// BenchmarkOpenStreams is the memory of a stream that is open and has brought
// its first event: heap and stacks, of the client and of bare net/http.
func BenchmarkOpenStreams(b *testing.B) {
	const streams = 1000
	url := benchServer(b)
	for b.Loop() {
		b.ReportMetric(memory(b, func() func() {
			plainHTTP := newBare(b, url)
			ctx, cancel := context.WithCancel(context.Background())
			for range streams {
				resp, err := plainHTTP.open(ctx, bareStream, http.Header{"X-Hold": {"1"}})
				if err != nil {
					b.Fatal(err)
				}
				bufio.NewScanner(resp.Body).Scan()
			}
			return cancel
		})/streams, "bare-B/stream")
		b.ReportMetric(memory(b, func() func() {
			c, err := client.New(b.Context(), url, client.Config{RateLimit: client.Off, MaxConcurrent: client.Off, PoolSize: streams, LazyInit: true})
			if err != nil {
				b.Fatal(err)
			}
			r := hello(true)
			r.Header = http.Header{"X-Hold": {"1"}}
			open := make([]*client.Stream, streams)
			for i := range open {
				open[i] = c.Stream(context.Background(), r)
				if !open[i].Next() {
					b.Fatal(open[i].Err())
				}
			}
			return func() {
				c.Close()
				for _, st := range open {
					st.Close()
				}
			}
		})/streams, "B/stream")
	}
}

// memory returns what the opened things hold, and ends them.
func memory(b *testing.B, open func() (end func())) float64 {
	b.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	end := open()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	end()
	return float64(after.HeapAlloc) + float64(after.StackInuse) - float64(before.HeapAlloc) - float64(before.StackInuse)
}
