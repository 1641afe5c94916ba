package mockserver_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/llmload/llmload/mockserver"
)

// truthOf makes n short records and closes the server.
func truthOf(t *testing.T, config string, n int) error {
	t.Helper()
	cfg, err := parse("engine: {model: none}\n" + config)
	if err != nil {
		t.Fatal(err)
	}
	s, err := mockserver.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		post(s, chatPath, chat(1, ""))
	}
	return s.Close()
}

// rotated are the records' numbers in FILE.most, ..., FILE.1, FILE.
func rotated(t *testing.T, file string) (ns []int64, files int) {
	t.Helper()
	names, err := filepath.Glob(file + "*")
	if err != nil {
		t.Fatal(err)
	}
	for i := len(names) - 1; i >= 0; i-- {
		name := file
		if i > 0 {
			name = fmt.Sprintf("%s.%d", file, i)
		}
		for _, r := range readLedger(t, name) { // a record that is split is no JSON
			ns = append(ns, r.N)
		}
	}
	return ns, len(names)
}

func upTo(from, to int64) (ns []int64) {
	for n := from; n <= to; n++ {
		ns = append(ns, n)
	}
	return ns
}

func TestTheFileIsRotatedAndNothingIsLost(t *testing.T) {
	for _, c := range []struct {
		name, truth string
		files       int
		first       int64 // of 40 records
	}{
		{"without a size there is one file", "{file: FILE}", 1, 1},
		{"a size that is not reached", "{file: FILE, max_size: 1MB}", 1, 1},
		{"a size and room for all", "{file: FILE, max_size: 1KB, keep: 100}", 20, 1},
		{"the oldest go", "{file: FILE, max_size: 1KB, keep: 2}", 3, 35},
		{"four are kept unless said", "{file: FILE, max_size: 1KB}", 5, 31},
		{"a record larger than the size has its own file", "{file: FILE, max_size: 10B, keep: 2}", 3, 38},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "truth.jsonl")
			if err := truthOf(t, "truth: "+strings.Replace(c.truth, "FILE", file, 1), 40); err != nil {
				t.Fatal(err)
			}
			ns, files := rotated(t, file)
			if files != c.files || !slices.Equal(ns, upTo(c.first, 40)) {
				t.Errorf("%d files, want %d; records %v, want %d to 40", files, c.files, ns, c.first)
			}
		})
	}
}

func TestAnEmptyFileIsNotRotated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "truth.jsonl")
	if err := truthOf(t, "truth: {file: "+file+", max_size: 10B}", 1); err != nil {
		t.Fatal(err)
	}
	if ns, files := rotated(t, file); files != 1 || len(ns) != 1 {
		t.Errorf("%d files, %d records", files, len(ns))
	}
}

func TestAFileThatIsThereCountsTowardsItsSize(t *testing.T) {
	file := filepath.Join(t.TempDir(), "truth.jsonl")
	for range 3 {
		if err := truthOf(t, "truth: {file: "+file+", max_size: 1KB}", 1); err != nil {
			t.Fatal(err)
		}
	}
	if ns, files := rotated(t, file); files != 2 || len(ns) != 3 {
		t.Errorf("%d files, %d records", files, len(ns))
	}
	for _, name := range []string{file, file + ".1"} {
		if info, err := os.Stat(name); err != nil || info.Size() > 1000 {
			t.Errorf("%s: %v, %v", name, info.Size(), err)
		}
	}
}

func TestAFileThatCannotBeRotatedGrowsOnAndSaysSo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "truth.jsonl")
	if err := os.MkdirAll(filepath.Join(file+".1", "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := truthOf(t, "truth: {file: "+file+", max_size: 1KB, keep: 1}", 40)
	if err == nil || !strings.Contains(err.Error(), "mockserver: truth ledger: rename") {
		t.Errorf("got %v", err)
	}
	if got := len(readLedger(t, file)); got != 40 {
		t.Errorf("%d records", got)
	}
}

func TestTheTruthIsAFileOrAMapping(t *testing.T) {
	for _, c := range []struct {
		src  string
		want mockserver.Truth
	}{
		{"truth: ''", mockserver.Truth{}},
		{"truth: t.jsonl", mockserver.Truth{File: "t.jsonl"}},
		{"truth: {file: t.jsonl}", mockserver.Truth{File: "t.jsonl"}},
		{"truth: {file: t.jsonl, max_size: 256MB}", mockserver.Truth{File: "t.jsonl", MaxSize: 256_000_000, Keep: 4}},
		{"truth: {file: t.jsonl, max_size: 2MiB, keep: 9}", mockserver.Truth{File: "t.jsonl", MaxSize: 2 << 20, Keep: 9}},
		{"truth: {file: t.jsonl, max_size: 7}", mockserver.Truth{File: "t.jsonl", MaxSize: 7, Keep: 4}},
	} {
		if cfg, err := parse(c.src); err != nil || cfg.Truth != c.want {
			t.Errorf("%s: %+v, %v", c.src, cfg.Truth, err)
		}
	}
	for src, want := range map[string]string{
		"truth: {max_size: 1MB}":                     "1:8: max_size and keep go with a file",
		"truth: {file: t, keep: 2}":                  "1:24: goes with max_size",
		"truth: {file: t, max_size: 1MB, keep: 0}":   "1:39: must be 1 to 1000",
		"truth: {file: t, max_size: much}":           `1:28: "much" is not a size; write for example 256MB`,
		"truth: {file: t, max_size: -1MB}":           `1:28: "-1MB" is not a size`,
		"truth: {file: t, max_size: 99999999999 GB}": "is not a size",
		"truth: {file: t, size: 1MB}":                "1:18: unknown key",
		"truth: [a, b]":                              "1:8: want a mapping",
	} {
		if _, err := parse(src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", src, err)
		}
	}
}

// A handler that outlives Close has its record in memory; the files stay as Close left them.
func TestARecordAfterTheEndOpensNoFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "truth.jsonl")
		cfg, err := parse("engine: {model: none}\ntruth: {file: " + file + ", max_size: 100B}")
		if err != nil {
			t.Fatal(err)
		}
		s, err := mockserver.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		hits(s, 3, nil)
		release := make(chan bool)
		w := &writeHook{ResponseRecorder: httptest.NewRecorder(), hook: func() { <-release }}
		go s.ServeHTTP(w, httptest.NewRequest("POST", chatPath, strings.NewReader(chat(1, ""))))
		synctest.Wait()
		if err := s.Close(); err == nil || !strings.Contains(err.Error(), "1 requests in flight") {
			t.Errorf("Close says %v", err)
		}
		close(release)
		synctest.Wait()
		ns, files := rotated(t, file)
		if files != 3 || !slices.Equal(ns, upTo(1, 3)) || s.State().Records != 4 {
			t.Errorf("%d files, records %v, %d in all", files, ns, s.State().Records)
		}
		if err := s.Close(); err != nil {
			t.Errorf("the second time, with nothing in flight: %v", err)
		}
	})
}
