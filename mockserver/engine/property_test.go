package engine_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/llmload/llmload/mockserver/engine"
)

// An op is something that a caller does to an engine.
type op struct {
	at     time.Duration
	submit []*engine.Seq // else
	cancel int           // the index of a sequence, or -1
	look   time.Duration // advances to here before, in small steps where asked for
}

func drawSeq(t *rapid.T) *engine.Seq {
	s := &engine.Seq{In: rapid.IntRange(0, 70).Draw(t, "in"), Out: rapid.IntRange(1, 12).Draw(t, "out")}
	prompt := rapid.Uint64Range(0, 3).Draw(t, "prompt")
	s.Blocks = blocks(prompt, s.In/block)
	if rapid.Bool().Draw(t, "speculative") {
		s.Bursts = rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "bursts")
	}
	return s
}

// twin copies a sequence that was not submitted.
func twin(s *engine.Seq) *engine.Seq {
	return &engine.Seq{In: s.In, Out: s.Out, Blocks: s.Blocks, Bursts: s.Bursts}
}

func drawStep(t *rapid.T) func() *engine.Step {
	of := engine.Step{
		C0: 10 * ms, Prefill: 2 * ms, Decode: 3 * ms, KV: ms / 10,
		Slots: rapid.IntRange(0, 4).Draw(t, "slots"), Budget: rapid.SampledFrom([]int{0, 4, 16, 100}).Draw(t, "budget"),
		KVTokens: rapid.SampledFrom([]int{0, 90, 200}).Draw(t, "kv"), MaxQueue: rapid.IntRange(0, 6).Draw(t, "queue"),
		Jitter: rapid.SampledFrom([]float64{0, 0.3}).Draw(t, "jitter"),
	}
	cache := rapid.Bool().Draw(t, "cache")
	return func() *engine.Step {
		e := of
		e.Dice = rand.New(rand.NewPCG(1, 1))
		if cache {
			e.Prefix = engine.NewPrefix(8)
		}
		return &e
	}
}

// A witness watches an engine from the outside.
type witness struct {
	*engine.Step
	seqs  []*engine.Seq
	gone  map[int]bool // cancelled
	known [][]time.Duration
}

// check holds what must be true between any two calls.
func (w *witness) check(t *rapid.T) {
	load, held, running, last := w.Load(), 0, 0, time.Duration(-1)
	for i, s := range w.seqs {
		due := dues(s)
		if n := len(w.known[i]); len(due) < n || !slices.Equal(due[:n], w.known[i]) {
			t.Fatalf("sequence %d: what was decided changed from %v to %v", i, w.known[i], due)
		}
		if w.known[i] = due; !slices.IsSorted(due) || len(due) > s.Out {
			t.Fatalf("sequence %d of %d tokens: %v", i, s.Out, due)
		}
		at, ok := s.Admitted()
		if !ok {
			continue
		}
		if at < last {
			t.Fatalf("sequence %d was admitted at %v, after one that came later", i, at)
		}
		if last = at; !w.gone[i] && (len(due) < s.Out || due[s.Out-1] > w.latest()) {
			running++
			held += s.In + s.Out
		}
	}
	switch {
	case running != load.Running:
		t.Fatalf("%d run, by the engine's count %d", running, load.Running)
	case w.Slots > 0 && running > w.Slots:
		t.Fatalf("%d run in %d slots", running, w.Slots)
	case w.KVTokens > 0 && load.KVUsed > w.KVTokens:
		t.Fatalf("%d tokens of memory in use, of %d", load.KVUsed, w.KVTokens)
	case w.Prefix == nil && load.KVUsed != held, load.KVUsed > held:
		t.Fatalf("%d tokens in use, those that run hold %d", load.KVUsed, held)
	}
}

// latest is the last time that the engine has seen, as far as it matters: before
// the end of the step under way.
func (w *witness) latest() time.Duration {
	if until, ok := w.Next(); ok {
		return until - 1
	}
	return time.Hour
}

