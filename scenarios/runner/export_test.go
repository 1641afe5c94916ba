package runner

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/llmload/llmload/internal/promscrape"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

func init() {
	cpuTime = func() (time.Duration, bool) { return 0, false }
}

// ProcessCPU is processCPU, for tests.
var ProcessCPU = processCPU

// Unbalanced is unbalanced, for tests.
var Unbalanced = unbalanced

// Enter passes an in-flight cap, for tests.
func Enter(ctx context.Context, slots chan struct{}, due time.Time) (time.Time, bool) {
	return (&queue{slots, ctx}).enter(due)
}

// Senders returns the methods of senders, for tests.
func Senders(running *sync.WaitGroup) (send func(func()), dismiss func()) {
	s := newSenders(running)
	return s.Go, s.dismiss
}

// SocketRead is a read of a connection, for tests.
type SocketRead struct{ At, Lag int64 }

// KernelLags is kernelLags, for tests.
func KernelLags(reads []SocketRead, stamps []int64) []int64 {
	var in []socketRead
	for _, r := range reads {
		in = append(in, socketRead{r.At, r.Lag})
	}
	return kernelLags(in, stamps)
}

// StampReads wraps a connection, for tests.
func StampReads(c net.Conn, start time.Time) net.Conn { return stampReads(c, start) }

// Tapped has a connection keep its reads, for tests; the function returns them.
func Tapped(c net.Conn) (take func() []SocketRead) {
	t := c.(tappable)
	t.tap(&readLog{})
	return func() (out []SocketRead) {
		for _, r := range t.untap().reads {
			out = append(out, SocketRead{r.at, r.lag})
		}
		return out
	}
}

// TappedContext is tapped, for tests; of returns attempt i's reads, and gives all back where i is negative.
func TappedContext(ctx context.Context) (_ context.Context, of func(i int) []SocketRead) {
	ctx, a := tapped(ctx)
	return ctx, func(i int) (out []SocketRead) {
		if i < 0 {
			a.free()
			return nil
		}
		for _, r := range a.of(i) {
			out = append(out, SocketRead{r.at, r.lag})
		}
		return out
	}
}

// Tapping is the RoundTripper of a run, for tests.
func Tapping(next http.RoundTripper) http.RoundTripper { return tapping{next} }

// StampedDial is stampedDial, for tests.
var StampedDial = stampedDial

// Steps feeds a stepWatch with both clocks' readings, for tests, and returns the steps that it saw.
func Steps(readings [][2]int64) (out []int64) {
	var w stepWatch
	for _, r := range readings {
		out = append(out, w.see(r[0], r[1]))
	}
	return out
}

// Kept is all that a stage keeps of its requests, for tests: a recorder's collector and first tokens, the progress, and what
// the server says once a second.
type Kept struct {
	Collector *results.Collector

	live   Live
	first  results.FirstTokens
	course promscrape.Course
}

// Begin begins a stage, for tests.
func (k *Kept) Begin(s *scenarios.Stage) { k.live.begin(s, 0, 1) }

// Sent notes that a request is sent, for tests.
func (k *Kept) Sent() { k.live.issue(1) }

// Add takes a request in that has ended, for tests.
func (k *Kept) Add(r *results.Record) {
	k.live.end()
	k.Collector.Add(r)
	k.live.record(r)
	k.first.Add(r)
}

// Watched takes in for the progress alone a request that has ended, for tests.
func (k *Kept) Watched(r *results.Record) { k.live.record(r) }

// FirstTokens is our side of the comparison with the server's own, for tests, and what is said of the two.
func (k *Kept) FirstTokens(theirs *results.ServerTTFT) (explanation string) {
	k.first.Compare(theirs, true)
	return theirs.Explanation
}

// Look takes in what a server says, for tests.
func (k *Kept) Look(l promscrape.Look) { k.course.Add(l) }

// Progress is how far the stage is, for tests.
func (k *Kept) Progress() Progress { return k.live.Look() }
