package engine_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

// step has coefficients that are easy to add up: a step takes 10 ms, 1 ms a
// prompt token, 100 ms a decoding sequence, 1 s a token of its context.
func step() *engine.Step {
	return &engine.Step{C0: 10 * ms, Prefill: ms, Decode: 100 * ms, KV: time.Second, MaxQueue: 100}
}

// dues are the times of the tokens that are decided.
func dues(s *engine.Seq) (out []time.Duration) {
	for i := 0; ; i++ {
		at, ok := s.Due(i)
		if !ok {
			return out
		}
		out = append(out, at)
	}
}

// end advances until nothing is left to decide.
func end(e engine.Engine) {
	for at, ok := e.Next(); ok; at, ok = e.Next() {
		e.Advance(at)
	}
}

func submit(t *testing.T, e engine.Engine, at time.Duration, seqs ...*engine.Seq) {
	t.Helper()
	if err := e.Submit(at, seqs...); err != nil {
		t.Fatal(err)
	}
}

func wantDues(t *testing.T, what string, s *engine.Seq, want ...time.Duration) {
	t.Helper()
	if got := dues(s); !slices.Equal(got, want) {
		t.Errorf("%s: tokens at %v, want %v", what, got, want)
	}
}

func TestAStepTakesWhatItsPartsTake(t *testing.T) {
	e, s := step(), &engine.Seq{In: 5, Out: 3}
	submit(t, e, time.Second, s)
	end(e)
	first := time.Second + 15*ms             // 10 + 5 prompt tokens
	second := first + 110*ms + 6*time.Second // one decodes, with 5 + 1 tokens of context
	third := second + 110*ms + 7*time.Second // one more
	wantDues(t, "alone", s, first, second, third)
	if got := e.Load(); got != (engine.Load{Steps: 3}) {
		t.Errorf("at the end %+v", got)
	}
}

func TestWhoComesDuringAStepJoinsTheNext(t *testing.T) {
	e, a, b := step(), &engine.Seq{In: 5, Out: 2}, &engine.Seq{In: 7, Out: 1}
	submit(t, e, 0, a)
	submit(t, e, ms, b)
	end(e)
	both := 15*ms + 10*ms + 7*ms + 100*ms + 6*time.Second
	wantDues(t, "the first", a, 15*ms, both)
	wantDues(t, "the second", b, both)
	if at := admitted(t, b); at != 15*ms {
		t.Errorf("admitted at %v", at)
	}
}

func TestALongPromptIsComputedInChunksBehindTheDecoders(t *testing.T) {
	e, a, b := step(), &engine.Seq{In: 1, Out: 4}, &engine.Seq{In: 5, Out: 1}
	e.KV, e.Budget = 0, 3
	submit(t, e, 0, a)
	submit(t, e, ms, b)
	end(e)
	// Each step of the budget of 3 has one for the decoder and two for the prompt: 2 + 2 + 1.
	wantDues(t, "the decoder", a, 11*ms, 123*ms, 235*ms, 346*ms)
	wantDues(t, "the long prompt", b, 346*ms)
}

func TestPromptsShareABudgetInOrder(t *testing.T) {
	e, a, b, c := step(), &engine.Seq{In: 4, Out: 1}, &engine.Seq{In: 4, Out: 1}, &engine.Seq{In: 1, Out: 1}
	e.Budget = 6
	submit(t, e, 0, a, b, c)
	end(e)
	wantDues(t, "the first", a, 16*ms)
	wantDues(t, "the second, in two chunks", b, 16*ms+13*ms)
	wantDues(t, "the third, behind it", c, 16*ms+13*ms)
	if at := admitted(t, c); at != 16*ms {
		t.Errorf("the third was admitted at %v, to a step that had no budget left", at)
	}
}

