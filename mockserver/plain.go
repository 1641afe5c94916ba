package mockserver

import "time"

// plain answers in one piece, at the time of the last token.
func (x *exchange) plain() Outcome {
	due, err := x.plainDue()
	if err == nil {
		err = x.wait(due)
	}
	if err != nil {
		return x.lost()
	}
	x.s.sched.locked(x.settle)
	return x.deliver(due)
}

// plainDue is when a plain answer is to be sent, or its fault acts: with the
// last token of all prompts, later by a stall, or at the fault's token.
func (x *exchange) plainDue() (due time.Duration, err error) {
	for _, c := range x.choices {
		at, err := x.dueOf(c, c.seq.Out-1)
		if err != nil {
			return 0, err
		}
		due = max(due, at)
	}
	switch k := x.strike; {
	case k == nil:
	case k.row.early:
		first := x.choices[0]
		return x.dueOf(first, min(first.hidden+k.AtToken, first.seq.Out-1))
	case k.row.ends == mayBegin:
		due += k.For
	}
	return due, nil
}
