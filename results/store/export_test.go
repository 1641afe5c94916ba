package store

import (
	"context"
	"io"

	"github.com/llmload/llmload/results"
)

// NewTestWriter is a Writer whose records go to file, for disks that fail.
func NewTestWriter(dir string, file io.WriteCloser) (*Writer, error) {
	log, err := newRecordLog(file)
	return &Writer{dir: dir, log: log}, err
}

// ReadRecords reads records from memory.
func ReadRecords(in io.Reader, each func(*results.Record, error) bool) (truncated bool, err error) {
	return readRecords(in, func(_ int, text []byte) bool { return each(decodeRecord(text)) })
}

// MergeWithin merges with so much memory for sorting.
func MergeWithin(ctx context.Context, dir string, shards []*Run, memory int) (*results.Summary, []results.StageHistograms, error) {
	return Merge(ctx, dir, shards, MergeConfig{memory: memory})
}

// DecodeRecord reads one line.
func DecodeRecord(line []byte) (*results.Record, error) { return decodeRecord(line) }
