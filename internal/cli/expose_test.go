package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/llmload/llmload/internal/cli"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// whole is a mock server in this process.
type whole struct {
	*mockserver.Server
	endpoint string
}

func (w whole) Endpoint() string                                 { return w.endpoint }
func (whole) BeginStage(context.Context, *scenarios.Stage) error { return nil }
func (whole) Seen(context.Context) (runner.Seen, error)          { return runner.Seen{}, nil }

func TestARunIsExposedForPrometheus(t *testing.T) {
	mock, err := mockserver.New(mockserver.Config{Engine: mockserver.Engine{Model: "fixed", TTFT: 2 * time.Millisecond, ITL: 2 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	defer mock.Close()
	server := httptest.NewServer(mock)
	defer server.Close()
	spec, err := scenarios.Parse("s.yaml", []byte(`
target: {endpoint: http://127.0.0.1}
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 5}}
load: {closed: {concurrency: 2}, requests: 20, warmup: {requests: 3}}
`), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	var live runner.Live
	handler, expose := cli.Exposed(&live)
	var mu sync.Mutex
	paced := 0.0 // measured answers that came in more than one read: on a busy machine not all do
	record := func(r *results.Record) {
		expose(r)
		mu.Lock()
		defer mu.Unlock()
		if !r.Warmup && len(r.Attempts[0].Arrivals.DtNS) > 1 {
			paced++
		}
	}
	if _, err := runner.Run(t.Context(), plan, whole{mock, server.URL}, runner.Config{RunID: "t", Model: "demo-8b", Live: &live, Append: record}); err != nil {
		t.Fatal(err)
	}
	record(&results.Record{Stage: "c=2", Outcome: "http_503", Attempts: make([]results.Attempt, 3)})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	got := flat(families)
	for series, want := range map[string]float64{
		"llmload_requests_issued_total":                                     23,
		"llmload_requests_in_flight":                                        0,
		"llmload_requests_total{outcome=ok,phase=measured,stage=c=2}":       20,
		"llmload_requests_total{outcome=ok,phase=warmup,stage=c=2}":         3,
		"llmload_requests_total{outcome=http_503,phase=measured,stage=c=2}": 1,
		"llmload_retries_total{stage=c=2}":                                  2,
		"llmload_tokens_total{kind=output,stage=c=2}":                       23 * 5,
		"llmload_ttft_seconds{stage=c=2}":                                   20,
		"llmload_tpot_seconds{stage=c=2}":                                   paced,
		"llmload_e2e_seconds{stage=c=2}":                                    20,
		"llmload_stage_progress_ratio{stage=c=2}":                           1,
	} {
		if v, ok := got[series]; !ok || v != want {
			t.Errorf("%s is %v (there: %v), want %v", series, v, ok, want)
		}
	}
	if families["go_goroutines"] == nil {
		t.Error("nothing of the process itself")
	}
}

// flat is each series by its name and labels; of a histogram its count.
func flat(families map[string]*dto.MetricFamily) map[string]float64 {
	out := map[string]float64{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := name
			if labels != nil {
				key = fmt.Sprintf("%s{%s}", name, strings.Join(labels, ","))
			}
			out[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}
