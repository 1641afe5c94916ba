package client

import (
	"time"
)

// timeline lays content events on the reads that completed them.
type timeline struct {
	a     *Attempt
	marks []mark
	read  int // the read that the last event was completed by
	last  int // the read of the last arrival

	events   int
	counted  int  // output tokens that usage has told of so far
	counting bool // each content event so far has raised that number
}

func (t *timeline) add(end int, p piece) {
	for t.read < len(t.marks)-1 && t.marks[t.read].end < end {
		t.read++
	}
	if !p.hasContent() {
		return
	}
	t.events++
	at := t.marks[t.read].at
	if len(t.a.Arrivals) == 0 || t.last != t.read {
		t.a.Arrivals = append(t.a.Arrivals, Arrival{At: at})
		t.last = t.read
	}
	arrival := &t.a.Arrivals[len(t.a.Arrivals)-1]
	if arrival.Events++; arrival.Events == 2 {
		t.a.MultiEventReads++
	}
	t.stamp(at, p)
	t.counting = t.counting && p.hasUsage && p.usage.OutputTokens > t.counted
	if t.counting {
		arrival.Tokens += p.usage.OutputTokens - t.counted
		t.counted = p.usage.OutputTokens
	}
}

func (t *timeline) stamp(at time.Duration, p piece) {
	if t.a.FirstToken.IsZero() {
		t.a.FirstToken = t.a.Started.Add(at)
	}
	if t.a.FirstOutput.IsZero() && p.hasOutput() {
		t.a.FirstOutput = t.a.Started.Add(at)
	}
}

// finish settles how many tokens each arrival brought: by usage that ran along;
// else one an event, if that adds up; else it is not known.
func (t *timeline) finish(r *Response) {
	if t.counting {
		return
	}
	one := r.UsageKnown && r.Usage.OutputTokens == t.events
	for i := range t.a.Arrivals {
		arrival := &t.a.Arrivals[i]
		arrival.Tokens = 0
		if one {
			arrival.Tokens = arrival.Events
		}
	}
}
