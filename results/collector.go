package results

import (
	"fmt"

	"github.com/llmload/llmload/internal/metric"
)

// Collector turns one stage's records into a summary, in memory that does not grow with their number. It takes no lock:
// one collector a recording goroutine, merged at the end.
type Collector struct {
	info   StageInfo
	bounds *Bounds
	slo    []Limit // with the names that the stage's load is judged by

	dist     [nDistributions]Histogram
	unranked [nDistributions]int64 // requests above every value of the metric
	course   series
	lastNS   int64

	requests          Requests
	outcomes          map[Outcome]int64
	attempts, retries int64
	sent              int64 // requests of which there was an attempt
	wasted            Waste
	attained          int64 // measured requests inside every SLO
	window            windowCounts
	reads             readCounts
	kernel            Histogram // from the kernel's stamp to ours
	tokens            TokenTotals
	sources           map[TokenSource]int64

	groups map[groupKey]*Collector
	values map[string]int // groups of each name
}

// windowCounts is what arrived inside the measured window, from any request, in parts of a whole. Integers, so that the
// order of adding and merging changes nothing.
type windowCounts struct{ succeeded, attained, input, output int64 }

// whole is a request or a token that lies inside the window in full.
const whole = 1_000_000

// readCounts counts body reads of streams, and those that brought several events; of arrivals, those without a kernel's stamp.
type readCounts struct{ all, multi, unstamped int64 }

// NewCollector returns a collector for one stage. b is shared by the stage's collectors and may still be unknown.
func NewCollector(info StageInfo, b *Bounds) *Collector {
	c := &Collector{info: info, bounds: b, outcomes: map[Outcome]int64{}, sources: map[TokenSource]int64{}, groups: map[groupKey]*Collector{}, values: map[string]int{}}
	for _, l := range info.SLO {
		l.Metric = info.Load.Judged(l.Metric)
		c.slo = append(c.slo, l)
	}
	return c
}

// Judged returns the metric that SLOs and thresholds on m use under this load: in open loop latency counts from the
// intended time.
func (l Load) Judged(m metric.Name) metric.Name {
	if info, ok := metric.Lookup(string(m)); ok && l.Mode == "open" {
		return info.Open
	}
	return m
}

// Add counts one finished request. It keeps nothing of r.
func (c *Collector) Add(r *Record) {
	c.count(r)
	c.addGroups(r)
}

func (c *Collector) count(r *Record) {
	c.addArrivals(r)
	c.addCourse(r)
	switch {
	case r.Warmup:
		c.requests.Warmup++
		return
	case r.Tail:
		c.requests.Tail++
		return
	}
	c.addOutcome(r)
	switch r.Outcome {
	case Cancelled: // the tool's own doing: outside ranks
	case OK:
		c.addSuccess(r)
	default:
		c.addFailure(r)
	}
}

func (c *Collector) addOutcome(r *Record) {
	c.requests.Issued++
	c.outcomes[r.Outcome]++
	*c.requests.counter(r.Outcome)++
	c.attempts += int64(len(r.Attempts))
	c.retries += int64(max(len(r.Attempts)-1, 0))
	c.sent += int64(min(len(r.Attempts), 1))
	c.wasted.add(r.wasted())
	for i := range r.Attempts {
		c.reads.all += int64(r.Attempts[i].Reads)
		c.reads.multi += int64(r.Attempts[i].MultiReads)
		c.addLags(r.Attempts[i].KernelLagNS)
	}
}

func (c *Collector) addLags(lags []int64) {
	for _, ns := range lags {
		if ns < 0 {
			c.reads.unstamped++
		} else {
			c.kernel.Record(ns)
		}
	}
}

func (c *Collector) addSuccess(r *Record) {
	for d := range perRequest {
		if ns, ok := r.Value(d.name()); ok {
			c.dist[d].Record(ns)
		}
	}
	icl, itl := &c.dist[distICL], &c.dist[distITL]
	for _, gap := range r.gaps() {
		icl.Record(gap)
	}
	for ns, k := range r.itl {
		itl.RecordN(ns, k)
	}
	if c.attains(r) {
		c.attained++
	}
	c.addTokens(&r.Tokens)
}

