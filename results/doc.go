// Package results says what happened: a Record for each request, a Histogram for each metric, a Summary for a run.
//
// Goals: one definition of every metric (docs/metrics.md), quantiles that rank every issued request, exact merging of
// shards and workers, files that an interrupted run leaves readable.
//
// Non-goals: sending anything, deciding what to send, drawing.
package results
