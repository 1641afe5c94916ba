package mockserver

import (
	"net/http"
	"strconv"
	"time"
)

// acting is what a plain answer sees: of a stall its then. The zero deed is nothing.
func (k *strike) acting() deed {
	if k == nil || k.last == nil {
		return deed{}
	}
	return *k.last
}

// deliver sends a plain answer, or what a fault makes of it.
func (x *exchange) deliver(due time.Duration) Outcome {
	k, d := x.strike, x.strike.acting()
	if d.ends == isReset {
		x.cut = (*exchange).reset
		return outcomeFault
	}
	if first := x.choices[0]; d.text != "" {
		first.say(min(first.hidden+k.AtToken, len(first.tokens)-1), d.text)
	}
	body := x.body(x.api, x.id, x.created)
	pieces := [][]byte{body}
	if d.plain != nil {
		pieces = d.plain(x, body)
	}
	if d.ends == hangsUp {
		// net/http closes a connection whose answer stayed short of its length.
		x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	if err := x.send(due, pieces); err != nil {
		return x.lost()
	}
	return d.outcome(d.plain != nil || d.label != "")
}

// send writes a plain answer in its pieces. Its time of writing is the last one's.
func (x *exchange) send(due time.Duration, pieces [][]byte) error {
	x.header(http.StatusOK, "application/json")
	x.rec.PlannedNS = []int64{x.s.clock.mono(due)}
	for i, piece := range pieces {
		if i > 0 {
			if err := x.rc.Flush(); err != nil {
				return err
			}
			if err := x.wait(x.strike.beat(due, i, len(pieces))); err != nil {
				return err
			}
		}
		x.rec.WrittenNS = []int64{x.s.clock.mono(x.s.clock.now())}
		if x.strike == nil {
			x.s.late.add(x.rec.PlannedNS, x.rec.WrittenNS[0], 0)
		}
		if _, err := x.w.Write(piece); err != nil && x.ctx.Err() != nil {
			return err
		}
	}
	return nil
}
