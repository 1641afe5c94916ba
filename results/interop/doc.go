// Package interop writes runs in the formats of other tools, and reads the result files of other benchmarks as runs.
//
// Goals: what another tool reads from an export agrees with llmload's own report; records stream through; what a foreign
// file does not hold stays unknown and is named; a file that is not understood is refused with its place.
//
// Non-goals: run folders (package store keeps them), recomputing another tool's metrics (package dialect does).
package interop

import (
	"iter"
	"time"

	"github.com/llmload/llmload/results"
)

// Records walks over a run's records, from the first at each call. An error is one record that cannot be read.
type Records = iter.Seq2[*results.Record, error]

// at is the wall-clock time of a stamp.
func at(started time.Time, ns int64) time.Time { return started.Add(time.Duration(ns)) }
