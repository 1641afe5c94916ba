package store_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
)

// A kill takes the process between any two instructions; what it leaves is the file as it is.
func TestRecordsAreInTheFileWithinHalfASecond(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := create(t, dir)
		defer w.Close()
		for i := range int64(3) {
			if err := w.Append(record(0, i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(500 * time.Millisecond) // the bubble's clock
			synctest.Wait()
			if got := all(t, open(t, dir)); len(got) != int(i)+1 {
				t.Errorf("%d records half a second after record %d", len(got), i+1)
			}
		}
	})
}

// frames has a writer write n records, each in a frame of its own, and returns the file's bytes.
func frames(t *testing.T, n int64) []byte {
	t.Helper()
	d := &disk{room: 1 << 20}
	synctest.Test(t, func(t *testing.T) {
		w, err := store.NewTestWriter(t.TempDir(), d)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if err := w.Append(record(0, i)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // the bubble's clock
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return d.Bytes()
}

func TestAFileCutAnywhereKeepsItsWholeFrames(t *testing.T) {
	whole := frames(t, 4)
	ends := []int{0}
	for i := range int64(4) {
		ends = append(ends, len(frames(t, i+1)))
	}
	for cut := ends[2]; cut <= len(whole); cut++ {
		complete, atEnd := 0, false
		for i, end := range ends {
			if cut >= end {
				complete, atEnd = i, cut == end
			}
		}
		var got []*results.Record
		truncated, err := store.ReadRecords(bytes.NewReader(whole[:cut]), func(r *results.Record, err error) bool {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
			return true
		})
		if err != nil || len(got) < complete || truncated == atEnd {
			t.Fatalf("cut at %d of %d: %d records of %d whole frames, truncated %v, %v", cut, len(whole), len(got), complete, truncated, err)
		}
		for i, r := range got {
			if !reflect.DeepEqual(r, record(0, int64(i))) {
				t.Fatalf("cut at %d: record %d is %+v", cut, i, r)
			}
		}
	}
}

func TestRebuildOfACutFileCountsEveryRecord(t *testing.T) {
	whole := frames(t, 4)
	dir := t.TempDir()
	create(t, dir).Close()
	for cut := 0; cut <= len(whole); cut += len(whole) / 16 {
		if err := os.WriteFile(filepath.Join(dir, "requests.jsonl.zst"), whole[:cut], 0o644); err != nil {
			t.Fatal(err)
		}
		r := open(t, dir)
		n := int64(len(all(t, r)))
		s, _, err := r.Rebuild()
		if err != nil {
			t.Fatal(err)
		}
		if q := s.Stages[0].Requests; q.Issued+q.Warmup != n || s.Conservation.Issued != n || len(s.InvalidReasons) != 1 && !r.Truncated() {
			t.Errorf("cut at %d: %d records, counted %+v, %v", cut, n, q, s.InvalidReasons)
		}
	}
}

func TestDamageIsAnErrorWithItsPlace(t *testing.T) {
	line := func(text string) []byte {
		z, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		return z.EncodeAll([]byte(text), nil)
	}
	good := string(record(0, 0).AppendJSON(nil)) + "\n"
	dir := t.TempDir()
	create(t, dir).Close()
	for _, c := range []struct {
		sentence string
		file     []byte
		records  int
		want     string
	}{
		{"a line that is no JSON", line(good + "{]\n" + good), 2, "requests.jsonl.zst: record 2: invalid character"},
		{"an empty line", line(good + "\n" + good), 2, "record 2: the line is empty"},
		{"bytes that are no frame", append(line(good), "garbage garbage"...), 1, "after record 1"},
		{"fields that are not known", line(`{"id":"x","future":{"a":[1]},"outcome":"ok"}` + "\n"), 1, ""},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "requests.jsonl.zst"), c.file, 0o644); err != nil {
				t.Fatal(err)
			}
			records, failure := 0, error(nil)
			for rec, err := range open(t, dir).Records() {
				if err != nil {
					failure = errors.Join(failure, err)
				}
				if rec != nil {
					records++
				}
			}
			if records != c.records || (c.want == "") != (failure == nil) || failure != nil && !strings.Contains(failure.Error(), c.want) {
				t.Errorf("%d records, %v; want %d, %q", records, failure, c.records, c.want)
			}
			if _, _, err := open(t, dir).Rebuild(); (err == nil) != (c.want == "") {
				t.Errorf("rebuild: %v", err)
			}
		})
	}
}

