package mockserver_test

import (
	"fmt"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/llmload/llmload/mockserver"
)

// scrape reads /metrics as a Prometheus server does.
func scrape(t *testing.T, s *mockserver.Server) map[string]*dto.MetricFamily {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	return families
}

// value is a family's only number of a model, and of a reason where one is given.
func value(t *testing.T, families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	t.Helper()
	for _, m := range families["vllm:"+name].GetMetric() {
		var got []string
		for _, l := range m.GetLabel() {
			got = append(got, l.GetValue())
		}
		for _, l := range labels {
			if !slices.Contains(got, l) {
				got = nil
			}
		}
		switch {
		case got == nil:
		case m.Gauge != nil:
			return m.GetGauge().GetValue()
		case m.Counter != nil:
			return m.GetCounter().GetValue()
		default:
			return float64(m.GetHistogram().GetSampleCount())
		}
	}
	return math.NaN()
}

func TestMetricsAreThoseOfTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {ttft: 200ms, itl: 10ms, max_num_seqs: 2}\nprefix_cache: true\nmodels: [{id: demo-8b}, {id: b}]")
		c := pipe(t, s)
		time.Sleep(time.Hour) // virtual: arrivals are not at the clock's zero
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				r, err := call(t.Context(), c, "http://h"+chatPath, chat(32, fmt.Sprintf(`,"max_tokens":11,"stream":%t`, i == 0)))
				if err != nil {
					t.Error(err)
					return
				}
				readAll(t, r)
			})
			synctest.Wait()
		}
		time.Sleep(250 * time.Millisecond) // virtual
		families := scrape(t, s)
		if run, wait := value(t, families, "num_requests_running"), value(t, families, "num_requests_waiting"); run != 2 || wait != 1 {
			t.Errorf("%v running, %v waiting", run, wait)
		}
		wg.Wait()
		_, _ = s.Drain(t.Context())
		checkMetrics(t, scrape(t, s))
	})
}

func checkMetrics(t *testing.T, families map[string]*dto.MetricFamily) {
	t.Helper()
	for _, c := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"num_requests_running", []string{"demo-8b"}, 0},
		{"num_requests_waiting", nil, 0},
		{"kv_cache_usage_perc", nil, 0},
		{"gpu_cache_usage_perc", nil, 0},
		{"prompt_tokens_total", []string{"demo-8b"}, 96},
		{"generation_tokens_total", nil, 33},
		{"prefix_cache_queries_total", nil, 96},
		{"prefix_cache_hits_total", nil, 32}, // two of three prompts find a block of 16
		{"request_success_total", []string{"length"}, 3},
		{"time_to_first_token_seconds", nil, 3},
		{"inter_token_latency_seconds", nil, 30},
		{"time_per_output_token_seconds", nil, 30},
		{"e2e_request_latency_seconds", nil, 3},
		{"request_queue_time_seconds", nil, 3},
	} {
		if got := value(t, families, c.name, c.labels...); got != c.want {
			t.Errorf("%s %v is %v, want %v", c.name, c.labels, got, c.want)
		}
	}
	// The third waited for a place: 300 ms, then its own 200 and 100.
	for name, want := range map[string]float64{
		"time_to_first_token_seconds": 0.2 + 0.2 + 0.5, "e2e_request_latency_seconds": 0.3 + 0.3 + 0.6, "request_queue_time_seconds": 0.3, "inter_token_latency_seconds": 0.3,
	} {
		if got := families["vllm:"+name].GetMetric()[0].GetHistogram().GetSampleSum(); math.Abs(got-want) > 1e-9 {
			t.Errorf("the sum of %s is %v, want %v", name, got, want)
		}
	}
	h := families["vllm:time_to_first_token_seconds"].GetMetric()[0].GetHistogram()
	if b := h.GetBucket(); len(b) != 23 || b[0].GetUpperBound() != 0.001 || b[21].GetUpperBound() != 2560 {
		t.Errorf("buckets %v", b)
	}
}

func TestWhatIsNotFinishedIsAborted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {ttft: 200ms, itl: 10ms}")
		c := pipe(t, s)
		r, err := call(t.Context(), c, "http://h"+chatPath, chat(5, `,"max_tokens":100,"stream":true`))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(45 * time.Millisecond) // virtual; the headers came with the first token: five are made
		r.Body.Close()
		_, _ = s.Drain(t.Context())
		post(s, chatPath, `{"model":"nope","messages":[{"role":"user","content":"x"}]}`)
		families := scrape(t, s)
		if aborted, made := value(t, families, "request_success_total", "abort"), value(t, families, "generation_tokens_total"); aborted != 1 || made < 5 || made > 6 {
			t.Errorf("%v aborted, %v tokens", aborted, made)
		}
		if n := len(families["vllm:request_success_total"].GetMetric()); n != 1 {
			t.Errorf("%d series; a model that is not there must make none", n)
		}
	})
}

func TestMetricsNeedNoRequest(t *testing.T) {
	for name, f := range scrape(t, serve(t, "engine: {model: step, c0: 1ms, kv_tokens: 1000}")) {
		if !strings.HasPrefix(name, "vllm:") || f.GetHelp() == "" {
			t.Errorf("%s: %q", name, f.GetHelp())
		}
	}
}

func TestSpeculativeDecodingIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, "engine: {ttft: 20ms, itl: 10ms, speculative: {tokens: 4, acceptance: 1}}")
		c := pipe(t, s)
		for range 2 {
			r, err := call(t.Context(), c, "http://h"+chatPath, chat(8, `,"max_tokens":21,"stream":true`))
			if err != nil {
				t.Fatal(err)
			}
			readAll(t, r)
		}
		_, _ = s.Drain(t.Context())
		families := scrape(t, s)
		// A first token and four steps of five: each proposed four, all of them accepted.
		for name, want := range map[string]float64{"drafts_total": 8, "draft_tokens_total": 32, "accepted_tokens_total": 32} {
			if got := value(t, families, "spec_decode_num_"+name, "demo-8b"); got != want {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	})
}

func TestOnlySpeculativeDecodingHasDrafts(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	post(s, chatPath, chat(8, `,"max_tokens":9`))
	for name := range scrape(t, s) {
		if strings.Contains(name, "spec_decode") {
			t.Errorf("%s without speculative decoding", name)
		}
	}
}

func TestAResetForgetsTheMetrics(t *testing.T) {
	s := serve(t, "engine: {model: none}")
	post(s, chatPath, chat(8, `,"max_tokens":9`))
	if n := value(t, scrape(t, s), "generation_tokens_total"); n != 9 {
		t.Fatalf("%v tokens before the reset", n)
	}
	admin(s, "POST", "/admin/reset", "")
	if families := scrape(t, s); families["vllm:generation_tokens_total"] != nil || families["vllm:time_to_first_token_seconds"] != nil {
		t.Errorf("counted after the reset: %v", families)
	}
}
