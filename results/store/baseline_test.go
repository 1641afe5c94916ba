package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
)

func TestABaselineIsASummaryWithItsPlan(t *testing.T) {
	file := filepath.Join(t.TempDir(), "baselines", "ci.json")
	run := &store.Run{Plan: []byte("seed: 1\n"), Summary: &results.Summary{
		SchemaVersion: results.SchemaVersion, Valid: true, Run: results.Run{Name: "größe", PlanSHA256: "abc"},
		Stages: []results.StageSummary{{Name: "c=8", Series: make([]results.Point, 600)}},
	}}
	for range 2 { // written, and replaced
		if err := store.WriteBaseline(file, run); err != nil {
			t.Fatal(err)
		}
	}
	got, err := store.OpenBaseline(file)
	if err != nil || string(got.Plan) != "seed: 1\n" || got.Summary.Run.Name != "größe" || len(got.Summary.Stages) != 1 || len(got.Summary.Stages[0].Series) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if len(run.Summary.Stages[0].Series) != 600 {
		t.Error("the caller's summary was changed")
	}
	if entries, _ := os.ReadDir(filepath.Dir(file)); len(entries) != 1 {
		t.Errorf("something is left beside the baseline: %v", entries)
	}
	run.Summary.Valid = false
	if err := store.WriteBaseline(file, run); err == nil {
		t.Error("an invalid run became a baseline")
	}
}

func TestWhatIsNoBaselineIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.json")
	for text, want := range map[string]string{"{}": "schema_version is missing", "nonsense": "invalid character", `{"schema_version": 1000}`: "newer llmload"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := store.OpenBaseline(file); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x.json") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