func TestALineThatWasCutOffInAWholeFrame(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	line := record(0, 0).AppendJSON(nil)
	dir := t.TempDir()
	create(t, dir).Close()
	file := z.EncodeAll(append(append(line, '\n'), line[:20]...), nil)
	if err := os.WriteFile(filepath.Join(dir, "requests.jsonl.zst"), file, 0o644); err != nil {
		t.Fatal(err)
	}
	r := open(t, dir)
	if got := all(t, r); len(got) != 1 || !r.Truncated() {
		t.Errorf("%d records, truncated %v", len(got), r.Truncated())
	}
	if s, _, err := r.Rebuild(); err != nil || len(s.InvalidReasons) != 2 {
		t.Errorf("%v: %v", err, s.InvalidReasons)
	}
}

func TestWalksMayStopEarly(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir)
	measure(t, w, 10)
	w.Close()
	n := 0
	for range open(t, dir).Records() {
		if n++; n == 3 {
			break
		}
	}
	if n != 3 {
		t.Errorf("%d records", n)
	}
}

// What a run that finished says of itself, its records say too.
func TestRebuildEqualsTheRun(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir)
	s := initial()
	var hs []results.StageHistograms
	s.Stages, hs = measure(t, w, 300)
	s.Valid, s.Run.FinishedAt = true, started.Add(time.Minute)
	if err := w.Finish(s, hs); err != nil {
		t.Fatal(err)
	}
	got, gotHS, err := open(t, dir).Rebuild()
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Stages {
		if !got.Valid || asJSON(got.Stages[i]) != asJSON(s.Stages[i]) {
			t.Errorf("rebuilt %s\nwas %s", asJSON(got.Stages[i]), asJSON(s.Stages[i]))
		}
	}
	if !reflect.DeepEqual(buckets(gotHS[0].Metrics["ttft"]), buckets(hs[0].Metrics["ttft"])) {
		t.Error("ttft differs")
	}
}

func TestRebuildOfAKilledRun(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir)
	measure(t, w, 100)
	foreign := record(0, 50)
	foreign.Stage = "probe 3"
	if err := w.Append(foreign); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil { // writes no summary: as a kill after the last frame
		t.Fatal(err)
	}
	r := open(t, dir)
	s, hs, err := r.Rebuild()
	if err != nil {
		t.Fatal(err)
	}
	if s.Valid || len(s.InvalidReasons) != 1 || !s.Run.Interrupted {
		t.Errorf("valid %v, %v", s.Valid, s.InvalidReasons)
	}
	if !s.Run.FinishedAt.Equal(started.Add(time.Duration(record(1, 99).DoneNS))) {
		t.Errorf("finished at %s", s.Run.FinishedAt)
	}
	want := results.Conservation{Holds: true, Rebuilt: true, Issued: 201, Outcomes: 201, Attempts: 201, Dispatched: 201, Written: 201}
	if s.Conservation != want {
		t.Errorf("books %+v, want %+v", s.Conservation, want)
	}
	closed, open, probe := s.Stages[0], s.Stages[1], s.Stages[2]
	if closed.Requests.Issued != 98 || closed.Requests.Warmup != 2 || closed.Requests.Failed != 11 {
		t.Errorf("requests %+v", closed.Requests)
	}
	// Requests begin every 100 ms and take 250. Measured from 0.3 s; the last begins at 10.0 s; the first to end after
	// that began at 9.8 s.
	for _, c := range []struct {
		s             results.StageSummary
		start, length float64
	}{{closed, 0.3, 9.75}, {open, 20.3, 9.7}, {probe, 5.1, 0.25}} {
		if w := c.s.Window; !near(w.StartS, c.start) || !near(w.DurationS, c.length) {
			t.Errorf("%s: window %+v, want %g s from %g", c.s.Name, w, c.length, c.start)
		}
	}
	if closed.Goodput.Attainment == nil || open.Goodput.Attainment != nil || probe.Metrics["ttft"] == nil {
		t.Error("the stages' loads and SLOs were not kept")
	}
	if len(hs) != 3 || hs[0].Metrics["ttft"].Count() != 87 {
		t.Errorf("%d histograms", len(hs))
	}
	if r.Summary.Run.Interrupted || len(r.Summary.Stages) != 2 {
		t.Error("the run's own summary was changed")
	}
}

func near(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }

