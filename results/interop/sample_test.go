package interop_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/interop"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./results/interop -update writes it anew); got:\n%s", path, got)
	}
}

const ms = int64(time.Millisecond)

// sample is a run of two stages whose requests ended in every kind of way.
type sample struct {
	summary *results.Summary
	records []*results.Record
	hs      []results.StageHistograms
}

func (s *sample) each(yield func(*results.Record, error) bool) {
	for _, r := range s.records {
		if !yield(r, nil) {
			return
		}
	}
}

var _ interop.Records = (*sample)(nil).each

// answer is a request that left when it was intended and took 10 ms and 5 ms a token.
func answer(seq int64, stage string, intended int64, tokens int) *results.Record {
	r := &results.Record{
		ID: fmt.Sprintf("00000000-0000-8000-8000-%012d", seq), Seq: seq, Stage: stage, Prompts: 1, IntendedNS: intended, SlotNS: intended,
		DispatchedNS: intended + ms/10, Outcome: results.OK, Status: 200, FinishReason: "length",
		Tokens: results.Tokens{Input: 8, Output: tokens, Source: results.FromUsage},
	}
	a := results.Attempt{StartedNS: r.DispatchedNS, SentNS: r.DispatchedNS, Outcome: results.OK, Status: 200}
	a.FirstTokenNS = a.StartedNS + 10*ms
	a.FirstOutNS = a.FirstTokenNS
	for i := range tokens {
		dt := 5 * ms
		if i == 0 {
			dt = 10 * ms
		}
		a.Arrivals.DtNS, a.Arrivals.K, a.Arrivals.Events = append(a.Arrivals.DtNS, dt), append(a.Arrivals.K, 1), append(a.Arrivals.Events, 1)
	}
	a.DoneNS = a.FirstTokenNS + int64(tokens-1)*5*ms
	r.DoneNS, r.Attempts = a.DoneNS, []results.Attempt{a}
	return r
}

// fail makes of an answer one that ended otherwise after 3 ms.
func fail(r *results.Record, outcome results.Outcome, status int, text string) *results.Record {
	a := &r.Attempts[0]
	a.FirstTokenNS, a.FirstOutNS, a.Arrivals, a.DoneNS = 0, 0, results.Arrivals{}, a.StartedNS+3*ms
	a.Outcome, a.Status = outcome, status
	r.DoneNS, r.Outcome, r.Status, r.Error, r.Tokens, r.FinishReason = a.DoneNS, outcome, status, text, results.Tokens{}, ""
	return r
}

// newSample orders the records by their ends, as a run folder does.
func newSample(t *testing.T) *sample {
	t.Helper()
	const first, second = "c=4", "Last, größer | 負荷"
	s := &sample{}
	for i := range int64(12) {
		s.records = append(s.records, answer(i, first, i/4*20*ms, 2+int(11-i)))
	}
	s.records[0].Warmup = true
	fail(s.records[3], results.StatusOutcome(503), 503, "no place, try \"later\"")
	fail(s.records[5], results.Truncated, 200, "the stream ended early")
	fail(s.records[7], results.Cancelled, 0, "interrupted")
	for i := range int64(4) {
		s.records = append(s.records, answer(12+i, second, 200*ms+i*10*ms, 3))
	}
	gone := s.records[14]
	gone.Outcome, gone.Error, gone.Attempts, gone.Tokens, gone.DispatchedNS = results.Dropped, "an earlier turn failed", nil, results.Tokens{}, 0
	gone.Status, gone.FinishReason, gone.DoneNS = 0, "", gone.IntendedNS
	s.records[13].Labels = map[string]string{"x-replica": "a,b"}
	s.records[15].Tail = true
	slices.SortStableFunc(s.records, func(a, b *results.Record) int { return int(a.DoneNS - b.DoneNS) })
	s.summary = &results.Summary{
		SchemaVersion: results.SchemaVersion, Valid: true,
		Run:    results.Run{ID: "20261126T080000Z-sample-0001", Name: "sample", StartedAt: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)},
		Target: results.Target{Endpoint: "http://127.0.0.1:8000", Model: "demo-8b"},
	}
	for _, load := range []struct {
		name       string
		load       results.Load
		start, end int64
	}{
		{first, results.Load{Mode: "closed", API: "chat", Stream: true, Concurrency: 4, BatchSize: 1}, 0, 60 * ms},
		{second, results.Load{Mode: "open", API: "chat", Stream: true, Rate: 100, Arrivals: "constant", BatchSize: 1}, 200 * ms, 230 * ms},
	} {
		b := new(results.Bounds)
		b.SetStart(load.start)
		b.SetEnd(load.end)
		c := results.NewCollector(results.StageInfo{Name: load.name, Load: load.load}, b)
		for _, r := range s.records {
			if r.Stage == load.name {
				c.Add(r)
			}
		}
		s.summary.Stages = append(s.summary.Stages, c.Summarize())
		s.hs = append(s.hs, c.Histograms())
	}
	return s
}
