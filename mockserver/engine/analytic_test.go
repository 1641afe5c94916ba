package engine_test

import (
	"fmt"
	"math"
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
		t.Log(fmt.Sprintf("%d/%d: holds %v, %.1f run, T %v, mean gap %v (%+.2f%%)", c.in, c.out, a.GapHolds, a.Running, a.MeanStep, got.MeanGap, 100*off))
		if a.GapHolds != (math.Abs(off) <= 0.06) {
			t.Errorf("%d/%d", c.in, c.out)
		}
	}
}
