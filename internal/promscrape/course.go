package promscrape

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// maxKept is how many looks a course keeps; then every second one is dropped.
const maxKept = 3600

// Course is what the sources said over a stage. The zero value is ready; it is not safe for concurrent use. Its memory does
// not grow with the stage's length: figures of the moment are thinned out, and of counts the first and the last are kept.
type Course struct {
	Looks  int
	Failed int // looks at which a source failed

	first      []*Reading // of each source, nil where that look failed
	known      []*Reading // the last that it answered
	knownAt    []time.Time
	anew       []bool // its counts went back from one answer to the next
	firstAt    time.Time
	lastAt     time.Time
	tells      map[Name][]bool // whether a source has ever told of a figure of the moment
	kept       []moment
	step, skip int
	names      []string
	errs       []error // the first of each source
	fails      []int
}

// moment is the figures of a moment by source; one that did not tell has no entry.
type moment struct {
	at     time.Time
	values []gauges
}

// gauges are a source's figures of the moment in the order of figures, which begin with them; NaN where it does not tell.
type gauges [nGauges]float64

// Add takes a look in.
func (c *Course) Add(l Look) {
	if c.first == nil {
		n := len(l.Readings)
		c.first, c.errs, c.fails = make([]*Reading, n), make([]error, n), make([]int, n)
		c.known, c.knownAt, c.anew = make([]*Reading, n), make([]time.Time, n), make([]bool, n)
		copy(c.first, l.Readings)
		c.names, c.firstAt, c.tells, c.step = l.Names, l.At, map[Name][]bool{}, 1
	}
	c.Looks++
	for i, r := range l.Readings {
		if r != nil {
			c.anew[i] = c.anew[i] || r.behind(c.known[i])
			c.known[i], c.knownAt[i] = r, l.At
		}
	}
	c.lastAt = l.At
	failed := false
	for i, err := range l.Errs {
		if err != nil {
			failed = true
			c.fails[i]++
			if c.errs[i] == nil {
				c.errs[i] = err
			}
		}
	}
	if failed {
		c.Failed++
	}
	c.keep(l)
}

func (c *Course) keep(l Look) {
	m := moment{at: l.At, values: make([]gauges, len(l.Readings))}
	for i, r := range l.Readings {
		m.values[i] = c.gauges(i, r)
	}
	if c.skip++; c.skip < c.step {
		return
	}
	c.skip = 0
	c.kept = append(c.kept, m)
	if len(c.kept) == maxKept {
		for i := range maxKept / 2 {
			c.kept[i] = c.kept[2*i+1]
		}
		c.kept, c.step = slices.Delete(c.kept, maxKept/2, maxKept), 2*c.step
	}
}

// gauges are a reading's figures of the moment.
func (c *Course) gauges(source int, r *Reading) (out gauges) {
	for i, f := range figures[:nGauges] {
		out[i] = math.NaN()
		if r == nil {
			continue
		}
		v, ok := r.Values[f.name]
		if !ok {
			continue
		}
		out[i] = v
		if c.tells[f.name] == nil {
			c.tells[f.name] = make([]bool, len(c.first))
		}
		c.tells[f.name][source] = true
	}
	return out
}

// Point is a figure at a moment.
type Point struct {
	At time.Time
	V  float64
}

// Gauge is a figure of the moment at each look behind from and not behind to. A look at which a source failed that tells of
// the figure at other times has none: a sum over the others would be too small.
func (c *Course) Gauge(name Name, from, to time.Time) (points []Point) {
	i := slices.IndexFunc(figures[:], func(f figure) bool { return f.name == name })
	for _, m := range c.kept {
		if !m.at.After(from) || m.at.After(to) {
			continue
		}
		if v, ok := c.whole(m, i); ok {
			points = append(points, Point{m.at, v})
		}
	}
	return points
}

func (c *Course) whole(m moment, figure int) (v float64, ok bool) {
	var n float64
	f := figures[figure]
	for source, tells := range c.tells[f.name] {
		one := m.values[source][figure]
		switch {
		case !math.IsNaN(one):
			v += one
			n++
		case tells:
			return 0, false
		}
	}
	if n > 0 && f.share {
		v /= n
	}
	return v, n > 0
}

