package engine_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

// h100 is the preset h100-llama3-8b.
func h100() *engine.Step {
	return &engine.Step{
		C0: 6 * ms, Prefill: 20 * time.Microsecond, Decode: 20 * time.Microsecond, KV: 60,
		Slots: 64, Budget: 8192, KVTokens: 467_280,
	}
}

var shapes = []struct{ in, out int }{{512, 128}, {1024, 256}, {256, 256}, {4096, 64}}

func TestOfferedMoreThanItCanTheEngineServesItsSaturationRate(t *testing.T) {
	for _, c := range shapes {
		w := engine.Workload{In: c.in, Out: c.out}
		want := h100().Analytic(w).SaturationRate
		w.Rate = 1.1 * want
		got := h100().Measure(w, 5*time.Minute, 1)
		t.Logf("%d/%d: rate* %.3f/s, served %.3f/s (%+.2f%%), %d waiting", c.in, c.out, want, got.ServedRate, 100*(got.ServedRate/want-1), got.Waiting)
		if math.Abs(got.ServedRate/want-1) > 0.03 {
			t.Errorf("%d/%d: served %.3f/s, the closed form says %.3f/s", c.in, c.out, got.ServedRate, want)
		}
	}
}

func TestAtHalfLoadTheMeanGapIsTheMeanStepWhereTheFormulaHolds(t *testing.T) {
	for _, c := range shapes {
		w := engine.Workload{In: c.in, Out: c.out}
		w.Rate = h100().Analytic(w).SaturationRate / 2
		a := h100().Analytic(w)
		got := h100().Measure(w, 5*time.Minute, 1)
		off := float64(got.MeanGap)/float64(a.MeanStep) - 1
		t.Logf("%d/%d: holds %v, %.1f run, T %v, mean gap %v (%+.2f%%)", c.in, c.out, a.GapHolds, a.Running, a.MeanStep, got.MeanGap, 100*off)
		if a.GapHolds != (math.Abs(off) <= 0.06) {
			t.Errorf("%d/%d: the mean gap is %v, the formula says %v, which holds: %v", c.in, c.out, got.MeanGap, a.MeanStep, a.GapHolds)
		}
	}
}

func TestTheClosedFormsByHand(t *testing.T) {
	e := &engine.Step{C0: 10 * ms, Prefill: ms, Decode: 2 * ms, KV: ms / 10, Slots: 4, Budget: 40, KVTokens: 330}
	for _, c := range []struct {
		name string
		of   func()
		w    engine.Workload
		want engine.Analytic
	}{
		// W = 100 + 9 * (2 + 0.1 * 105) = 212.5 ms; S = 9 + 3; Nmax = min(4, 330/110); rate* = 1 / (0.2125 + 0.01 * 12 / 3);
		// at 2/s T = 10 / (1 - 2 * 0.2125) = 17.39 ms, and 2 * 12 * T run.
		{"all of it", func() {}, engine.Workload{In: 100, Out: 10, Rate: 2}, engine.Analytic{212500 * time.Microsecond, 12, 3, 1 / 0.2525, 17391304, 24 * 0.017391304, false}},
		// W falls by 48 ms, S by one chunk.
		{"with a cache", func() {}, engine.Workload{In: 100, Cached: 48, Out: 10}, engine.Analytic{164500 * time.Microsecond, 11, 3, 1 / (0.1645 + 0.11/3), 10 * ms, 0, false}},
		{"one token", func() {}, engine.Workload{In: 10, Out: 1}, engine.Analytic{10 * ms, 1, 4, 80, 10 * ms, 0, false}},
		{"nothing fits", func() {}, engine.Workload{In: 400, Out: 1}, engine.Analytic{400 * ms, 10, 0, 0, 0, 0, false}},
		// Above rate* the step is that of rate* = 1/0.0125.
		{"offered too much", func() {}, engine.Workload{In: 10, Out: 1, Rate: 1000}, engine.Analytic{10 * ms, 1, 4, 80, 50 * ms, 4, false}},
		{"no limits", func() { e.Slots, e.Budget, e.KVTokens = 0, 0, 0 }, engine.Workload{In: 100, Out: 1, Rate: 5}, engine.Analytic{100 * ms, 1, 0, 10, 20 * ms, 0.1, false}},
		{"no limits, offered what it serves at most", func() {}, engine.Workload{In: 100, Out: 1, Rate: 10}, engine.Analytic{100 * ms, 1, 0, 10, 0, 0, false}},
	} {
		c.of()
		got := e.Analytic(c.w)
		if math.Abs(got.SaturationRate-c.want.SaturationRate) < 1e-6 && math.Abs(got.Running-c.want.Running) < 1e-6 {
			got.SaturationRate, got.Running = c.want.SaturationRate, c.want.Running
		}
		if got != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestACachedHeadRaisesWhatIsServed(t *testing.T) {
	w := engine.Workload{In: 2048, Cached: 1536, Out: 64}
	want := h100().Analytic(w).SaturationRate
	w.Rate = 1.1 * want
	if got := h100().Measure(w, 5*time.Minute, 1); math.Abs(got.ServedRate/want-1) > 0.03 {
		t.Errorf("served %.3f/s, the closed form says %.3f/s", got.ServedRate, want)
	}
}

// ledger serialises a run request by request.
func ledger(seed uint64) string {
	e := h100()
	e.Jitter, e.Dice, e.MaxQueue = 0.1, rand.New(rand.NewPCG(seed, 0)), 1000
	dice := rand.New(rand.NewPCG(seed, 1))
	var arrivals []engine.Arrival
	var at time.Duration
	for range 1000 {
		at += time.Duration(dice.ExpFloat64() * float64(30*ms))
		arrivals = append(arrivals, engine.Arrival{At: at, Seq: &engine.Seq{In: 1 + dice.IntN(2000), Out: 1 + dice.IntN(300)}})
	}
	_ = engine.Run(e, arrivals, time.Hour)
	var out strings.Builder
	for _, a := range arrivals {
		admitted, _ := a.Seq.Admitted()
		fmt.Fprintln(&out, a.At, admitted, dues(a.Seq))
	}
	return out.String()
}

func TestTheSameSeedGivesTheSameLedgerByteForByte(t *testing.T) {
	first := ledger(7)
	if again := ledger(7); again != first {
		t.Error("two runs differ")
	}
	if first == ledger(8) {
		t.Error("the seed changes nothing")
	}
}
