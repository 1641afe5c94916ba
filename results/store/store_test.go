package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
)

const ms = int64(1e6)

// started has milliseconds, as a log's time stamps do.
var started = time.Date(2026, 1, 2, 15, 4, 5, 678e6, time.UTC)

var stageInfos = []results.StageInfo{
	{
		Name: "c=2,batch=1 界/%", Load: results.Load{Mode: "closed", API: "chat", Stream: true, Concurrency: 2},
		SLO: []results.Limit{{Metric: metric.TTFT, MaxNS: 50 * ms}},
	},
	{Name: "rate=10/s", Load: results.Load{Mode: "open", API: "chat", Rate: 10}},
}

// initial is the summary of a run before its first request.
func initial() *results.Summary {
	s := &results.Summary{
		Run: results.Run{ID: "id", Name: "chat-sweep", StartedAt: started, Seed: 42, Labels: map[string]string{"gpu": "界"}},
	}
	for _, info := range stageInfos {
		s.Stages = append(s.Stages, results.StageSummary{Name: info.Name, Load: info.Load, SLO: info.SLO})
	}
	return s
}

// record is the i-th request of a stage: every 100 ms, 250 ms long, every ninth a failure, the first two warm-up.
func record(stage int, i int64) *results.Record {
	at := int64(stage)*20e9 + (1+i)*100*ms
	r := &results.Record{
		ID: fmt.Sprintf("id-%d", i), Seq: i, Stage: stageInfos[stage].Name, Warmup: i < 2, Prompts: 1,
		IntendedNS: at, SlotNS: at, DispatchedNS: at + 1000, DoneNS: at + 250*ms, Outcome: results.OK,
		Tokens: results.Tokens{Input: 10, Output: 3, RequestedOutput: 3, Source: results.FromUsage},
		Attempts: []results.Attempt{{
			StartedNS: at + 1000, SentNS: at + 2000, FirstTokenNS: at + (40+i%30)*ms, FirstOutNS: at + (40+i%30)*ms,
			DoneNS: at + 250*ms, Outcome: results.OK, Status: 200, RequestID: "q<1>", Reads: 3, MultiReads: 1,
			Arrivals: results.Arrivals{DtNS: []int64{(40+i%30)*ms - 1000, 20 * ms, 30 * ms}, K: []int{1, 1, 1}, Events: []int{1, 1, 1}},
		}},
	}
	if stage == 1 {
		r.Attempts[0].FirstTokenNS, r.Attempts[0].FirstOutNS, r.Attempts[0].Arrivals = 0, 0, results.Arrivals{}
	}
	if i%9 == 8 {
		r.Outcome, r.Error, r.Attempts[0].Outcome = results.Reset, "read: connection \"reset\"\n", results.Reset
	}
	return r
}

func create(t *testing.T, dir string) *store.Writer {
	t.Helper()
	w, err := store.Create(dir, []byte("name: chat-sweep\n"), initial())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func open(t *testing.T, dir string) *store.Run {
	t.Helper()
	r, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all reads every record.
func all(t *testing.T, r *store.Run) []*results.Record {
	t.Helper()
	var records []*results.Record
	for rec, err := range r.Records() {
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rec)
	}
	return records
}

func TestCreateLeavesAReadableFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "run")
	first := initial()
	w, err := store.Create(dir, []byte("name: chat-sweep\n"), first)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r := open(t, dir)
	if r.Finished() || r.Summary.Valid || !reflect.DeepEqual(r.Summary.InvalidReasons, []string{store.Unfinished}) {
		t.Errorf("summary %+v", r.Summary)
	}
	if string(r.Plan) != "name: chat-sweep\n" || r.Summary.SchemaVersion != results.SchemaVersion {
		t.Errorf("plan %q, schema %d", r.Plan, r.Summary.SchemaVersion)
	}
	if got := all(t, r); len(got) != 0 || r.Truncated() {
		t.Errorf("%d records, truncated %v", len(got), r.Truncated())
	}
	if first.SchemaVersion != 0 || first.InvalidReasons != nil {
		t.Error("the caller's summary was changed")
	}
}

