package engine_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

const ms = time.Millisecond

func seq(out int) *engine.Seq { return &engine.Seq{In: 1, Out: out} }

func admitted(t *testing.T, s *engine.Seq) time.Duration {
	t.Helper()
	at, ok := s.Admitted()
	if !ok {
		t.Fatal("the sequence waits")
	}
	return at
}

func TestTokenTimesAreMultiplesFromTheAdmission(t *testing.T) {
	f := &engine.Fixed{TTFT: 200 * ms, ITL: 7*ms + 1, Slots: 1}
	s := seq(10_000)
	if err := f.Submit(3*ms, s); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 1, 9_999} {
		if at, ok := s.Due(i); !ok || at != 203*ms+time.Duration(i)*(7*ms+1) {
			t.Errorf("token %d is due at %v, %v", i, at, ok)
		}
	}
	for _, i := range []int{-1, 10_000} {
		if _, ok := s.Due(i); ok {
			t.Errorf("token %d does not exist and is due", i)
		}
	}
}

// fixed has two places and a queue of two; ten tokens last 10 + 9 * 10 = 100 ms.
func fixed() *engine.Fixed {
	return &engine.Fixed{TTFT: 10 * ms, ITL: 10 * ms, Slots: 2, MaxQueue: 2}
}

func TestWaitersTakePlacesInTheOrderInWhichTheyCame(t *testing.T) {
	f, s := fixed(), []*engine.Seq{seq(10), seq(10), seq(10), seq(10)}
	for i := range s {
		if err := f.Submit(time.Duration(i)*ms, s[i]); err != nil {
			t.Fatal(err)
		}
	}
	f.Advance(time.Second)
	for i, want := range []time.Duration{0, 1 * ms, 100 * ms, 101 * ms} {
		if got := admitted(t, s[i]); got != want {
			t.Errorf("sequence %d was admitted at %v, want %v", i, got, want)
		}
	}
}

func TestAPlaceIsFreeWhenItBecameFreeHoweverLateTheCallerLooks(t *testing.T) {
	f, a, b, late := fixed(), seq(10), seq(20), seq(10)
	_ = f.Submit(0, a, b, late)
	f.Advance(5 * time.Second)
	if got := admitted(t, late); got != 100*ms {
		t.Errorf("admitted at %v", got)
	}
}

func TestBeyondTheQueueAllOfAGroupAreRefusedAndNoneStays(t *testing.T) {
	f := fixed()
	if err := f.Submit(0, seq(10), seq(10), seq(10)); err != nil {
		t.Fatal(err)
	}
	if err := f.Submit(0, seq(10), seq(10)); !errors.Is(err, engine.ErrFull) {
		t.Errorf("got %v", err)
	}
	if got := f.Load(); got.Running != 2 || got.Waiting != 1 {
		t.Errorf("%+v", got)
	}
	if err := f.Submit(100*ms, seq(10), seq(10)); err != nil {
		t.Errorf("there is room again: %v", err)
	}
}

func TestACancelledRunnersPlaceIsTakenAtOnce(t *testing.T) {
	f, a, b, c := fixed(), seq(10), seq(10), seq(10)
	_ = f.Submit(0, a, b, c)
	f.Cancel(30*ms, a)
	f.Cancel(31*ms, a) // again: nothing
	if got := admitted(t, c); got != 30*ms {
		t.Errorf("admitted at %v", got)
	}
}

func TestACancelledWaiterIsNeverAdmitted(t *testing.T) {
	f, a, b, c, d := fixed(), seq(10), seq(10), seq(10), seq(10)
	_ = f.Submit(0, a, b, c, d)
	f.Cancel(1*ms, c)
	f.Advance(time.Second)
	if _, ok := c.Admitted(); ok {
		t.Error("it was")
	}
	if got := admitted(t, d); got != 100*ms {
		t.Errorf("the one behind it was admitted at %v", got)
	}
}

func TestNextIsTheNextAdmissionAndNoneWithoutAWaiter(t *testing.T) {
	f := fixed()
	_ = f.Submit(0, seq(10), seq(5))
	if _, ok := f.Next(); ok {
		t.Error("nobody waits")
	}
	_ = f.Submit(0, seq(10))
	if at, ok := f.Next(); !ok || at != 50*ms {
		t.Errorf("got %v, %v", at, ok)
	}
}

