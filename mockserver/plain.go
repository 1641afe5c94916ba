package mockserver

import (
	"cmp"
	"net/http"
	"strconv"
	"time"
)

// plain answers in one piece, at the time of the last token.
func (x *exchange) plain() Outcome {
	due, err := x.plainDue()
	if err == nil {
		err = x.waitOut(due)
	}
	if err != nil {
		return x.lost()
	}
	x.usage.cached = x.s.sched.cached(x.heads())
	end := doContinue
	if x.strike != nil {
		end = cmp.Or(map[string]string{doStall: x.strike.then(), doNoDone: doContinue}[x.strike.Do], x.strike.Do)
	}
	body := x.body(x.api, x.id, x.created)
	switch end {
	case doReset:
		x.cut = (*exchange).reset
		return Faulted
	case doCleanEOF:
		// net/http closes a connection whose answer stayed short of its length.
		x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		body = body[:len(body)/2]
	case doErrorEvent:
		body = inStreamError().in(x.dialect)
	}
	x.header(http.StatusOK, "application/json")
	x.rec.PlannedNS = []int64{x.s.clock.mono(due)}
	x.rec.WrittenNS = []int64{x.s.clock.mono(x.s.clock.now())}
	if _, err := x.w.Write(body); err != nil && x.ctx.Err() != nil {
		return x.lost()
	}
	if end != doContinue {
		return Faulted
	}
	return Done
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
	if x.strike == nil {
		return due, nil
	}
	switch x.strike.Do {
	case doStall:
		return due + x.strike.For, nil
	case doReset, doErrorEvent:
		first := x.choices[0]
		return x.dueOf(first, min(first.hidden+x.strike.AtToken, first.seq.Out-1))
	}
	return due, nil
}
