package runner

import (
	"context"
	"time"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// Judge returns what judge finds, for tests.
func Judge(stage *scenarios.Stage, s *results.StageSummary, failure string) (warnings, invalid []string) {
	j := judge(stage, s, failure)
	return j.warnings, j.invalid
}

// Unbalanced is unbalanced, for tests.
var Unbalanced = unbalanced

// Enter passes an in-flight cap, for tests.
func Enter(ctx context.Context, slots chan struct{}, due time.Time) (time.Time, bool) {
	return (&queue{slots, ctx}).enter(due)
}
