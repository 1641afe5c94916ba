package client

import (
	"time"
)

// timeline lays content events on the reads that completed them.
type timeline struct {
	started     time.Time
	firstToken  time.Time
	firstOutput time.Time
	arrivals    []Arrival
	multiEvent  int // arrivals of several events

	marks []mark
	read  int // the read that the last event was completed by
	last  int // the read of the last arrival

	events   int
	counted  int  // output tokens that usage has told of so far
	counting bool // each content event so far has raised that number
}

// begin goes on with another part of the answer. Its first mark is the last read of
// the part before, whose rest it begins with: the end of the answer may make an event
// of that rest.
func (t *timeline) begin(marks []mark) {
	t.marks, t.read, t.last = marks, 0, -1
	if n := len(t.arrivals); n > 0 && len(marks) > 0 && t.arrivals[n-1].At == marks[0].at {
		t.last = 0
	}
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
	if t.last != t.read {
		t.arrivals = append(t.arrivals, Arrival{At: at})
		t.last = t.read
	}
	arrival := &t.arrivals[len(t.arrivals)-1]
	if arrival.Events++; arrival.Events == 2 {
		t.multiEvent++
	}
	t.stamp(at, p)
	t.counting = t.counting && p.hasUsage && p.usage.OutputTokens > t.counted
	if t.counting {
		arrival.Tokens += p.usage.OutputTokens - t.counted
		t.counted = p.usage.OutputTokens
	}
}

func (t *timeline) stamp(at time.Duration, p piece) {
	if t.firstToken.IsZero() {
		t.firstToken = t.started.Add(at)
	}
	if t.firstOutput.IsZero() && p.hasOutput() {
		t.firstOutput = t.started.Add(at)
	}
}

// complete gives an attempt what was found. Its own stamp of the first token wins.
func (t *timeline) complete(a *Attempt) {
	if a.FirstToken.IsZero() {
		a.FirstToken = t.firstToken
	}
	a.FirstOutput, a.Arrivals, a.MultiEventReads = t.firstOutput, t.arrivals, t.multiEvent
}

// finish settles how many tokens each arrival brought: by usage that ran along;
// else one an event, if that adds up; else it is not known.
func (t *timeline) finish(r *Response) {
	if t.counting {
		return
	}
	one := r.UsageKnown && r.Usage.OutputTokens == t.events
	for i := range t.arrivals {
		arrival := &t.arrivals[i]
		arrival.Tokens = 0
		if one {
			arrival.Tokens = arrival.Events
		}
	}
}
