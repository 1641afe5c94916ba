package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/cli"
	"github.com/llmload/llmload/results"
)

// times is n errors of d each.
func times(n int, d time.Duration) []time.Duration { return slices.Repeat([]time.Duration{d}, n) }

func good(streams, rate int) cli.SelfRow {
	return cli.SelfRow{Streams: streams, Rate: rate, TTFT: times(300, 100*time.Microsecond), Arrivals: times(300, 100*time.Microsecond)}
}

func TestWhenALoadCanBeTrusted(t *testing.T) {
	for _, row := range []struct {
		sentence string
		change   func(*cli.SelfRow)
		doubt    string
	}{
		{"errors of a tenth of a millisecond", func(*cli.SelfRow) {}, ""},
		{"a median of just a millisecond is still good", func(r *cli.SelfRow) { r.TTFT = times(300, time.Millisecond) }, ""},
		{"a median above", func(r *cli.SelfRow) { r.TTFT = times(300, 1100*time.Microsecond) }, "the median error of the first token is 1.1 ms, over 1ms"},
		{"a median of arrivals above", func(r *cli.SelfRow) { r.Arrivals = times(300, 2*time.Millisecond) }, "the median error of arrivals is 2.0 ms"},
		{"a tail above", func(r *cli.SelfRow) { r.Arrivals = append(times(290, 0), times(10, 11*time.Millisecond)...) }, "the p99 error of arrivals is 11.0 ms, over 10ms"},
		{"a tail that the sample does not resolve decides nothing", func(r *cli.SelfRow) { r.TTFT = append(times(20, 0), times(10, time.Second)...) }, ""},
		{"errors the other way are errors too", func(r *cli.SelfRow) { r.TTFT = times(300, -2*time.Millisecond) }, "the median error of the first token is 2.0 ms"},
		{"without a median there is no verdict", func(r *cli.SelfRow) { r.TTFT = times(4, 0) }, "too few requests to tell"},
		{"an invalid run", func(r *cli.SelfRow) { r.Invalid = "llmload was woken late" }, "the run is invalid: llmload was woken late"},
		{"a request that records and ledger tell differently", func(r *cli.SelfRow) { r.Odd = 1 }, "do not tell the same requests"},
	} {
		r := good(8, 0)
		row.change(&r)
		if got := r.Doubt(); (got == "") != (row.doubt == "") || !strings.Contains(got, row.doubt) {
			t.Errorf("%s: doubt %q, want %q", row.sentence, got, row.doubt)
		}
	}
}

func TestASelftestIsKeptForLaterRuns(t *testing.T) {
	bad := func(streams, rate int) cli.SelfRow {
		r := good(streams, rate)
		r.TTFT = times(300, time.Second)
		return r
	}
	date := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		sentence string
		rows     []cli.SelfRow
		quote    string
		fails    bool
	}{
		{"all loads are good", []cli.SelfRow{good(8, 0), good(400, 0), good(0, 50)}, "up to 400 streams and 50 requests/s", false},
		{"the highest is not", []cli.SelfRow{good(8, 0), bad(400, 0), good(0, 50)}, "up to 8 streams and 50 requests/s", false},
		{"a good load above a bad one counts for nothing, in whatever order", []cli.SelfRow{good(400, 0), bad(50, 0), good(8, 0)}, "up to 8 streams", false},
		{"rates alone", []cli.SelfRow{bad(8, 0), good(0, 500)}, "up to 500 requests/s", false},
		{"nothing is good", []cli.SelfRow{bad(8, 0), bad(0, 50)}, "under no load that was tested", true},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			cacheAt(t, t.TempDir())
			var log bytes.Buffer
			sys := cli.IO{Err: &log}
			if got := cli.LastSelfTest(sys); got != nil {
				t.Fatalf("before the first: %+v", got)
			}
			_, err := cli.KeepSelfTest(sys, row.rows, date)
			if (err != nil) != row.fails {
				t.Errorf("error %v, want one: %t", err, row.fails)
			}
			got := cli.LastSelfTest(sys)
			if got == nil || got.Loads() != row.quote || !got.Date.Equal(date) {
				t.Errorf("quoted %+v, want %q of %s; the log:\n%s", got, row.quote, date, &log)
			}
		})
	}
}

func TestTooFewRequestsLeaveTheLastSelftestStanding(t *testing.T) {
	cacheAt(t, t.TempDir())
	sys := cli.IO{Err: new(bytes.Buffer)}
	if _, err := cli.KeepSelfTest(sys, []cli.SelfRow{good(8, 0)}, time.Now()); err != nil {
		t.Fatal(err)
	}
	few := good(4, 0)
	few.TTFT = times(4, 0)
	if _, err := cli.KeepSelfTest(sys, []cli.SelfRow{few}, time.Now()); err == nil {
		t.Error("too few requests were enough")
	}
	if got := cli.LastSelfTest(sys); got == nil || got.Streams != 8 {
		t.Errorf("quoted %+v, want the first", got)
	}
}

func TestWhatCannotBeKeptOrReadIsAWarning(t *testing.T) {
	t.Run("a folder that is a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		write(t, file, "")
		cacheAt(t, file)
		var log bytes.Buffer
		if _, err := cli.KeepSelfTest(cli.IO{Err: &log}, []cli.SelfRow{good(8, 0)}, time.Now()); err != nil {
			t.Errorf("error %v, want none", err)
		}
		if !strings.Contains(log.String(), "is not kept for later runs") {
			t.Errorf("log %q", &log)
		}
	})
	for sentence, text := range map[string]string{
		"half a file":                `{"schema_version": 1, "da`,
		"a version that is not ours": `{"schema_version": 99}`,
	} {
		t.Run(sentence, func(t *testing.T) {
			cacheAt(t, t.TempDir())
			path, err := cli.SelfTestPath()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, path, text)
			var log bytes.Buffer
			if got := cli.LastSelfTest(cli.IO{Err: &log}); got != nil {
				t.Errorf("quoted %+v", got)
			}
			if !strings.Contains(log.String(), "cannot read the last selftest in "+path) {
				t.Errorf("log %q", &log)
			}
		})
	}
}

func TestARunBeyondWhatWasTrustedIsSaid(t *testing.T) {
	stage := func(name string, l results.Load) results.StageSummary {
		return results.StageSummary{Name: name, Load: l}
	}
	last := &results.SelfTest{Streams: 50, RatePerS: 100}
	for _, row := range []struct {
		sentence string
		stage    results.StageSummary
		want     string
	}{
		{"within", stage("c=50", results.Load{Concurrency: 50, BatchSize: 1, BatchMode: "concurrent"}), ""},
		{"more streams", stage("c=51", results.Load{Concurrency: 51, BatchSize: 1, BatchMode: "concurrent"}), "c=51"},
		{"batches at once", stage("batch", results.Load{Concurrency: 26, BatchSize: 2, BatchMode: "concurrent"}), "batch"},
		{"batches in one request", stage("batch", results.Load{Concurrency: 26, BatchSize: 2, BatchMode: "request"}), ""},
		{"a higher rate", stage("rate", results.Load{Rate: 100.5, BatchSize: 1}), "rate"},
	} {
		if got := last.Beyond([]results.StageSummary{row.stage}); got != row.want {
			t.Errorf("%s: %q, want %q", row.sentence, got, row.want)
		}
	}
}

// cacheAt makes dir the user's folder for what can be made again, as far as this system lets it be named.
func cacheAt(t *testing.T, dir string) {
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData", "home"} {
		t.Setenv(name, dir)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