func TestWhateverIsDoneToAStepEngine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fresh := drawStep(t)
		w, small := &witness{Step: fresh(), gone: map[int]bool{}}, fresh()
		var others []*engine.Seq // the same in the engine that advances in small steps
		var now time.Duration
		for range rapid.IntRange(1, 40).Draw(t, "ops") {
			before := now
			now += time.Duration(rapid.IntRange(0, 60).Draw(t, "wait")) * ms
			for at := before; at < now; at += 3 * ms {
				small.Advance(at)
			}
			if len(w.seqs) > 0 && rapid.IntRange(0, 3).Draw(t, "cancel") == 0 {
				i := rapid.IntRange(0, len(w.seqs)-1).Draw(t, "which")
				w.gone[i] = true
				w.Cancel(now, w.seqs[i])
				small.Cancel(now, others[i])
			} else {
				group := rapid.SliceOfN(rapid.Custom(drawSeq), 1, 3).Draw(t, "group")
				var mirror []*engine.Seq
				for _, s := range group {
					mirror = append(mirror, twin(s))
				}
				err := w.Submit(now, group...)
				if other := small.Submit(now, mirror...); !errors.Is(other, err) {
					t.Fatalf("advanced in small steps it says %v, else %v", other, err)
				}
				if err == nil {
					w.seqs, others = append(w.seqs, group...), append(others, mirror...)
					w.known = append(w.known, make([][]time.Duration, len(group))...)
				}
			}
			w.check(t)
		}
		end(w)
		end(small)
		w.check(t)
		if got := w.Load(); got.Running+got.Waiting+got.KVUsed != 0 {
			t.Fatalf("at the end %+v", got)
		}
		for i, s := range w.seqs {
			if !slices.Equal(dues(s), dues(others[i])) || s.Cached() != others[i].Cached() {
				t.Fatalf("sequence %d: %v, advanced in small steps %v", i, dues(s), dues(others[i]))
			}
			if !w.gone[i] && len(dues(s)) != s.Out {
				t.Fatalf("sequence %d has %d of %d tokens", i, len(dues(s)), s.Out)
			}
		}
	})
}

// The step model written down once more, as plainly as it can be, without a
// cache: same arrivals, same tokens.
func TestAgainstThePlainModel(t *testing.T) {
	for seed := range uint64(30) {
		dice := rand.New(rand.NewPCG(seed, 5))
		e := &engine.Step{
			C0: 6 * ms, Prefill: 20 * time.Microsecond, Decode: 20 * time.Microsecond, KV: 60,
			Slots: 1 + dice.IntN(16), Budget: 64 << dice.IntN(5), KVTokens: 2000 + dice.IntN(8000), MaxQueue: 1000,
		}
		var arrivals []engine.Arrival
		var at time.Duration
		for range 200 {
			at += time.Duration(dice.IntN(40)) * ms
			arrivals = append(arrivals, engine.Arrival{At: at, Seq: &engine.Seq{In: 1 + dice.IntN(900), Out: 1 + dice.IntN(60)}})
		}
		want := plain(e, arrivals)
		if err := engine.Run(e, arrivals, time.Hour); err != nil {
			t.Fatal(err)
		}
		for i, a := range arrivals {
			if got := dues(a.Seq); !slices.Equal(got, want[i]) {
				t.Fatalf("seed %d, sequence %d: %v, want %v", seed, i, got, want[i])
			}
		}
	}
}

func plain(e *engine.Step, arrivals []engine.Arrival) [][]time.Duration {
	type running struct{ i, in, left int }
	out := make([][]time.Duration, len(arrivals))
	var batch []running
	var now time.Duration
	for next := 0; next < len(arrivals) || len(batch) > 0; {
		if len(batch) == 0 && arrivals[next].At > now {
			now = arrivals[next].At
		}
		began := now
		took, budget, kv := e.C0, e.Budget, 0
		for _, r := range batch {
			s := arrivals[r.i].Seq
			if kv += s.In + s.Out; r.left == 0 {
				budget--
				took += e.Decode + time.Duration(s.In+len(out[r.i]))*e.KV
			}
		}
		for j := range batch {
			took += chunk(e, &batch[j].left, &budget)
		}
		for next < len(arrivals) && comes(arrivals[next].At, began, len(batch)) && budget > 0 && len(batch) < e.Slots {
			s := arrivals[next].Seq
			if kv += s.In + s.Out; kv > e.KVTokens {
				break
			}
			r := running{next, s.In, s.In}
			took += chunk(e, &r.left, &budget)
			batch = append(batch, r)
			next++
		}
		now += took
		kept := batch[:0]
		for _, r := range batch {
			if r.left == 0 {
				out[r.i] = append(out[r.i], now)
			}
			if len(out[r.i]) < arrivals[r.i].Seq.Out {
				kept = append(kept, r)
			}
		}
		batch = kept
	}
	return out
}

// comes: who arrives at the very moment of a step's start is too late for it,
// but for the one that finds the engine idle.
func comes(at, start time.Duration, running int) bool {
	return at < start || at == start && running == 0
}

func chunk(e *engine.Step, left, budget *int) time.Duration {
	n := max(0, min(*left, *budget))
	*left -= n
	*budget -= n
	return time.Duration(n) * e.Prefill
}
