package interop_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
	"github.com/tsenart/vegeta/v12/lib/plot"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/interop"
)

// decode reads results as `vegeta report FILE` does.
func decode(t *testing.T, file []byte) (all []vegeta.Result) {
	t.Helper()
	dec := vegeta.DecoderFor(bytes.NewReader(file))
	if dec == nil {
		t.Fatal("vegeta does not know the format")
	}
	for {
		var r vegeta.Result
		switch err := dec.Decode(&r); {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatal(err)
		}
		all = append(all, r)
	}
}

func exported(t *testing.T, s *sample) []vegeta.Result {
	t.Helper()
	var file bytes.Buffer
	if err := interop.Vegeta(&file, s.summary, s.each); err != nil {
		t.Fatal(err)
	}
	return decode(t, file.Bytes())
}

// TestVegetaReportAgrees: vegeta's own reporter finds as many requests, successes and outcomes as llmload's summary has.
func TestVegetaReportAgrees(t *testing.T) {
	s := newSample(t)
	all := exported(t, s)
	for _, stage := range s.summary.Stages {
		var m vegeta.Metrics
		for _, r := range all {
			if r.Attack == stage.Name {
				m.Add(&r)
			}
		}
		m.Close()
		if ranked := stage.Requests.Issued - stage.Requests.Cancelled; m.Requests != uint64(ranked) || m.Success != *stage.Success {
			t.Errorf("%s: vegeta reads %d requests, success %v; llmload has %d and %v", stage.Name, m.Requests, m.Success, ranked, *stage.Success)
		}
		if stage.Load.Mode == "open" && m.Latencies.Max.Seconds()*1000 != *stage.Metrics["response_e2e"].Max {
			t.Errorf("%s: the largest latency is %s to vegeta, %v ms to llmload", stage.Name, m.Latencies.Max, *stage.Metrics["response_e2e"].Max)
		}
		var text bytes.Buffer
		if err := vegeta.NewTextReporter(&m)(&text); err != nil || !strings.Contains(text.String(), "Success       [ratio]") {
			t.Errorf("%s: vegeta report: %v\n%s", stage.Name, err, text.String())
		}
	}
	errs := map[string]int{}
	for _, r := range all {
		errs[r.Error]++
	}
	for _, want := range []string{`http_503: no place, try "later"`, "truncated: the stream ended early", "dropped: an earlier turn failed"} {
		if errs[want] != 1 {
			t.Errorf("error %q occurs %d times in %v", want, errs[want], errs)
		}
	}
}

// TestVegetaPlotTakesIt: hits are numbered from 0 without a gap, in the order of their times, in each attack, whatever the order
// of the records; else vegeta's plot refuses them, or shows only the first.
func TestVegetaPlotTakesIt(t *testing.T) {
	s := newSample(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	for seq := range int64(3000) { // many of one millisecond, and of one nanosecond
		s.records = append(s.records, answer(100+seq, "crowd", rnd.Int64N(200)*ms/2, 1+rnd.IntN(4)))
	}
	rnd.Shuffle(len(s.records), func(i, j int) { s.records[i], s.records[j] = s.records[j], s.records[i] })
	all := exported(t, s)
	p := plot.New(plot.Title("sample"))
	attacks := map[string][]vegeta.Result{}
	for _, r := range all {
		attacks[r.Attack] = append(attacks[r.Attack], r)
		if err := p.Add(&r); err != nil {
			t.Fatal(err)
		}
	}
	p.Close()
	if len(attacks) != 3 {
		t.Errorf("%d attacks, want one a stage", len(attacks))
	}
	for name, hits := range attacks {
		slices.SortFunc(hits, func(a, b vegeta.Result) int { return int(a.Seq) - int(b.Seq) })
		last := time.Time{}
		for i, r := range hits {
			if r.Seq != uint64(i) || r.Timestamp.Before(last) {
				t.Fatalf("%s: hit %d has number %d at %s after %s", name, i, r.Seq, r.Timestamp, last)
			}
			last = r.Timestamp
		}
	}
	var page bytes.Buffer
	if _, err := p.WriteTo(&page); err != nil || !strings.Contains(page.String(), "crowd") {
		t.Errorf("vegeta plot wrote %d bytes: %v", page.Len(), err)
	}
}

func TestVegetaOfNothingIsEmpty(t *testing.T) {
	s := newSample(t)
	s.records = nil
	var file bytes.Buffer
	if err := interop.Vegeta(&file, s.summary, s.each); err != nil || file.Len() != 0 {
		t.Errorf("%d bytes, %v", file.Len(), err)
	}
}

// A record that cannot be read ends every export with its error.
func TestABrokenRecordIsAnError(t *testing.T) {
	broken := errors.New("record 7 is cut off")
	each := func(yield func(*results.Record, error) bool) { yield(nil, broken) }
	s := newSample(t)
	if err := interop.Vegeta(io.Discard, s.summary, each); !errors.Is(err, broken) {
		t.Errorf("vegeta: %v", err)
	}
	if err := interop.CSV(io.Discard, each); !errors.Is(err, broken) {
		t.Errorf("csv: %v", err)
	}
}
