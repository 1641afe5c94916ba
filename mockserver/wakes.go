package mockserver

import (
	"container/heap"
	"time"
)

// A waiter is somebody who waits for a time, or for the engine to name it.
type waiter struct {
	next next          // what is waited for; nil while nothing is
	gone bool          // nobody is there to be answered
	due  time.Duration // place in the heap
	pos  int           // index in the heap, -1 outside
	wake chan struct{} // holds at most one
}

func newWaiter() *waiter { return &waiter{pos: -1, wake: make(chan struct{}, 1)} }

// wakes is a heap of waiters, the first due on top.
type wakes []*waiter

func (h wakes) Len() int           { return len(h) }
func (h wakes) Less(i, j int) bool { return h[i].due < h[j].due }

func (h wakes) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

func (h *wakes) Push(x any) {
	w := x.(*waiter)
	w.pos = len(*h)
	*h = append(*h, w)
}

func (h *wakes) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	w.pos = -1
	return w
}

// put gives a waiter its place, or a new one.
func (h *wakes) put(w *waiter, due time.Duration) {
	w.due = due
	if w.pos >= 0 {
		heap.Fix(h, w.pos)
		return
	}
	heap.Push(h, w)
}

// release wakes everybody who is due.
func (h *wakes) release(now time.Duration) {
	for len(*h) > 0 && (*h)[0].due <= now {
		w := heap.Pop(h).(*waiter)
		w.next = nil
		w.wake <- struct{}{} // empty: who waits has taken the last one
	}
}
