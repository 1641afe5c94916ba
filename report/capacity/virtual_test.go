package capacity_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
	"github.com/llmload/llmload/report/capacity"
	"github.com/llmload/llmload/results"
)

// A shape is the tokens of a request; answers are spread over a quarter around theirs, because equal ones march in step.
type shape struct{ in, out int }

// h100 is the engine of the preset h100-llama3-8b.
func h100() *engine.Step {
	return &engine.Step{
		C0: 6 * time.Millisecond, Prefill: 20 * time.Microsecond, Decode: 20 * time.Microsecond, KV: 60 * time.Nanosecond,
		Slots: 64, Budget: 8192, KVTokens: 467280, MaxQueue: math.MaxInt,
	}
}

// A server is a simulated one in virtual time.
type server struct {
	shape
	engine func() *engine.Step
	fails  float64 // share of requests that fail at once, whatever the load
	seed   uint64
	probes uint64
}

type sent struct {
	seq    *engine.Seq
	at     time.Duration
	warmup bool
	failed bool
}

// probe runs one probe on an empty server, which goes on until the last request has ended.
func (v *server) probe(slo capacity.SLO, p capacity.Probe) capacity.Observation {
	v.probes++
	e, dice := v.engine(), rand.New(rand.NewPCG(v.seed, v.probes))
	var all []sent
	for at, measured := 0.0, 0; measured < p.Requests; {
		at += dice.ExpFloat64() / p.Rate * float64(time.Second)
		spread := v.out / 4
		r := sent{
			seq: &engine.Seq{In: v.in, Out: v.out - spread + dice.IntN(2*spread+1)}, at: time.Duration(at),
			warmup: time.Duration(at) < p.Warmup, failed: dice.Float64() < v.fails,
		}
		if !r.failed {
			_ = e.Submit(r.at, r.seq)
		}
		if !r.warmup {
			measured++
		}
		all = append(all, r)
	}
	for at, ok := e.Next(); ok; at, ok = e.Next() {
		e.Advance(at)
	}
	meter := slo.NewMeter()
	for _, r := range all {
		meter.Add(r.record())
	}
	return meter.Observe(p)
}

func (r sent) record() *results.Record {
	at := int64(r.at)
	out := &results.Record{Warmup: r.warmup, IntendedNS: at, SlotNS: at, DispatchedNS: at, DoneNS: at + 1e6, Outcome: "http_500"}
	if r.failed {
		return out
	}
	first, _ := r.seq.Due(0)
	last, _ := r.seq.Due(r.seq.Out - 1)
	out.Outcome, out.DoneNS = results.OK, int64(last)
	out.Tokens = results.Tokens{Input: r.seq.In, Output: r.seq.Out, Source: results.FromUsage}
	out.Attempts = []results.Attempt{{
		StartedNS: at, FirstTokenNS: int64(first), FirstOutNS: int64(first), DoneNS: int64(last), Outcome: results.OK,
		Arrivals: results.Arrivals{DtNS: []int64{int64(first) - at, int64(last - first)}, K: []int{1, r.seq.Out - 1}},
	}}
	return out
}

// search lets a search run on the server to its end.
func (v *server) search(s *capacity.Search) capacity.Answer {
	for p, ok := s.Next(); ok; p, ok = s.Next() {
		s.Observe(v.probe(s.SLO, p))
	}
	return s.Answer()
}

func slo(t testing.TB, items ...string) capacity.SLO {
	t.Helper()
	s, err := capacity.ParseSLO(items)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
