package interop

import (
	"cmp"
	"io"
	"slices"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/llmload/llmload/results"
)

// Vegeta writes the measured requests as vegeta results, which `vegeta report`, `vegeta plot` and `vegeta encode` read: an
// attack a stage, a hit a request, from its intended time to its end, so that a request that waited shows its wait and one
// that was dropped is there. Requests that an interrupt cancelled are left out, as they are of every rank of ours.
//
// vegeta's plot wants the hits of an attack numbered from 0 in the order of their times, and records come in the order in which
// they ended. So it walks twice, and keeps 8 bytes a request in between.
func Vegeta(w io.Writer, s *results.Summary, records Records) error {
	order := map[string]*ranks{}
	for r, err := range records {
		if err != nil {
			return err
		}
		if isHit(r) {
			if order[r.Stage] == nil {
				order[r.Stage] = &ranks{}
			}
			order[r.Stage].times = append(order[r.Stage].times, r.IntendedNS)
		}
	}
	for _, o := range order {
		slices.Sort(o.times)
	}
	encode := vegeta.NewEncoder(w)
	for r, err := range records {
		if err != nil {
			return err
		}
		if !isHit(r) {
			continue
		}
		if err := encode.Encode(hit(s, r, order[r.Stage].take(r.IntendedNS))); err != nil {
			return err
		}
	}
	return nil
}

func isHit(r *results.Record) bool { return r.Measured() && r.Outcome != results.Cancelled }

func hit(s *results.Summary, r *results.Record, seq uint64) *vegeta.Result {
	h := &vegeta.Result{
		Attack: r.Stage, Seq: seq, Timestamp: at(s.Run.StartedAt, r.IntendedNS), Method: "POST", URL: cmp.Or(r.Endpoint, s.Target.Endpoint),
	}
	if end := ended(r); end > r.IntendedNS {
		h.Latency = time.Duration(end - r.IntendedNS)
	}
	if r.Outcome == results.OK {
		h.Code = uint16(cmp.Or(r.Status, 200))
		return h
	}
	h.Error = string(r.Outcome)
	if r.Error != "" {
		h.Error += ": " + r.Error
	}
	if r.Status < 200 || r.Status > 399 { // to vegeta every 2xx and 3xx is a success, a stream that broke off too
		h.Code = uint16(r.Status)
	}
	return h
}

// ended is when the request's last attempt ended, or the request where it had none.
func ended(r *results.Record) int64 {
	if a := r.Last(); a != nil {
		return a.DoneNS
	}
	return r.DoneNS
}

// ranks numbers times in their order, equal ones as they are asked for.
type ranks struct {
	times []int64
	used  map[int64]int // of times that occur more than once
}

func (o *ranks) take(ns int64) uint64 {
	at, _ := slices.BinarySearch(o.times, ns)
	if at+1 >= len(o.times) || o.times[at+1] != ns {
		return uint64(at)
	}
	if o.used == nil {
		o.used = map[int64]int{}
	}
	n := o.used[ns]
	o.used[ns]++
	return uint64(at + n)
}
