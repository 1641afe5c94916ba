package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/llmload/llmload/results"
)

// Unfinished is the reason for which a summary is invalid until Finish replaces it.
const Unfinished = "the run did not finish"

// Writer fills the folder of a run under way. End it with Finish, or with Close where there is no summary to write.
type Writer struct {
	dir string
	log *recordLog
}

// Create makes the run folder dir, with its parents, and leaves a summary in it that says that the run did not finish.
// A folder that holds a run already is refused with an error that is fs.ErrExist. initial names the stages to come
// (Name, Load, SLO), so that Rebuild can make the summary of a run that was killed.
func Create(dir string, plan []byte, initial *results.Summary) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, remedy("make the run folder", err)
	}
	if err := vacant(dir); err != nil {
		return nil, err
	}
	// The records file claims the folder: of two writers at once, one fails here.
	f, err := os.OpenFile(filepath.Join(dir, recordsFile), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
	if err != nil {
		return nil, remedy("write to the run folder", err)
	}
	first := *initial
	first.Valid, first.InvalidReasons = false, []string{Unfinished}
	err = errors.Join(writeFile(dir, planFile, plan), writeSummary(dir, &first))
	if err != nil {
		return nil, errors.Join(err, f.Close(), disclaim(dir))
	}
	log, err := newRecordLog(f)
	if err != nil {
		return nil, errors.Join(err, f.Close(), disclaim(dir))
	}
	return &Writer{dir: dir, log: log}, nil
}

// Check says what would keep Create from making the run folder dir, so far as can be told ahead, and leaves nothing behind.
func Check(dir string) error {
	at := filepath.Clean(dir)
	_, err := os.Stat(at)
	for ; errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at); _, err = os.Stat(at) {
		at = filepath.Dir(at)
	}
	if err != nil {
		return remedy("make the run folder", err)
	}
	f, err := os.CreateTemp(at, ".llmload-*")
	if err != nil {
		return remedy("make the run folder", err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return remedy("write to the run folder", err)
	}
	return vacant(dir)
}

// vacant refuses a folder that holds a run.
func vacant(dir string) error {
	for _, name := range []string{planFile, summaryFile, recordsFile} {
		_, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case err == nil:
			return fmt.Errorf("%s already holds a run (%s): choose another folder: %w", dir, name, fs.ErrExist)
		case !errors.Is(err, fs.ErrNotExist):
			return remedy("look into the run folder", err)
		}
	}
	return nil
}

// disclaim takes back what a failed Create or Merge has made, so that the folder can be used when the disk has room again.
func disclaim(dir string) error {
	var errs []error
	for _, name := range []string{planFile, summaryFile, recordsFile, histogramsFile} {
		if err := os.Remove(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Append keeps a record; it is safe for concurrent use, keeps nothing of r and does not wait for the disk. A record that
// cannot be kept returns the reason why, and is counted in Lost.
func (w *Writer) Append(r *results.Record) error { return w.log.append(r) }

// Lost returns how many records could not be written so far.
func (w *Writer) Lost() int64 { return w.log.lost() }

// SetPlan replaces the plan, for a run that finds its stages while it goes on.
func (w *Writer) SetPlan(plan []byte) error { return writeFile(w.dir, planFile, plan) }

// Close writes the records that wait and closes the folder as it is: that of a run that did not finish. The error is the
// first that any record met. After Finish, Close does nothing.
func (w *Writer) Close() error { return w.log.close() }

// Finish closes the records, then writes the histograms and the summary, whose RecordsLost it sets. The summary appears
// whole or not at all. Finish writes what it can; its error joins everything that went wrong.
func (w *Writer) Finish(s *results.Summary, hs []results.StageHistograms) error {
	errs := []error{w.log.close()}
	if s.RecordsLost = w.log.lost(); s.RecordsLost > 0 {
		s.Valid = false
		s.InvalidReasons = append(s.InvalidReasons, fmt.Sprintf("%d records could not be kept; the figures above count them all the same", s.RecordsLost))
	}
	var log bytes.Buffer
	if err := WriteHistograms(&log, s.Run.StartedAt, hs); err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", filepath.Join(w.dir, histogramsFile), err))
	} else {
		errs = append(errs, writeFile(w.dir, histogramsFile, log.Bytes()))
	}
	return errors.Join(append(errs, writeSummary(w.dir, s))...)
}

func writeSummary(dir string, s *results.Summary) error {
	text, err := encodeSummary(s)
	if err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(dir, summaryFile), err)
	}
	return writeFile(dir, summaryFile, text)
}

func encodeSummary(s *results.Summary) ([]byte, error) {
	text, err := json.MarshalIndent(complete(s), "", "  ")
	return append(text, '\n'), err
}

// complete has [] for lists that are empty, so that a reader need not know null.
func complete(s *results.Summary) *results.Summary {
	whole := *s
	whole.SchemaVersion = results.SchemaVersion
	whole.InvalidReasons = filled(whole.InvalidReasons)
	whole.Thresholds = filled(whole.Thresholds)
	whole.Stages = filled(slices.Clone(whole.Stages))
	for i := range whole.Stages {
		stage := &whole.Stages[i]
		stage.SLO, stage.Series, stage.Warnings = filled(stage.SLO), filled(stage.Series), filled(stage.Warnings)
	}
	return &whole
}

func filled[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// writeFile puts a file in place whole: a reader, and a kill, see the old one or the new one.
func writeFile(dir, name string, text []byte) error {
	f, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return remedy("write to the run folder", err)
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		return errors.Join(remedy("write "+filepath.Join(dir, name), err), os.Remove(f.Name()))
	}
	return nil
}

// remedy says what failed, and what a person can do about it.
func remedy(what string, err error) error {
	advice := "choose a folder that can be written"
	if isFull(err) {
		advice = "free some space, or choose a folder on another disk"
	}
	return fmt.Errorf("cannot %s: %w; %s", what, err, advice)
}