func TestTheZeroValueAdmitsEverythingAndMakesAllTokensAtOnce(t *testing.T) {
	var f engine.Fixed
	s := seq(100)
	if err := f.Submit(5*ms, s); err != nil {
		t.Fatal(err)
	}
	if at, ok := s.Due(99); !ok || at != 5*ms {
		t.Errorf("got %v, %v", at, ok)
	}
	f.Cancel(6*ms, s)
}

func TestATimeBeforeTheLatestCountsAsTheLatest(t *testing.T) {
	f, s := fixed(), seq(10)
	f.Advance(50 * ms)
	_ = f.Submit(20*ms, s)
	if got := admitted(t, s); got != 50*ms {
		t.Errorf("admitted at %v", got)
	}
}

func TestAnAdmissionNotifiesItsSequenceOnce(t *testing.T) {
	f, n, c := fixed(), 0, seq(10)
	c.Notify = func() { n++ }
	_ = f.Submit(0, seq(10), seq(10), c)
	if n != 0 {
		t.Error("notified while it waits")
	}
	f.Advance(time.Second)
	if n != 1 {
		t.Errorf("notified %d times", n)
	}
}

// A queue of many servers by the book: each arrival starts when it is there and
// the place that is free first is free.
func TestAgainstTheTextbookQueue(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		f := &engine.Fixed{TTFT: 20 * ms, ITL: 3 * ms, Slots: 1 + r.IntN(8), MaxQueue: 1000}
		free := make([]time.Duration, f.Slots)
		var now time.Duration
		var seqs []*engine.Seq
		var want []time.Duration
		for range 300 {
			now += time.Duration(r.IntN(30)) * ms
			s := seq(1 + r.IntN(40))
			if err := f.Submit(now, s); err != nil {
				t.Fatal(err)
			}
			if r.IntN(3) == 0 {
				f.Advance(now) // must not matter
			}
			first := slices.Index(free, slices.Min(free))
			start := max(now, free[first])
			free[first] = start + 20*ms + time.Duration(s.Out-1)*3*ms
			seqs, want = append(seqs, s), append(want, start)
		}
		f.Advance(now + time.Hour)
		for i, s := range seqs {
			if got := admitted(t, s); got != want[i] {
				t.Fatalf("seed %d, sequence %d: admitted at %v, want %v", seed, i, got, want[i])
			}
		}
		if got := f.Load(); got.Running != 0 || got.Waiting != 0 {
			t.Errorf("seed %d: %+v after the end", seed, got)
		}
	}
}

func TestRaisedSlotsAreTakenFromThenOn(t *testing.T) {
	f, a, b, c, d := fixed(), seq(10), seq(10), seq(10), seq(10)
	submit(t, f, 0, a, b, c, d)
	f.Advance(40 * ms)
	f.Slots = 3
	f.Advance(50 * ms)
	if got := admitted(t, c); got != 50*ms {
		t.Errorf("the first waiter came at %v", got)
	}
	if _, ok := d.Admitted(); ok {
		t.Error("the second waiter has no place")
	}
	f.Advance(100 * ms)
	if got := admitted(t, d); got != 100*ms {
		t.Errorf("the second waiter came at %v", got)
	}
}

func TestWhoCameWithoutALimitHoldsNoPlaceOfALaterOne(t *testing.T) {
	f, a, b, c := fixed(), seq(10), seq(10), seq(10)
	f.Slots = 0
	submit(t, f, 0, a)
	f.Slots = 1
	submit(t, f, ms, b, c)
	f.Cancel(2*ms, a)
	if got := f.Load(); got.Running != 1 || got.Waiting != 1 {
		t.Errorf("%+v", got)
	}
	f.Advance(time.Second)
	if got := admitted(t, c); got != 101*ms {
		t.Errorf("the waiter came at %v, want the end of the one before", got)
	}
}

func TestLoweredSlotsTakeNobodysPlace(t *testing.T) {
	f, a, b, c := fixed(), seq(10), seq(20), seq(10)
	submit(t, f, 0, a, b, c)
	f.Advance(ms)
	f.Slots = 1
	f.Advance(time.Second)
	if got := admitted(t, c); got != 200*ms {
		t.Errorf("the waiter came at %v, want the end of both", got)
	}
}