func TestAppendFromManyGoroutines(t *testing.T) {
	dir := t.TempDir()
	w := create(t, dir)
	var group sync.WaitGroup
	for g := range int64(8) {
		group.Go(func() {
			for i := range int64(200) {
				if err := w.Append(record(0, 200*g+i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[int64]bool{}
	for _, r := range all(t, open(t, dir)) {
		seen[r.Seq] = true
	}
	if len(seen) != 1600 {
		t.Errorf("%d records, want 1600", len(seen))
	}
}

// disk takes room bytes, then is full.
type disk struct {
	bytes.Buffer
	room int
	hold chan struct{} // a write waits until it is closed, where there is one
}

func (d *disk) Write(p []byte) (int, error) {
	if d.hold != nil {
		<-d.hold
	}
	n := min(len(p), d.room)
	d.room -= n
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func (d *disk) Close() error { return nil }

func TestAFullDiskIsSaidOnceAndItsRecordsCounted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{room: 1000}
		w, err := store.NewTestWriter(dir, d)
		if err != nil {
			t.Fatal(err)
		}
		refused := 0
		for i := range int64(20) {
			if err := w.Append(record(0, i)); err != nil {
				refused++
			}
			time.Sleep(time.Second) // the bubble's clock: a frame each
			synctest.Wait()
		}
		s := initial()
		err = w.Finish(s, nil)
		kept := 0
		truncated, readErr := store.ReadRecords(&d.Buffer, func(*results.Record, error) bool { kept++; return true })
		if kept == 0 || kept == 20 || s.RecordsLost != int64(20-kept) || refused != 20-kept-1 {
			t.Errorf("%d kept, %d said lost, %d refused", kept, s.RecordsLost, refused)
		}
		if !truncated || readErr != nil {
			t.Errorf("reading what is left: truncated %v, %v", truncated, readErr)
		}
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "records lost") || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("finish: %v", err)
		}
		if strings.Count(err.Error(), "no space") != 1 || w.Close() != nil {
			t.Errorf("said more than once: %v", err)
		}
		text, err := os.ReadFile(filepath.Join(dir, "summary.json"))
		if err != nil || !strings.Contains(string(text), `"records_lost"`) {
			t.Errorf("the summary does not say it: %v", err)
		}
	})
}

func TestAHungDiskDoesNotHoldTheMeasurement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{room: 1 << 30, hold: make(chan struct{})}
		w, err := store.NewTestWriter(t.TempDir(), d)
		if err != nil {
			t.Fatal(err)
		}
		big := record(0, 0)
		big.Error = strings.Repeat("x", 1<<20)
		lost := int64(0)
		for range 70 {
			if w.Append(big) != nil {
				lost++
			}
		}
		if lost == 0 || w.Lost() != lost {
			t.Errorf("%d of 70 refused, %d counted", lost, w.Lost())
		}
		close(d.hold)
		if err := w.Close(); err == nil || !strings.Contains(err.Error(), "too slow") {
			t.Errorf("close: %v", err)
		}
	})
}

func FuzzRecords(f *testing.F) {
	f.Add(record(0, 0).AppendJSON(nil), 0)
	f.Add([]byte("{}\n{\"attempts\":[{}]}\n"), 3)
	f.Add([]byte("\n\n"), 1)
	z, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		file := z.EncodeAll(text, nil)
		file = file[:len(file)-min(max(cut, 0), len(file))]
		var got []*results.Record
		_, err := store.ReadRecords(bytes.NewReader(file), func(r *results.Record, err error) bool {
			if err == nil {
				got = append(got, r)
			}
			return true
		})
		if err != nil {
			t.Fatalf("a cut file of one frame: %v", err)
		}
		for _, r := range got {
			again := new(results.Record)
			if err := json.Unmarshal(r.AppendJSON(nil), again); err != nil {
				t.Fatalf("%v of %s", err, r.AppendJSON(nil))
			}
			if !bytes.Equal(again.AppendJSON(nil), r.AppendJSON(nil)) {
				t.Fatalf("%s is not stable", r.AppendJSON(nil))
			}
		}
	})
}

func FuzzFile(f *testing.F) {
	f.Add([]byte{0x28, 0xb5, 0x2f, 0xfd})
	f.Add([]byte("garbage"))
	f.Fuzz(func(_ *testing.T, file []byte) {
		_, _ = store.ReadRecords(bytes.NewReader(file), func(*results.Record, error) bool { return true })
	})
}

func BenchmarkAppend(b *testing.B) {
	w, err := store.Create(b.TempDir(), nil, initial())
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	r := record(0, 0)
	for i := range 128 {
		r.Attempts[0].Arrivals.DtNS = append(r.Attempts[0].Arrivals.DtNS, 20*ms+int64(i*7919)%ms)
		r.Attempts[0].Arrivals.K = append(r.Attempts[0].Arrivals.K, 1)
		r.Attempts[0].Arrivals.Events = append(r.Attempts[0].Arrivals.Events, 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = w.Append(r)
	}
	b.ReportMetric(float64(w.Lost())/float64(b.N), "lost/op")
}