func TestMemoryIsSetAsideForTheWholeAnswerAndNobodyOvertakes(t *testing.T) {
	e := step()
	e.KV, e.KVTokens = 0, 20
	a, b, c := &engine.Seq{In: 10, Out: 2}, &engine.Seq{In: 5, Out: 4}, &engine.Seq{In: 1, Out: 1}
	submit(t, e, 0, a, b, c) // 12 + 9 > 20; c would fit, but b is before it
	if got := e.Load(); got.Running != 1 || got.Waiting != 2 || got.KVUsed != 12 || got.KVTokens != 20 {
		t.Errorf("%+v", got)
	}
	end(e)
	if at := admitted(t, b); at != 130*ms {
		t.Errorf("the second was admitted at %v, want the end of the first", at)
	}
	if at := admitted(t, c); at != 130*ms {
		t.Errorf("the third was admitted at %v, want the same", at)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		of    engine.Step
		seqs  []*engine.Seq
		again []*engine.Seq
		want  error
	}{
		{"as much as the memory holds", engine.Step{KVTokens: 20}, []*engine.Seq{{In: 10, Out: 10}}, nil, nil},
		{"more than the memory holds", engine.Step{KVTokens: 20, MaxQueue: 5}, []*engine.Seq{{In: 10, Out: 10}, {In: 10, Out: 11}}, nil, engine.ErrTooLong},
		{"slots and queue", engine.Step{Slots: 2, MaxQueue: 1}, []*engine.Seq{seq(5), seq(5), seq(5)}, nil, nil},
		{"more than slots and queue", engine.Step{Slots: 2, MaxQueue: 1}, []*engine.Seq{seq(5), seq(5), seq(5), seq(5)}, nil, engine.ErrFull},
		{"the next step has room", engine.Step{Slots: 2}, []*engine.Seq{seq(5)}, []*engine.Seq{seq(5)}, nil},
		{"the next step is full", engine.Step{Slots: 2}, []*engine.Seq{seq(5)}, []*engine.Seq{seq(5), seq(5)}, engine.ErrFull},
		{"memory is short, and nobody may wait", engine.Step{KVTokens: 20}, []*engine.Seq{{In: 9, Out: 9}}, []*engine.Seq{{In: 1, Out: 2}}, engine.ErrFull},
		{"memory is short, and one may wait", engine.Step{KVTokens: 20, MaxQueue: 1}, []*engine.Seq{{In: 9, Out: 9}}, []*engine.Seq{{In: 1, Out: 2}}, nil},
		{"no limit at all", engine.Step{}, []*engine.Seq{seq(5), seq(5), seq(5)}, []*engine.Seq{seq(5)}, nil},
		{"a queue without end", engine.Step{Slots: 1, MaxQueue: math.MaxInt}, []*engine.Seq{seq(5), seq(5)}, []*engine.Seq{seq(5)}, nil},
	} {
		e := c.of
		e.C0 = 10 * ms
		err := e.Submit(0, c.seqs...)
		if c.again != nil {
			if err != nil {
				t.Errorf("%s: the first: %v", c.name, err)
			}
			err = e.Submit(ms, c.again...)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
		if want := len(c.seqs); c.want != nil && c.again == nil {
			if got := e.Load(); got.Running+got.Waiting != 0 {
				t.Errorf("%s: of %d that were refused together, %+v stay", c.name, want, got)
			}
		}
	}
}

func TestAStepWhoseSequenceLeftTakesItsTimeAllTheSame(t *testing.T) {
	e, a, b := step(), &engine.Seq{In: 50, Out: 9}, &engine.Seq{In: 1, Out: 1}
	e.Slots = 1
	submit(t, e, 0, a, b)
	e.Cancel(20*ms, a)
	e.Cancel(21*ms, a) // again: nothing
	end(e)
	wantDues(t, "the next", b, 60*ms+11*ms)
	wantDues(t, "the one that left: what was decided stays", a, 60*ms)
}

func TestALoweredMemoryLeavesNobodyWaitingForEver(t *testing.T) {
	e, a, b, c := step(), &engine.Seq{In: 50, Out: 9}, &engine.Seq{In: 50, Out: 9}, seq(1)
	e.KVTokens = 60
	submit(t, e, 0, a, b, c)
	e.Advance(ms)
	e.KVTokens = 10
	end(e)
	if got := e.Load(); len(dues(b)) != 9 || len(dues(c)) != 1 || got.Running+got.Waiting+got.KVUsed != 0 {
		t.Errorf("%v, %v, %+v", dues(b), dues(c), got)
	}
	if a, b := admitted(t, b), admitted(t, c); b <= a {
		t.Errorf("the one that needs all was not alone: it came at %v, the next at %v", a, b)
	}
}

func TestJitterKeepsTheMean(t *testing.T) {
	for _, e := range []engine.Engine{
		&engine.Step{C0: 10 * ms, Jitter: 0.5, Dice: rand.New(rand.NewPCG(1, 2))},
		&engine.Fixed{ITL: 10 * ms, Jitter: 0.5, Dice: rand.New(rand.NewPCG(1, 2))},
	} {
		s := seq(20_001)
		submit(t, e, 0, s)
		end(e)
		var gaps []float64
		at := dues(s)
		for i := range at[1:] {
			gaps = append(gaps, float64(at[i+1]-at[i]))
		}
		mean, spread := moments(gaps)
		// Of 20,000 with a spread of a half the mean is known to 0.35%.
		if math.Abs(mean/float64(10*ms)-1) > 0.015 || math.Abs(spread/mean-0.5) > 0.02 {
			t.Errorf("%T: mean %v, coefficient of variation %.3f", e, time.Duration(mean), spread/mean)
		}
	}
}

func moments(x []float64) (mean, spread float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		spread += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(spread)
}

func TestABurstIsMadeByOneStep(t *testing.T) {
	for _, e := range []engine.Engine{&engine.Step{C0: 10 * ms}, &engine.Fixed{TTFT: 10 * ms, ITL: 10 * ms}} {
		s := &engine.Seq{In: 1, Out: 9, Bursts: []int{3, 1, 0}} // less than one is one
		submit(t, e, 0, s)
		end(e)
		//                  0      1      2      3      4      5      6      7      8, of which the last burst is cut short
		want := []time.Duration{10, 20, 20, 20, 30, 40, 50, 50, 50}
		for i := range want {
			want[i] *= ms
		}
		wantDues(t, "in bursts", s, want...)
		together := []int{1, 3, 2, 1, 1, 1, 3, 2, 1, 0}
		for i, n := range together {
			if got := s.Together(i); got != n {
				t.Errorf("%T: %d tokens come together from %d on, want %d", e, got, i, n)
			}
		}
	}
}

func TestWhoFindsNoBudgetInTheNextStepWaitsInTheQueue(t *testing.T) {
	for _, c := range []struct {
		sentence       string
		budget, queue  int
		offered, taken int
	}{
		{"a step's budget holds one prompt of 100", 100, 0, 20, 1},
		{"and whoever may wait, waits", 100, 5, 20, 6},
		{"the last of those that fit may be cut in two", 250, 0, 20, 3},
		{"no budget is no limit", 0, 0, 20, 20},
	} {
		e := &engine.Step{C0: 10 * ms, Budget: c.budget, Slots: 64, MaxQueue: c.queue}
		busy := &engine.Seq{In: 1, Out: 9}
		if err := e.Submit(0, busy); err != nil { // a step is under way: nobody is admitted at once
			t.Fatal(err)
		}
		if c.budget > 0 {
			e.Budget++ // what the one that decodes takes
		}
		taken := 0
		for range c.offered {
			if err := e.Submit(1*ms, &engine.Seq{In: 100, Out: 2}); err == nil {
				taken++
			}
		}
		if taken != c.taken {
			t.Errorf("%s: %d taken, want %d", c.sentence, taken, c.taken)
		}
	}
}
