package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
)

// part is the summary of shard i of n before it ran.
func part(i, n int) *results.Summary {
	s := initial()
	s.Run.ID, s.Run.PlanSHA256 = fmt.Sprintf("id-%d", i), "abc"
	s.Run.Shard = &results.Shard{Index: i, Count: n, StartAt: started}
	s.Environment.Host = fmt.Sprintf("node%d", i)
	return s
}

// shardFolder makes the folder of shard i of n: every n-th of 200 requests of each stage. change may alter its summary.
func shardFolder(t *testing.T, i, n int64, change func(*results.Summary)) *store.Run {
	t.Helper()
	return fillShard(t, i, n, true, change)
}

func fillShard(t *testing.T, i, n int64, finish bool, change func(*results.Summary)) *store.Run {
	t.Helper()
	s := part(int(i), int(n))
	if change != nil {
		change(s)
	}
	dir := filepath.Join(t.TempDir(), fmt.Sprintf("shard-%d", i))
	w, err := store.Create(dir, []byte("name: chat-sweep\n"), s)
	if err != nil {
		t.Fatal(err)
	}
	var hs []results.StageHistograms
	s.Stages = nil
	for k, info := range stageInfos {
		b := new(results.Bounds)
		c := results.NewCollector(info, b)
		var records []*results.Record
		for j := i; j < 200; j += n {
			r := record(k, j)
			r.DoneNS += j % 5 * 1e9 // no figure is made of it, and no order
			r.ID, r.Seq = fmt.Sprintf("run%d-%d", i, j), j/n
			if r.Measured() {
				b.SetStart(r.IntendedNS)
			}
			if j+n >= 200 {
				b.SetEnd(r.IntendedNS)
			}
			c.Add(r)
			records = append(records, r)
		}
		for _, r := range slices.Backward(records) { // they end in any order
			if err := w.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		stage := c.Summarize()
		stage.StopReason = "requests"
		s.Stages, hs = append(s.Stages, stage), append(hs, c.Histograms())
	}
	if !finish {
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, dir)
	}
	s.Valid, s.Run.FinishedAt, s.Conservation.Holds = true, started.Add(time.Minute), true
	if err := w.Finish(s, hs); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func four(t *testing.T) (runs []*store.Run) {
	for i := range int64(4) {
		runs = append(runs, shardFolder(t, i, 4, nil))
	}
	return runs
}

func TestAMergedFolderIsAnOrdinaryOne(t *testing.T) {
	for _, memory := range []int{0, 20_000, 200_000} { // all at once; in many pieces; in few
		dir := filepath.Join(t.TempDir(), "merged")
		s, hs, err := store.MergeWithin(t.Context(), dir, four(t), memory)
		if err != nil {
			t.Fatal(err)
		}
		if !s.Valid || len(s.Run.Shards) != 4 || s.Run.Shards[2].Host != "node2" || s.Run.Shard != nil || s.Environment.Host != "" {
			t.Errorf("valid %v %q, %+v", s.Valid, s.InvalidReasons, s.Run)
		}
		r := open(t, dir)
		records := all(t, r)
		if len(records) != 400 || !slices.IsSortedFunc(records, func(a, b *results.Record) int { return int(a.IntendedNS - b.IntendedNS) }) {
			t.Errorf("%d records, or not in order", len(records))
		}
		for i, rec := range records {
			if rec.Seq != int64(i) {
				t.Fatalf("record %d has number %d", i, rec.Seq)
			}
		}
		got, err := r.Histograms()
		if err != nil {
			t.Fatal(err)
		}
		whole := create(t, t.TempDir())
		_, want := measure(t, whole, 200)
		for i := range want {
			for name, h := range want[i].Metrics {
				if !slices.Equal(buckets(got[i].Metrics[name]), buckets(h)) || !slices.Equal(buckets(hs[i].Metrics[name]), buckets(h)) {
					t.Errorf("%s of %s differs from the one of a whole run", name, want[i].Stage)
				}
			}
		}
		rebuilt, _, err := r.Rebuild()
		if err != nil {
			t.Fatal(err)
		}
		for i := range s.Stages {
			if rebuilt.Stages[i].Requests != s.Stages[i].Requests || asJSON(rebuilt.Stages[i].Throughput) != asJSON(s.Stages[i].Throughput) {
				t.Errorf("from its records the merged run is %s, not %s", asJSON(rebuilt.Stages[i]), asJSON(s.Stages[i]))
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestShardsThatDoNotBelongTogetherAreRefusedByName(t *testing.T) {
	shared := four(t)
	four := func(*testing.T) []*store.Run { return slices.Clone(shared) }
	other := func(change func(*results.Summary)) func(*testing.T) []*store.Run {
		return func(t *testing.T) []*store.Run {
			runs := four(t)
			runs[2] = shardFolder(t, 2, 4, change)
			return runs
		}
	}
	for _, row := range []struct {
		sentence   string
		shards     func(*testing.T) []*store.Run
		want       string
		incomplete bool
	}{
		{"none", func(*testing.T) []*store.Run { return nil }, "no shard to merge", false},
		{"one is missing", func(t *testing.T) []*store.Run { return slices.Delete(four(t), 1, 2) }, "shard 1 of 4 is missing", true},
		{"one is there twice", func(t *testing.T) []*store.Run { return append(four(t), shardFolder(t, 3, 4, nil)) }, "shard 3 is there twice: ", false},
		{"one was killed", func(t *testing.T) []*store.Run {
			runs := four(t)
			runs[3] = fillShard(t, 3, 4, false, nil)
			return runs
		}, "shard 3 of 4 did not finish (", true},
		{"another plan", other(func(s *results.Summary) { s.Run.PlanSHA256 = "def" }), "shard-2 is a shard of another run than", false},
		{"another start", other(func(s *results.Summary) { s.Run.Shard.StartAt = started.Add(time.Second) }), "its start is", false},
		{"another number", other(func(s *results.Summary) { s.Run.Shard.Count = 5 }), "its number of shards is 5, not 4", false},
		{"another server", other(func(s *results.Summary) { s.Target.Endpoint = "http://other" }), "its target is http://other", false},
		{"a whole run", other(func(s *results.Summary) { s.Run.Shard = nil }), "is no shard: it holds the whole of a run", false},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "merged")
			_, _, err := store.Merge(t.Context(), dir, row.shards(t), store.MergeConfig{})
			if err == nil || !strings.Contains(err.Error(), row.want) || errors.Is(err, store.ErrIncomplete) != row.incomplete {
				t.Errorf("%v, want %q", err, row.want)
			}
			if _, err := store.Open(dir); err == nil {
				t.Error("a folder was written all the same")
			}
		})
	}
}

func TestAPartialMergeSaysWhatIsNotThere(t *testing.T) {
	runs := four(t)
	runs[3] = fillShard(t, 3, 4, false, nil)
	runs = slices.Delete(runs, 1, 2)
	dir := filepath.Join(t.TempDir(), "merged")
	s, _, err := store.Merge(t.Context(), dir, runs, store.MergeConfig{Partial: true})
	if err != nil {
		t.Fatal(err)
	}
	why := strings.Join(s.InvalidReasons, "\n")
	if s.Valid || !strings.Contains(why, "shard 1 of 4 is missing") || !strings.Contains(why, "shard 3 of 4 did not finish") {
		t.Errorf("valid %v: %s", s.Valid, why)
	}
	if q := s.Stages[0].Requests; q.Issued+q.Warmup != 150 || len(all(t, open(t, dir))) != 300 {
		t.Errorf("%+v", q)
	}
}

func TestWhatSpoiledAShardSpoilsTheWhole(t *testing.T) {
	runs := four(t)
	runs[1].Summary.InvalidReasons = []string{"c=2: the machine slept"}
	runs[2].Summary.Run.Interrupted = true
	runs[0].Summary.Stages[1].StopReason = "error_rate: 20 of 40 requests failed"
	runs[3].Summary.Stages = runs[3].Summary.Stages[:1]
	_, _, err := store.Merge(t.Context(), filepath.Join(t.TempDir(), "merged"), runs, store.MergeConfig{})
	if err == nil || !strings.Contains(err.Error(), "a record is of stage") {
		t.Errorf("records of a stage that a summary does not have: %v", err)
	}
	runs[3] = shardFolder(t, 3, 4, nil)
	s, _, err := store.Merge(t.Context(), filepath.Join(t.TempDir(), "merged"), runs, store.MergeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	why := strings.Join(s.InvalidReasons, "\n")
	for _, want := range []string{"shard 1: c=2: the machine slept", "shard 2 was interrupted", "the shards ended differently: shard 0: error_rate: "} {
		if s.Valid || !strings.Contains(why, want) {
			t.Errorf("valid %v, no %q in\n%s", s.Valid, want, why)
		}
	}
}

// What is lost shows: a shard has counted as it ran.
func TestADamagedShardIsSaid(t *testing.T) {
	for _, row := range []struct {
		sentence string
		damage   func(t *testing.T, shard *store.Run)
		want     string
	}{
		{"histograms of other records", func(t *testing.T, shard *store.Run) {
			copyFile(t, filepath.Join(shardFolder(t, 3, 5, nil).Dir, "histograms.hlog"), filepath.Join(shard.Dir, "histograms.hlog"))
		}, "the records of shard 3 do not make what it counted as it ran (queue_delay, "},
		{"no histogram", func(t *testing.T, shard *store.Run) { empty(t, shard, "histograms.hlog") }, "what it counted as it ran (queue_delay, "},
		{"no record", func(t *testing.T, shard *store.Run) { empty(t, shard, "requests.jsonl.zst") }, "what it counted as it ran (requests, queue_delay, "},
		{"neither", func(t *testing.T, shard *store.Run) {
			empty(t, shard, "requests.jsonl.zst")
			empty(t, shard, "histograms.hlog")
		}, "what it counted as it ran (requests): records or histograms are lost or damaged"},
	} {
		t.Run(row.sentence, func(t *testing.T) {
			runs := four(t)
			row.damage(t, runs[3])
			s, _, err := store.Merge(t.Context(), filepath.Join(t.TempDir(), "merged"), runs, store.MergeConfig{})
			if err != nil {
				t.Fatal(err)
			}
			if why := strings.Join(s.InvalidReasons, "\n"); s.Valid || !strings.Contains(why, row.want) || strings.Contains(why, "shard 2") {
				t.Errorf("valid %v: %s", s.Valid, why)
			}
		})
	}
}

// Bytes that are other than they were written end a file of records there; what came before is kept where that is asked for.
func TestADamagedRecordFileIsMergedInPart(t *testing.T) {
	runs := four(t)
	name := filepath.Join(runs[1].Dir, "requests.jsonl.zst")
	bytes, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range bytes[len(bytes)-40:] {
		bytes[len(bytes)-40+i] ^= 0x5a
	}
	if err := os.WriteFile(name, bytes, 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "merged")
	if _, _, err := store.Merge(t.Context(), dir, runs, store.MergeConfig{}); err == nil || !strings.Contains(err.Error(), "--partial merges what is before it") || !strings.Contains(err.Error(), name) {
		t.Errorf("whole: %v", err)
	}
	s, _, err := store.Merge(t.Context(), dir, runs, store.MergeConfig{Partial: true})
	if err != nil {
		t.Fatal(err)
	}
	why := strings.Join(s.InvalidReasons, "\n")
	if s.Valid || !strings.Contains(why, "shard 1: its records are read up to a damage: "+name) || !strings.Contains(why, "the records of shard 1 do not make what it counted") {
		t.Errorf("valid %v: %s", s.Valid, why)
	}
	var others int64
	for _, i := range []int{0, 2, 3} {
		others += runs[i].Summary.Stages[0].Requests.Issued
	}
	if got := s.Stages[0].Requests.Issued; got < others {
		t.Errorf("%d requests, where the shards that are whole have %d", got, others)
	}
}

func empty(t *testing.T, shard *store.Run, name string) {
	t.Helper()
	if err := os.Truncate(filepath.Join(shard.Dir, name), 0); err != nil {
		t.Fatal(err)
	}
}

// The next merge finds the folder as the first one did.
func TestAMergeThatFailsLeavesNoRunBehind(t *testing.T) {
	runs := four(t)
	hidden := filepath.Join(t.TempDir(), "histograms.hlog")
	lost := filepath.Join(runs[2].Dir, "histograms.hlog")
	if err := os.Rename(lost, hidden); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "merged")
	if _, _, err := store.Merge(t.Context(), dir, runs, store.MergeConfig{}); err == nil || !strings.Contains(err.Error(), "shard 2: ") {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	copyFile(t, hidden, lost)
	if s, _, err := store.Merge(t.Context(), dir, runs, store.MergeConfig{}); err != nil || !s.Valid {
		t.Errorf("%v", err)
	}
}

// All shards read the metrics of one server: added up they would be counted once a shard. Only our own side is.
func TestWhatTheServerSaidIsTakenOnce(t *testing.T) {
	runs := four(t)
	count := 0
	for i, said := range []results.Server{{Readings: 9, Failed: 1, SpanS: 60}, {Readings: 5, SpanS: 30}, {Readings: 7, SpanS: 50}} {
		running := float64(10 * i)
		stage := &runs[i].Summary.Stages[0]
		said.TTFT = &results.ServerTTFT{Count: 100, ClientCount: 50}
		stage.Server, stage.Series[0].ServerRunning = &said, &running
	}
	for _, r := range runs {
		for _, rec := range all(t, r) {
			for _, a := range rec.Attempts {
				if rec.Stage == stageInfos[0].Name && a.FirstTokenNS != 0 {
					count++
				}
			}
		}
	}
	s, _, err := store.Merge(t.Context(), filepath.Join(t.TempDir(), "merged"), runs, store.MergeConfig{})
	if err != nil {
		t.Fatal(err)
	}
	got := s.Stages[0].Server
	if got == nil || got.Readings != 7 || got.TTFT.Count != 100 || count == 0 || got.TTFT.ClientCount != int64(count) || s.Stages[1].Server != nil {
		t.Errorf("%s, want %d first tokens of ours", asJSON(got), count)
	}
	at := runs[2].Summary.Stages[0].Series[0].TS
	for _, p := range s.Stages[0].Series {
		if told := p.ServerRunning != nil; told != (p.TS == at) || told && *p.ServerRunning != 20 {
			t.Errorf("at %g s, and not at %g, the course has %s", p.TS, at, asJSON(p))
		}
	}
	if runs[2].Summary.Stages[0].Server.TTFT.ClientCount != 50 {
		t.Error("the shard's own summary was changed")
	}
}

func TestAMergeCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := filepath.Join(t.TempDir(), "merged")
	if _, _, err := store.Merge(ctx, dir, four(t), store.MergeConfig{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
