package runner

import (
	"context"
	"time"
)

// Unbalanced is unbalanced, for tests.
var Unbalanced = unbalanced

// Enter passes an in-flight cap, for tests.
func Enter(ctx context.Context, slots chan struct{}, due time.Time) (time.Time, bool) {
	return (&queue{slots, ctx}).enter(due)
}