func TestCreateRefuses(t *testing.T) {
	for _, c := range []struct {
		sentence string
		prepare  func(t *testing.T, dir string) string
		want     string
		is       error
	}{
		{"a folder that holds a run", func(t *testing.T, dir string) string {
			create(t, dir)
			return dir
		}, "already holds a run", fs.ErrExist},
		{"a folder that holds a summary alone", func(t *testing.T, dir string) string {
			if err := os.WriteFile(filepath.Join(dir, "summary.json"), []byte("{}"), 0o644); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "summary.json", fs.ErrExist},
		{"a folder below a file", func(t *testing.T, dir string) string {
			if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, "file", "run")
		}, "choose a folder that can be written", nil},
		{"a folder that cannot be written", func(t *testing.T, dir string) string {
			if os.Geteuid() == 0 {
				t.Skip("root writes everywhere")
			}
			if err := os.Chmod(dir, 0o555); err != nil {
				t.Fatal(err)
			}
			return dir
		}, "choose a folder that can be written", fs.ErrPermission},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			dir := c.prepare(t, t.TempDir())
			_, err := store.Create(dir, nil, initial())
			for _, err := range []error{err, store.Check(dir)} {
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), filepath.Dir(dir)) {
					t.Errorf("error %v, want %q and the path", err, c.want)
				}
				if c.is != nil && !errors.Is(err, c.is) {
					t.Errorf("error %v is not %v", err, c.is)
				}
			}
		})
	}
}

