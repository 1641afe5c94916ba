package simulate

import (
	"container/heap"
	"time"
)

// events are what is yet to happen, in order of time and, at one moment, of adding.
type events struct {
	heap  eventHeap
	added int
}

type event struct {
	at    time.Duration
	order int
	do    func() // nil: called off
}

func (e *events) add(at time.Duration, do func()) *event {
	e.added++
	one := &event{at, e.added, do}
	heap.Push(&e.heap, one)
	return one
}

func (e *events) first() (at time.Duration, ok bool) {
	if len(e.heap) == 0 {
		return 0, false
	}
	return e.heap[0].at, true
}

func (e *events) pop() *event { return heap.Pop(&e.heap).(*event) }

type eventHeap []*event

func (h eventHeap) Len() int      { return len(h) }
func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h eventHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}

func (h *eventHeap) Push(x any) { *h = append(*h, x.(*event)) }

func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return x
}
