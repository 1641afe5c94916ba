package capacity_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/fixtures"
	"github.com/llmload/llmload/internal/simulate"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/report/capacity"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// swept is what the built-in sweep, with edits, measures on an engine in virtual time.
func swept(t *testing.T, e mockserver.Engine, edit ...string) []results.StageSummary {
	t.Helper()
	text, _ := fixtures.Scenario("sweep")
	spec, err := scenarios.Parse("sweep", []byte(strings.NewReplacer(edit...).Replace(string(text))), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	res, err := simulate.Run(t.Context(), plan, mockserver.Config{Engine: e})
	if err != nil {
		t.Fatal(err)
	}
	return res.Stages
}

func planted(c0, prefill, decode, kv time.Duration) mockserver.Engine {
	return mockserver.Engine{Model: "step", C0: c0, PrefillPerToken: prefill, DecodePerSeq: decode, KVPerToken: kv, MaxNumSeqs: 64}
}

// TestFitRecoversWhatWasPlanted, within 10%, for engines that differ in what costs most.
func TestFitRecoversWhatWasPlanted(t *testing.T) {
	for _, e := range []mockserver.Engine{
		planted(6*time.Millisecond, 20*time.Microsecond, 20*time.Microsecond, 60),
		planted(12*time.Millisecond, 60*time.Microsecond, 100*time.Microsecond, 150),
		planted(2*time.Millisecond, 10*time.Microsecond, 200*time.Microsecond, 30),
	} {
		t.Run(fmt.Sprint(e.C0, e.PrefillPerToken, e.DecodePerSeq, e.KVPerToken), func(t *testing.T) {
			t.Parallel()
			f, err := capacity.FitStages(swept(t, e))
			if err != nil {
				t.Fatal(err)
			}
			for name, pair := range map[string][2]float64{
				"c0": {f.C0, float64(e.C0)}, "prefill_per_token": {f.Prefill, float64(e.PrefillPerToken)},
				"decode_per_seq": {f.Decode, float64(e.DecodePerSeq)}, "kv_per_token": {f.KV, float64(e.KVPerToken)},
			} {
				off := pair[0]/pair[1] - 1
				t.Logf("%s: %.4g ns of %.4g, %+.1f%%", name, pair[0], pair[1], 100*off)
				if math.Abs(off) > 0.10 {
					t.Errorf("%s: %.4g ns, planted %.4g: %+.1f%%", name, pair[0], pair[1], 100*off)
				}
			}
			if t.Logf("rms %.2f%%", 100*f.RMS); f.RMS > 0.05 || len(f.Warnings) > 0 {
				t.Errorf("rms %v, %q", f.RMS, f.Warnings)
			}
		})
	}
}

// TestFitSaysWhatItCannotTell.
func TestFitSaysWhatItCannotTell(t *testing.T) {
	h100 := planted(6*time.Millisecond, 20*time.Microsecond, 20*time.Microsecond, 60)
	few := h100
	few.MaxNumSeqs = 8
	one := []string{"input_tokens: 128", "input_tokens: 1024", "input_tokens: 4096", "input_tokens: 1024"}
	tests := map[string]struct {
		engine  mockserver.Engine
		edit    []string
		err     string
		warning string
	}{
		"one length":       {h100, one, "", "collinear"},
		"two lengths":      {h100, []string{"input_tokens: 4096", "input_tokens: 1024"}, "", "a third would show"},
		"no concurrency 1": {h100, []string{"[1, 4, 16]", "[4, 16]"}, "no stage has a concurrency of 1", ""},
		"no concurrency 4": {h100, []string{"[1, 4, 16]", "[1, 2]"}, "a concurrency of 4 or more", ""},
		"open loop":        {h100, []string{"closed: {concurrency: [1, 4, 16]}", "open: {rate: 1/s}"}, "no stage with a closed loop", ""},
		"queued":           {few, nil, "", "its requests queue, with about 8 running"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := capacity.FitStages(swept(t, test.engine, test.edit...))
			if test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) || test.err == "" && err != nil {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if !strings.Contains(strings.Join(f.Warnings, "\n"), test.warning) {
				t.Errorf("warnings %q, want %q", f.Warnings, test.warning)
			}
			if name == "one length" && (f.KV != 0 || f.Decode <= 0) {
				t.Errorf("kv %v, decode %v", f.KV, f.Decode)
			}
			if name == "queued" && f.Slots != 8 {
				t.Errorf("%d slots, want 8", f.Slots)
			}
		})
	}
}

// TestFitWithoutPrefill: where the cache holds every prompt, the rest is still told.
func TestFitWithoutPrefill(t *testing.T) {
	stages := swept(t, planted(6*time.Millisecond, 0, 20*time.Microsecond, 60))
	for i := range stages {
		stages[i].Tokens.Cached = stages[i].Tokens.Input
	}
	f, err := capacity.FitStages(stages)
	if err != nil || f.Prefill != 0 || math.Abs(f.C0/6e6-1) > 0.1 || !strings.Contains(strings.Join(f.Warnings, "\n"), "no prompt token") {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestFitSaysWhenItDoesNotFit: a server whose longest prompts alone take half as long again.
func TestFitSaysWhenItDoesNotFit(t *testing.T) {
	stages := swept(t, planted(6*time.Millisecond, 20*time.Microsecond, 20*time.Microsecond, 60))
	for i := range stages {
		if strings.HasPrefix(stages[i].Name, "in=1024") {
			*stages[i].Metrics["e2e"].Mean *= 1.5
		}
	}
	f, err := capacity.FitStages(stages)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"does not fit", "in=1024/c=4: the model's mean e2e is -"} {
		if !strings.Contains(strings.Join(f.Warnings, "\n"), want) {
			t.Errorf("warnings %q, want %q", f.Warnings, want)
		}
	}
}