// counted reports whether a source has counts: it answered the first look and one behind it, and was not started anew between.
func (c *Course) counted(source int) bool {
	return c.first[source] != nil && c.knownAt[source].After(c.firstAt) && !c.anew[source]
}

// Delta is how much a count grew from the first look to the last that its source answered, over the sources that have counts.
// A count that the first look lacks began at 0: many exporters make a series with its first event.
func (c *Course) Delta(name Name) (v float64, ok bool) {
	for i, last := range c.known {
		if !c.counted(i) {
			continue
		}
		now, tells := last.Values[name]
		if tells {
			v, ok = v+now-c.first[i].Values[name], true
		}
	}
	return v, ok
}

// TTFT is what the histogram of the time to first token gained, nil where none is told.
func (c *Course) TTFT() (h *Histogram) {
	for i, last := range c.known {
		if c.counted(i) {
			h = h.plus(last.TTFT.since(c.first[i].TTFT))
		}
	}
	return h
}

// behind reports whether a count is lower than at an earlier reading, which may be nil: then the server was started anew between.
func (r *Reading) behind(before *Reading) bool {
	if before == nil {
		return false
	}
	for _, f := range figures[nGauges:] {
		if now, ok := r.Values[f.name]; ok && now < before.Values[f.name] {
			return true
		}
	}
	return r.TTFT.Count() < before.TTFT.Count()
}

// Span is the time that counts are of, from the first look to the last that a source with counts answered. Even reports
// whether all such sources answered that one: a ratio of what two sources counted needs it.
func (c *Course) Span() (span time.Duration, even bool) {
	var to []time.Time
	for i, at := range c.knownAt {
		if c.counted(i) {
			to = append(to, at)
		}
	}
	if len(to) == 0 {
		return c.lastAt.Sub(c.firstAt), true
	}
	slices.SortFunc(to, time.Time.Compare)
	return to[len(to)-1].Sub(c.firstAt), to[0].Equal(to[len(to)-1])
}

// Warnings says which sources failed, and whose counts are missing.
func (c *Course) Warnings() (out []string) {
	for i, name := range c.names {
		if n := c.fails[i]; n > 0 {
			out = append(out, fmt.Sprintf("the server's metrics could not be read %d of %d times: %v%s", n, c.Looks, c.errs[i], c.missing(i)))
		}
		if c.anew[i] {
			out = append(out, fmt.Sprintf("%s: its counts went back, so that server was started anew in the stage; they are left out", name))
		}
	}
	return out
}

// missing says which of a source's counts cannot be had: all, or those behind the last look that it answered.
func (c *Course) missing(source int) string {
	switch at := c.knownAt[source]; {
	case c.first[source] == nil:
		return "; its counts, which need a reading at the stage's start, are missing"
	case !at.After(c.firstAt):
		return "; its counts, which need a reading behind the stage's start, are missing"
	case at.Before(c.lastAt):
		return fmt.Sprintf("; its counts reach until the last reading, %s of %s into the stage", seconds(at.Sub(c.firstAt)), seconds(c.lastAt.Sub(c.firstAt)))
	}
	return ""
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// Samples is how many looks lie behind from and not behind to.
func (c *Course) Samples(from, to time.Time) (n int) {
	for _, m := range c.kept {
		if m.at.After(from) && !m.at.After(to) {
			n++
		}
	}
	return n
}

// Lacks reports whether a look has not yet counted so many first tokens since the first look. A server that counts none
// lacks none.
func (c *Course) Lacks(l Look, firstTokens int64) bool {
	var counted float64
	known := false
	for i, r := range l.Readings {
		if r == nil || r.TTFT == nil || c.first[i] == nil {
			continue
		}
		known = true
		counted += r.TTFT.Count() - c.first[i].TTFT.Count()
	}
	return known && counted < float64(firstTokens)
}
