package results

import (
	"math"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/llmload/llmload/internal/metric"
)

// StageInfo is what a collector must know of a stage before its first request.
type StageInfo struct {
	Name string
	Load Load
	SLO  []Limit
	GPUs int // that the server runs on; 0: not said
}

// Repeat takes the name of a stage's repeat apart: c=8#2 is c=8 in round 2, any other name is itself in round 1.
func Repeat(stage string) (name string, round int) {
	at := strings.LastIndexByte(stage, '#')
	if at < 0 {
		return stage, 1
	}
	if n, err := strconv.Atoi(stage[at+1:]); err == nil && n >= 2 && strconv.Itoa(n) == stage[at+1:] {
		return stage[:at], n
	}
	return stage, 1
}

// Limit is one line of an SLO: a request is inside it when its Metric is at most MaxNS. In open loop ttft and e2e are
// judged by their response_ forms.
type Limit struct {
	Metric metric.Name `json:"metric"`
	MaxNS  int64       `json:"max_ns"`
}

// StageHistograms holds one stage's distributions of successes. StartNS and EndNS are the measured window, from the
// run's start.
type StageHistograms struct {
	Stage          string
	StartNS, EndNS int64
	Metrics        map[metric.Name]*Histogram
}

// unknownNS stands for an edge of the window that has not come yet.
const unknownNS = math.MaxInt64

// Bounds is a stage's measured window while the stage runs, in nanoseconds from the run's start. In the zero value both
// edges are unknown, which puts them after everything. One goroutine sets, any may read.
//
// An edge that is set a moment after it was taken may find an arrival of that moment on its wrong side; a folder that is
// rebuilt from its records has no such moment.
type Bounds struct {
	start, end edge
}

// SetStart opens the window; calls after the first change nothing.
func (b *Bounds) SetStart(ns int64) { b.start.set(ns) }

// SetEnd closes the window; calls after the first change nothing.
func (b *Bounds) SetEnd(ns int64) { b.end.set(ns) }

// Start returns the window's first edge; ok is false while it is unknown.
func (b *Bounds) Start() (ns int64, ok bool) { ns = b.start.get(); return ns, ns != unknownNS }

// End returns the window's last edge; ok is false while it is unknown.
func (b *Bounds) End() (ns int64, ok bool) { ns = b.end.get(); return ns, ns != unknownNS }

// holds reports whether something at ns counts. The window is open on the left and closed on the right: the answer that
// frees the first idle worker ends the window and belongs to it.
func (b *Bounds) holds(ns int64) bool { return ns > b.start.get() && ns <= b.end.get() }

// part is how much of the time from from to to lies inside, of whole. An edge that is not known yet lies after everything
// that has ended, which holds for every request that is counted while the stage runs.
func (b *Bounds) part(from, to int64) int64 {
	start, end := b.start.get(), b.end.get()
	if to <= from {
		if b.holds(to) {
			return whole
		}
		return 0
	}
	inside := min(to, end) - max(from, start)
	return int64(math.Round(float64(max(inside, 0)) / float64(to-from) * whole))
}

// edge is a moment that is set once. It keeps ns ^ unknownNS, so that the zero value is the unknown one.
type edge struct{ v atomic.Int64 }

func (e *edge) set(ns int64) { e.v.CompareAndSwap(0, ns^unknownNS) }
func (e *edge) get() int64   { return e.v.Load() ^ unknownNS }