// addFailure ranks a failed request above every success. Only the waits before the wire have values that count: the
// request was issued like any other, and a server's refusal does not change what the tool did before it.
func (c *Collector) addFailure(r *Record) {
	for d := range perRequest {
		switch d {
		case distQueueDelay, distDispatchDelay:
			if ns, ok := r.Value(d.name()); ok {
				c.dist[d].Record(ns)
			} else if d == distQueueDelay {
				c.unranked[d]++ // it waited and never got in
			}
		default:
			c.unranked[d]++
		}
	}
}

func (c *Collector) attains(r *Record) bool {
	return len(c.slo) > 0 && r.Inside(c.slo, c.info.Load.Stream)
}

func (c *Collector) addTokens(t *Tokens) {
	c.tokens.Input += int64(t.Input)
	c.tokens.Cached += int64(t.Cached)
	c.tokens.Reasoning += int64(t.Reasoning)
	c.tokens.Output += int64(t.Output)
	c.tokens.RequestedInput += int64(t.RequestedInput)
	c.tokens.RequestedOutput += int64(t.RequestedOutput)
	c.sources[t.Source]++
}

// addArrivals credits the window with what came inside it, whoever it belongs to: tokens at the moment they came, and what
// has no moment, a request and the tokens of a plain answer, by the part of its time that lay inside. Counted by its end
// alone, a request would come in waves: a closed loop that begins in step has the warm-up's last wave end right after the
// window's start, and would show one wave too many.
func (c *Collector) addArrivals(r *Record) {
	a := r.Last()
	if a == nil {
		return
	}
	inside := c.bounds.part(r.DispatchedNS, a.DoneNS)
	if r.Outcome == OK {
		c.window.succeeded += inside
		if c.attains(r) {
			c.window.attained += inside
		}
	}
	plain := a.FirstTokenNS == 0
	switch {
	case plain:
		c.window.input += int64(r.Tokens.Input) * inside
	case c.bounds.holds(a.FirstTokenNS):
		c.window.input += int64(r.Tokens.Input) * whole
	}
	for ns, tokens := range r.arrivals {
		c.course.at(ns).tokens += tokens
		switch {
		case plain:
			c.window.output += tokens * inside
		case c.bounds.holds(ns):
			c.window.output += tokens * whole
		}
	}
}

func (c *Collector) addCourse(r *Record) {
	done := r.DoneNS
	if a := r.Last(); a != nil {
		done = a.DoneNS
		c.course.flight(r.DispatchedNS, done)
	}
	c.lastNS = max(c.lastNS, done)
	switch r.Outcome {
	case Cancelled:
	case OK:
		c.course.at(done).ok++
	default:
		c.course.at(done).failed++
	}
}

// Merge adds all that o counted. Both must be of the same stage. The result is the one of a single collector.
func (c *Collector) Merge(o *Collector) error {
	if c.info.Name != o.info.Name {
		return fmt.Errorf("results: cannot merge stage %q into stage %q", o.info.Name, c.info.Name)
	}
	for d := range c.dist {
		if err := c.dist[d].Merge(&o.dist[d]); err != nil {
			return fmt.Errorf("stage %q, %s: %w", c.info.Name, distribution(d).name(), err)
		}
		c.unranked[d] += o.unranked[d]
	}
	if err := c.kernel.Merge(&o.kernel); err != nil {
		return fmt.Errorf("stage %q, kernel_lag_ns: %w", c.info.Name, err)
	}
	c.course.merge(&o.course)
	c.lastNS = max(c.lastNS, o.lastNS)
	c.requests.add(o.requests)
	addAll(c.outcomes, o.outcomes)
	addAll(c.sources, o.sources)
	c.attempts += o.attempts
	c.retries += o.retries
	c.sent += o.sent
	c.wasted.add(o.wasted)
	c.attained += o.attained
	c.window.add(o.window)
	c.reads.add(o.reads)
	c.tokens.add(o.tokens)
	return c.mergeGroups(o)
}
