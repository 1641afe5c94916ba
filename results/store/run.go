package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/llmload/llmload/results"
)

// Run is a run folder open for reading. Use Open.
type Run struct {
	Dir     string
	Summary *results.Summary
	Plan    []byte // plan.yaml as it was written

	truncated bool
}

// Open reads the folder's plan and summary. A summary of a newer schema is refused; fields that are not known are not
// read.
func Open(dir string) (*Run, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("no run folder %s: %w", dir, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("open run folder: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file, not a run folder: name the folder that holds %s", dir, summaryFile)
	}
	text, err := readPart(dir, summaryFile)
	if err != nil {
		return nil, err
	}
	summary, err := decodeSummary(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, summaryFile), err)
	}
	plan, err := readPart(dir, planFile)
	if err != nil {
		return nil, err
	}
	return &Run{Dir: dir, Summary: summary, Plan: plan}, nil
}

// Finished reports whether the run came to its end, interrupted or not. The summary of one that did not is empty:
// see Rebuild.
func (r *Run) Finished() bool { return !r.Summary.Run.FinishedAt.IsZero() }

// Truncated reports whether the last walk over Records met the end of the file inside a frame or a line, as a kill
// leaves it.
func (r *Run) Truncated() bool { return r.truncated }

// Histograms reads the distributions of a finished run. They hold buckets: minimum, maximum, mean and standard deviation
// are within 0.1%, and exact in the summary.
func (r *Run) Histograms() ([]results.StageHistograms, error) {
	path := filepath.Join(r.Dir, histogramsFile)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missingPart(r.Dir, histogramsFile)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	stages, err := readHistograms(f, r.Summary.Run.StartedAt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return stages, nil
}

func readPart(dir, name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missingPart(dir, name)
	}
	return text, err
}

func missingPart(dir, name string) error {
	return fmt.Errorf("%s is not a whole run folder: %s is missing: %w", dir, name, fs.ErrNotExist)
}

func decodeSummary(text []byte) (*results.Summary, error) {
	s := new(results.Summary)
	if err := json.Unmarshal(text, s); err != nil {
		var wrong *json.UnmarshalTypeError
		// Of a newer schema the version alone need be legible.
		if !errors.As(err, &wrong) || s.SchemaVersion <= results.SchemaVersion {
			return nil, err
		}
	}
	switch {
	case s.SchemaVersion > results.SchemaVersion:
		return nil, fmt.Errorf("written by a newer llmload: schema_version %d, this one reads up to %d; use the newer one",
			s.SchemaVersion, results.SchemaVersion)
	case s.SchemaVersion < 1:
		return nil, errors.New("no summary of a run: schema_version is missing")
	}
	return s, nil
}
