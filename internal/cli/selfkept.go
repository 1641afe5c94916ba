package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/llmload/llmload/results"
)

// selfResult is a selftest as it is kept for later runs on the same machine.
type selfResult struct {
	SchemaVersion int                 `json:"schema_version"`
	Date          time.Time           `json:"date"`
	Version       string              `json:"tool_version"`
	Environment   results.Environment `json:"environment"`
	Streams       int                 `json:"trusted_streams"`    // up to here; 0 is no load that was tested
	Rate          int                 `json:"trusted_rate_per_s"` // likewise
	Loads         []selfRow           `json:"loads"`
}

func newSelfResult(rows []selfRow, now time.Time) *selfResult {
	return &selfResult{
		SchemaVersion: results.SchemaVersion, Date: now.UTC(), Version: version(), Environment: environment(), Loads: rows,
		Streams: trustedUpTo(rows, func(r selfRow) int { return r.Streams }),
		Rate:    trustedUpTo(rows, func(r selfRow) int { return r.Rate }),
	}
}

// trustedUpTo is the highest load below which every load that was tested can be trusted, itself included.
func trustedUpTo(rows []selfRow, size func(selfRow) int) (most int) {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b selfRow) int { return size(a) - size(b) })
	for _, r := range rows {
		switch {
		case size(r) == 0: // of the other kind
		case !r.Trusted:
			return most
		default:
			most = size(r)
		}
	}
	return most
}

// judged reports that the sample was enough for a verdict: else the last result that was stays.
func (s *selfResult) judged() bool {
	return slices.ContainsFunc(s.Loads, func(r selfRow) bool { return r.TTFT.P50MS != nil })
}

func (s *selfResult) verdict() string {
	if q := s.quote(); q.Streams > 0 || q.RatePerS > 0 {
		return "this machine can be trusted " + q.Loads()
	}
	return "this machine can be trusted under none of these loads"
}

// quote is what a run says of it.
func (s *selfResult) quote() *results.SelfTest {
	return &results.SelfTest{Date: s.Date, ToolVersion: s.Version, Streams: s.Streams, RatePerS: s.Rate}
}

// selfPath is where this machine's result is kept. The host is in its name: home folders may be shared by many.
func selfPath() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "llmload", "selftest-"+url.PathEscape(environment().Host)+".json"), nil
}

// keep writes the result for later runs. That it cannot be kept makes it no less true: a warning, and no error.
func (s *selfResult) keep(sys IO) {
	path, err := s.write()
	if err != nil {
		fmt.Fprintf(sys.Err, "llmload: the result is not kept for later runs: %v; XDG_CACHE_HOME may name a folder that can be written\n", err)
		return
	}
	fmt.Fprintf(sys.Err, "llmload: kept in %s\n", path)
}

func (s *selfResult) write() (path string, err error) {
	if path, err = selfPath(); err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, "selftest-*.tmp") // a reader sees the old result or the new one
	if err != nil {
		return "", err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return path, nil
}

// lastSelfTest is what is kept of this machine; nil where nothing is. A file that cannot be read is a warning.
func lastSelfTest(sys IO) *results.SelfTest {
	path, err := selfPath()
	if err != nil {
		return nil // nowhere to keep one
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var s selfResult
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err == nil && s.SchemaVersion != results.SchemaVersion {
		err = fmt.Errorf("schema_version is %d, want %d", s.SchemaVersion, results.SchemaVersion)
	}
	if err != nil {
		fmt.Fprintf(sys.Err, "llmload: cannot read the last selftest in %s: %s; `llmload selftest` writes it anew\n", path, strings.TrimPrefix(err.Error(), "json: "))
		return nil
	}
	return s.quote()
}
