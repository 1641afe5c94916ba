package report

import (
	"cmp"
	"slices"
	"sync"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Digest is what a page keeps of a run's records: the slowest requests of each stage, and a cloud of every request's
// latency. Its memory is bounded however many records there are. The zero value is ready for use, and safe for
// concurrent use: a run adds to it as requests end.
type Digest struct {
	mu     sync.Mutex
	n      int64 // measured records
	stages map[string]*slowest
	ttft   cloud // of successes, from the intended start
	e2e    cloud
	failed cloud // how long failures took
}

// Add takes a record in and keeps nothing of it. Warm-up and tail stay out, as they do of every figure.
func (d *Digest) Add(r *results.Record) {
	if !r.Measured() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	d.slow(r)
	at := float64(r.IntendedNS) / 1e9
	took, _ := r.Value(metric.ResponseE2E)
	if r.Outcome != results.OK {
		d.failed.add(at, float64(ended(r)-r.IntendedNS)/1e6)
		return
	}
	d.e2e.add(at, float64(took)/1e6)
	if ttft, ok := r.Value(metric.ResponseTTFT); ok {
		d.ttft.add(at, float64(ttft)/1e6)
	}
}

// ended is when the request's last attempt ended; what was never sent ended when it was given up.
func ended(r *results.Record) int64 {
	if a := r.Last(); a != nil {
		return a.DoneNS
	}
	return max(r.DoneNS, r.IntendedNS)
}

// slowKept is how many requests of each stage are kept, and how many a page shows at once.
const slowKept = 10

// slowest is the requests of one stage that took longest, the longest first.
type slowest []slowRequest

func (d *Digest) slow(r *results.Record) {
	if d.stages == nil {
		d.stages = make(map[string]*slowest)
	}
	list := d.stages[r.Stage]
	if list == nil {
		list = new(slowest)
		d.stages[r.Stage] = list
	}
	took := ended(r) - r.IntendedNS
	if len(*list) == slowKept && took <= (*list)[slowKept-1].tookNS {
		return
	}
	// Among equals the first sent stays in front, so that the order of their ends does not matter.
	at, _ := slices.BinarySearchFunc(*list, slowRequest{tookNS: took, seq: r.Seq}, bySlowness)
	*list = slices.Insert(*list, at, newSlowRequest(r, took))
	*list = (*list)[:min(len(*list), slowKept)]
}

func bySlowness(a, b slowRequest) int {
	return cmp.Or(cmp.Compare(b.tookNS, a.tookNS), cmp.Compare(a.seq, b.seq))
}

// slowRequests is the kept requests of all stages, the slowest first.
func (d *Digest) slowRequests() []slowRequest {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []slowRequest
	for _, list := range d.stages {
		all = append(all, *list...)
	}
	slices.SortFunc(all, bySlowness)
	return all
}

// cloudDots is how many dots a cloud holds at most: four a pixel of a wide screen.
const cloudDots = 8000

// cloud is a value for each request against time. When it grows too large it keeps, of each interval of time, the least
// and the greatest: what a plot of all of them would show as its outline.
type cloud struct {
	dots  []dot
	width float64 // of an interval, in seconds; 0: every request is here
	total int64
}

type dot struct{ x, y float64 }

func (c *cloud) add(x, y float64) {
	if !finite(x) || !finite(y) {
		return
	}
	c.total++
	c.dots = append(c.dots, dot{x, y})
	if len(c.dots) > cloudDots {
		c.thin()
	}
}

// thin leaves at most half of the dots, so that thinning costs each of millions of requests little.
func (c *cloud) thin() {
	slices.SortFunc(c.dots, func(a, b dot) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	span := c.dots[len(c.dots)-1].x - c.dots[0].x
	const intervals = cloudDots / 4
	if c.width == 0 {
		c.width = max(span/intervals, 1e-9)
	}
	for span/c.width > intervals-1 {
		c.width *= 2
	}
	kept := c.dots[:0]
	for start := 0; start < len(c.dots); {
		end := start + 1
		for end < len(c.dots) && interval(c.dots[end].x, c.width) == interval(c.dots[start].x, c.width) {
			end++
		}
		kept = appendExtremes(kept, c.dots[start:end])
		start = end
	}
	c.dots = kept
}

func interval(x, width float64) int64 { return int64(x / width) }

// appendExtremes appends the least and the greatest of dots, in the order of time.
func appendExtremes(to, dots []dot) []dot {
	least, greatest := 0, 0
	for i, d := range dots {
		if d.y < dots[least].y {
			least = i
		}
		if d.y > dots[greatest].y {
			greatest = i
		}
	}
	first, last := dots[min(least, greatest)], dots[max(least, greatest)]
	to = append(to, first)
	if least != greatest {
		to = append(to, last)
	}
	return to
}

// sorted is the dots in the order of time.
func (c *cloud) sorted() []dot {
	return slices.SortedFunc(slices.Values(c.dots), func(a, b dot) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
}