func TestCheckLeavesNothingBehind(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{root, filepath.Join(root, "deep", "run")} {
		if err := store.Check(dir); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestFinish(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir)
	r := record(0, 3)
	if err := w.Append(r); err != nil {
		t.Fatal(err)
	}
	s := initial()
	s.Valid, s.Run.FinishedAt = true, started.Add(time.Minute)
	if err := w.Finish(s, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("close after finish: %v", err)
	}
	if err := w.Append(r); err == nil || w.Lost() != 1 {
		t.Errorf("a record after the end: %v, %d lost", err, w.Lost())
	}
	run := open(t, dir)
	if !run.Finished() || !run.Summary.Valid || run.Summary.RecordsLost != 0 {
		t.Errorf("summary %+v", run.Summary)
	}
	if got := all(t, run); len(got) != 1 || !reflect.DeepEqual(got[0], r) {
		t.Errorf("records %+v", got)
	}
	text, err := os.ReadFile(filepath.Join(dir, "summary.json"))
	if err != nil || strings.Contains(strings.ReplaceAll(string(text), " ", ""), `[]null`) {
		t.Error(err)
	}
	for _, list := range []string{"invalid_reasons", "thresholds", "slo", "series", "warnings"} {
		if strings.Contains(string(text), `"`+list+`": null`) {
			t.Errorf("%s is null", list)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 4 {
		t.Errorf("files %v, %v", left, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	whole := func(t *testing.T) string {
		dir := t.TempDir()
		create(t, dir).Close()
		return dir
	}
	replace := func(name, text string) func(*testing.T) string {
		return func(t *testing.T) string {
			dir := whole(t)
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	without := func(name string) func(*testing.T) string {
		return func(t *testing.T) string {
			dir := whole(t)
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			return dir
		}
	}
	for _, c := range []struct {
		sentence string
		prepare  func(*testing.T) string
		want     string // empty: opens
	}{
		{"no such folder", func(t *testing.T) string { return filepath.Join(t.TempDir(), "none") }, "no run folder"},
		{"a file", func(t *testing.T) string { return filepath.Join(whole(t), "plan.yaml") }, "is a file, not a run folder"},
		{"an empty folder", func(t *testing.T) string { return t.TempDir() }, "summary.json is missing"},
		{"no summary", without("summary.json"), "summary.json is missing"},
		{"no plan", without("plan.yaml"), "plan.yaml is missing"},
		{"half a summary", replace("summary.json", `{"schema_version": 1,`), "summary.json: unexpected end"},
		{"JSON of something else", replace("summary.json", `{}`), "schema_version is missing"},
		{"a newer schema", replace("summary.json", `{"schema_version": 2, "run": "text"}`), "written by a newer llmload: schema_version 2, this one reads up to 1"},
		{"fields that are not known", replace("summary.json", `{"schema_version": 1, "new": {"a": [1]}}`), ""},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			_, err := store.Open(c.prepare(t))
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestRecordsAndHistogramsNameWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	create(t, dir).Close()
	r := open(t, dir)
	if _, err := r.Histograms(); err == nil || !strings.Contains(err.Error(), "histograms.hlog is missing") {
		t.Errorf("histograms: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "requests.jsonl.zst")); err != nil {
		t.Fatal(err)
	}
	for _, err := range r.Records() {
		if err == nil || !strings.Contains(err.Error(), "requests.jsonl.zst is missing") {
			t.Errorf("records: %v", err)
		}
	}
	if _, _, err := r.Rebuild(); err == nil {
		t.Error("rebuilt from nothing")
	}
}

func TestHistogramsReadBackEqual(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir)
	summaries, want := measure(t, w, 300)
	s := initial()
	s.Stages, s.Run.FinishedAt = summaries, started.Add(time.Minute)
	if err := w.Finish(s, want); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, dir).Histograms()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d stages, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].Stage != want[i].Stage || got[i].StartNS/ms != want[i].StartNS/ms || got[i].EndNS/ms != want[i].EndNS/ms {
			t.Errorf("stage %q from %d to %d, want %q, %d, %d", got[i].Stage, got[i].StartNS, got[i].EndNS, want[i].Stage, want[i].StartNS, want[i].EndNS)
		}
		if len(got[i].Metrics) != len(want[i].Metrics) {
			t.Errorf("%d metrics, want %d", len(got[i].Metrics), len(want[i].Metrics))
		}
		for name, h := range want[i].Metrics {
			if !reflect.DeepEqual(buckets(got[i].Metrics[name]), buckets(h)) {
				t.Errorf("%s of %s differs", name, want[i].Stage)
			}
		}
	}
}

func buckets(h *results.Histogram) (b [][2]int64) {
	for ns, n := range h.Buckets {
		b = append(b, [2]int64{ns, n})
	}
	return b
}

// measure appends n records of each stage, as a run does, and returns the run's own answer.
func measure(t *testing.T, w *store.Writer, n int64) (stages []results.StageSummary, hs []results.StageHistograms) {
	t.Helper()
	for i, info := range stageInfos {
		b := new(results.Bounds)
		b.SetStart(record(i, 2).IntendedNS)
		b.SetEnd(record(i, n-1).IntendedNS)
		c := results.NewCollector(info, b)
		for j := range n {
			r := record(i, j)
			c.Add(r)
			if err := w.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		stages, hs = append(stages, c.Summarize()), append(hs, c.Histograms())
	}
	return stages, hs
}

func TestNewID(t *testing.T) {
	at := time.Date(2026, 1, 2, 16, 4, 5, 0, time.FixedZone("CET", 3600))
	for name, want := range map[string]string{
		"chat-sweep":            "20260102T150405Z-chat-sweep-00af",
		"Ünï Code / ../x":       "20260102T150405Z-n-code-x-00af",
		"":                      "20260102T150405Z-run-00af",
		"界":                     "20260102T150405Z-run-00af",
		strings.Repeat("a", 99): "20260102T150405Z-" + strings.Repeat("a", 40) + "-00af",
	} {
		if got := store.NewID(at, name, 0xaf); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func asJSON(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}
