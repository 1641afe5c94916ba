package mockserver

import (
	"container/heap"
	"slices"
	"time"
)

// A chunk is what one event of a stream has of a choice: tokens of one kind.
// Hidden ones go with what follows them.
type chunk struct {
	*choice
	after    int           // tokens of the choice that were taken before
	from, to int           // of its tokens, those that are seen; none where all that is left is hidden
	due      time.Duration // with its last token
}

// A feed cuts an answer into chunks and hands them out in the order in which
// they are due, at one time in the order of the choices: to a stream while the
// engine decides them, to a Virtual when all are decided. No chunk costs a look
// at every choice, of which there may be thousands. It is changed under the
// scheduler's lock.
type feed struct {
	perChunk int     // tokens
	strike   *strike // nil, or what comes behind exactly so many tokens
	lanes    []lane  // a choice each
	ready    lanes   // those whose next chunk is decided
	visible  int     // tokens that the client gets in all
	left     int     // tokens to be taken, with the hidden ones
	shown    int     // tokens taken that are seen
	thought  int     // tokens taken that are reasoning
}

// A lane is a choice and how far it was taken.
type lane struct {
	*choice
	taken int
	to    int // end of the next chunk
	due   time.Duration
	ready bool
}

func newFeed(cfg *Config, j *job, k *strike) *feed {
	f := &feed{
		perChunk: cfg.Stream.TokensPerChunk, strike: k, left: j.planned, visible: j.planned,
		lanes: make([]lane, len(j.choices)), ready: make(lanes, 0, len(j.choices)),
	}
	for i, c := range j.choices {
		f.lanes[i].choice = c
		f.visible -= c.hidden
	}
	f.offer()
	return f
}

// offer looks at every lane.
func (f *feed) offer() {
	for i := range f.lanes {
		f.decided(i)
	}
}

// decided is called when the engine has decided more of choice i.
func (f *feed) decided(i int) {
	l := &f.lanes[i]
	if l.ready || l.taken == len(l.tokens) {
		return
	}
	to := f.cut(l)
	if due, ok := l.seq.Due(to - 1); ok {
		l.to, l.due, l.ready = to, due, true
		heap.Push(&f.ready, l)
	}
}

// cut is where the next chunk of a lane ends: behind as many tokens as the
// config says, or all that one step makes, if those are more, but with those of
// its kind. A fault cuts it short, so that it comes in its time.
func (f *feed) cut(l *lane) int {
	from, end := max(l.taken, l.hidden), len(l.tokens)
	if from < l.reasoning {
		end = l.reasoning
	}
	n := max(f.perChunk, l.seq.Together(from))
	if left := f.untilStrike(); left > 0 {
		n = min(n, left)
	}
	return min(from+n, end)
}

// untilStrike is how many tokens go before the fault acts.
func (f *feed) untilStrike() int { return f.strike.left(f.shown, f.visible) }

// next is when the next chunk is due; at once when all are taken and only the
// end is left.
func (f *feed) next() (due time.Duration, ok bool) {
	switch {
	case f.left == 0:
		return 0, true
	case len(f.ready) == 0:
		return 0, false
	}
	return f.ready[0].due, true
}

// take takes the next chunk, if it is due by a time. Where other choices have
// brought the fault nearer since the chunk was cut, it is cut shorter.
func (f *feed) take(by time.Duration) (c chunk, ok bool) {
	if len(f.ready) == 0 || f.ready[0].due > by {
		return chunk{}, false
	}
	l := heap.Pop(&f.ready).(*lane)
	c = chunk{l.choice, l.taken, min(max(l.taken, l.hidden), l.to), l.to, l.due}
	if left := f.untilStrike(); left > 0 {
		c.to = c.from + min(c.to-c.from, left)
	}
	l.taken, l.ready = c.to, false
	f.left -= c.to - c.after
	f.shown += c.to - c.from
	f.thought += min(c.to, l.reasoning) - min(c.after, l.reasoning)
	f.decided(l.index)
	return c, true
}

// spend is called when the fault has acted: what it cut short is cut again.
func (f *feed) spend() {
	f.strike.spent = true
	for _, l := range f.ready {
		l.ready = false
	}
	f.ready = f.ready[:0]
	f.offer()
}

// lanes is a heap, the first due on top.
type lanes []*lane

func (h lanes) Len() int      { return len(h) }
func (h lanes) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h lanes) Less(i, j int) bool {
	return h[i].due < h[j].due || h[i].due == h[j].due && h[i].index < h[j].index
}

func (h *lanes) Push(x any) { *h = append(*h, x.(*lane)) }

func (h *lanes) Pop() any {
	last := len(*h) - 1
	l := (*h)[last]
	*h = slices.Delete(*h, last, last+1)
	return l
}
