package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/llmload/llmload/results"
)

// baseline is a summary that carries its plan with it, in one file that can be committed and replaced at once. Every reader of
// a summary reads it.
type baseline struct {
	*results.Summary
	Plan string `json:"plan"`
}

// OpenBaseline reads a file that WriteBaseline wrote, or any summary.json. What it returns has neither records nor histograms.
func OpenBaseline(file string) (*Run, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	summary, err := decodeSummary(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var b baseline
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &Run{Summary: summary, Plan: []byte(b.Plan)}, nil
}

// WriteBaseline keeps a run's summary and plan in a file, which appears or is replaced whole. The course of each stage is left
// out: no comparison asks for it, and a committed file should be small. An invalid run is refused, and one that was interrupted.
func WriteBaseline(file string, r *Run) error {
	if !r.Summary.Valid {
		return errors.New("an invalid run is no baseline")
	}
	if r.Summary.Run.Interrupted {
		return errors.New("an interrupted run is no baseline")
	}
	kept := *r.Summary
	kept.Stages = append([]results.StageSummary{}, kept.Stages...)
	for i := range kept.Stages {
		kept.Stages[i].Series = nil
	}
	text, err := json.MarshalIndent(baseline{complete(&kept), string(r.Plan)}, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return remedy("make the folder of the baseline", err)
	}
	return writeFile(filepath.Dir(file), filepath.Base(file), append(text, '\n'))
}
