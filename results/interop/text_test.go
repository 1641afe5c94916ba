package interop_test

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/interop"
)

func TestCSVHoldsEveryRequest(t *testing.T) {
	s := newSample(t)
	var out bytes.Buffer
	if err := interop.CSV(&out, s.each); err != nil {
		t.Fatal(err)
	}
	golden(t, "requests.csv", out.String())
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != len(s.records)+1 {
		t.Fatalf("%d rows of %d records: %v", len(rows), len(s.records), err)
	}
	for i, r := range s.records {
		ttft, known := r.Value("ttft")
		cell := ""
		for c, head := range rows[0] {
			if head == "ttft_ms" {
				cell = rows[i+1][c]
			}
		}
		if v, err := strconv.ParseFloat(cell, 64); known && (err != nil || int64(math.Round(v*1e6)) != ttft) || !known && cell != "" {
			t.Errorf("%s: ttft %q, want %d ns, known: %v", r.ID, cell, ttft, known)
		}
	}
}

// The stock plotter takes lines of four numbers: value, percentile, count, 1/(1-percentile).
func TestHgrmIsReadByThePlottersRule(t *testing.T) {
	s := newSample(t)
	var out bytes.Buffer
	failed := s.summary.Stages[0].Metrics["e2e"].Failed
	if err := interop.Percentiles(&out, s.hs[0], "e2e", failed); err != nil {
		t.Fatal(err)
	}
	golden(t, "e2e.hgrm", out.String())
	points, last := 0, 0.0
	for line := range strings.Lines(out.String()) {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "#") || len(fields) != 4 {
			continue
		}
		v, err := strconv.ParseFloat(fields[0], 64)
		if err == nil && v < last {
			t.Errorf("%v after %v", v, last)
		}
		if err == nil {
			points, last = points+1, v
		}
	}
	if most := *s.summary.Stages[0].Metrics["e2e"].Max; points < 5 || math.Abs(last/most-1) > 0.001 {
		t.Errorf("%d points up to %v ms, want %v", points, last, most)
	}
}

func TestOpenMetricsIsReadBack(t *testing.T) {
	s := newSample(t)
	var out bytes.Buffer
	if err := interop.OpenMetrics(&out, s.summary); err != nil {
		t.Fatal(err)
	}
	golden(t, "openmetrics.txt", out.String())
	if !strings.HasSuffix(out.String(), "# EOF\n") {
		t.Error("the end is not marked")
	}
	// Of gauges, OpenMetrics is the older text format with an end.
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(strings.TrimSuffix(out.String(), "# EOF\n")))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, m := range families["llmload_ttft_seconds"].GetMetric() {
		found[m.GetLabel()[1].GetValue()+" "+m.GetLabel()[2].GetValue()] = m.GetGauge().GetValue()
	}
	want := *s.summary.Stages[0].Metrics["ttft"].P50 / 1000
	if got := found["c=4 0.5"]; math.Abs(got-want) > 1e-12 {
		t.Errorf("p50 of ttft is %v, want %v, in %v", got, want, found)
	}
	if _, ok := found["c=4 0.99"]; ok {
		t.Error("10 requests do not resolve a p99")
	}
}

// A quantile that is a failure's is above every number; with nothing issued there is none.
func TestOpenMetricsOfFailures(t *testing.T) {
	s := newSample(t)
	c := results.NewCollector(results.StageInfo{Name: "none", Load: results.Load{Mode: "closed", Concurrency: 1}}, new(results.Bounds))
	for i := range int64(6) {
		c.Add(fail(answer(i, "none", i*ms, 2), results.Refused, 0, "no"))
	}
	s.summary.Stages = []results.StageSummary{c.Summarize(), {Name: "empty"}}
	var out bytes.Buffer
	if err := interop.OpenMetrics(&out, s.summary); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`llmload_e2e_seconds{run="20261126T080000Z-sample-0001",stage="none",quantile="0.5"} +Inf`,
		`llmload_success_rate{run="20261126T080000Z-sample-0001",stage="none"} 0.0`,
		`llmload_requests{run="20261126T080000Z-sample-0001",stage="none",outcome="refused"} 6.0`,
	} {
		if !strings.Contains(out.String(), want+"\n") {
			t.Errorf("lacks %s in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), `llmload_success_rate{run="20261126T080000Z-sample-0001",stage="empty"`) {
		t.Error("nothing issued has no success rate")
	}
}
