package promscrape_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/promscrape"
)

const vllm = `# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 5.0
vllm:num_requests_running{engine="1",model_name="m"} 3.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.5
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.25
# TYPE vllm:gpu_cache_usage_perc gauge
vllm:gpu_cache_usage_perc{engine="0",model_name="m"} 0.9
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0",model_name="m"} 1000.0
# TYPE vllm:spec_decode_num_drafts_total counter
vllm:spec_decode_num_drafts_total{engine="0",model_name="m"} 10.0
# TYPE vllm:spec_decode_num_accepted_tokens_total counter
vllm:spec_decode_num_accepted_tokens_total{engine="0",model_name="m"} 25.0
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{le="0.1",model_name="m"} 10.0
vllm:time_to_first_token_seconds_bucket{le="0.25",model_name="m"} 30.0
vllm:time_to_first_token_seconds_bucket{le="+Inf",model_name="m"} 40.0
vllm:time_to_first_token_seconds_count{model_name="m"} 40.0
vllm:time_to_first_token_seconds_sum{model_name="m"} 8.0
`

const sglang = `# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{model_name="m",tp_rank="0"} 7
# TYPE sglang:num_queue_reqs gauge
sglang:num_queue_reqs{model_name="m"} 1
# TYPE sglang:token_usage gauge
sglang:token_usage{model_name="m"} 0.28
# TYPE sglang:spec_accept_length gauge
sglang:spec_accept_length{model_name="m"} 3.2
# TYPE sglang:prompt_tokens_total counter
sglang:prompt_tokens_total{model_name="m"} 8.128902e+06
`

const dcgm = `# TYPE DCGM_FI_DEV_POWER_USAGE gauge
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-1"} 310.5
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-2"} 289.5
# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-1"} 1000
`

func TestServersAreReadUnderOneSetOfNames(t *testing.T) {
	for _, c := range []struct {
		name, page string
		want       map[promscrape.Name]float64
	}{
		{"vLLM with two engines: requests add up, shares are averaged, the newer name of a figure wins", vllm, map[promscrape.Name]float64{
			promscrape.Running: 8, promscrape.Waiting: 2, promscrape.CacheUse: 0.375, promscrape.OutputTokens: 1000, promscrape.Drafts: 10, promscrape.Accepted: 25,
		}},
		{"SGLang", sglang, map[promscrape.Name]float64{
			promscrape.Running: 7, promscrape.Waiting: 1, promscrape.CacheUse: 0.28, promscrape.AcceptLength: 3.2, promscrape.InputTokens: 8128902,
		}},
		{"dcgm-exporter: the power of all GPUs", dcgm, map[promscrape.Name]float64{promscrape.PowerW: 600, promscrape.EnergyMJ: 1000}},
		{"a server that tells of none of these", "# TYPE up gauge\nup 1\n", map[promscrape.Name]float64{}},
		{"a figure that is no number is none", "vllm:num_requests_running NaN\n", map[promscrape.Name]float64{}},
	} {
		r, err := promscrape.Parse(strings.NewReader(c.page))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !maps.Equal(r.Values, c.want) {
			t.Errorf("%s:\n got %v\nwant %v", c.name, r.Values, c.want)
		}
	}
}

func TestQuantilesAreThoseOfPrometheus(t *testing.T) {
	r, err := promscrape.Parse(strings.NewReader(vllm))
	if err != nil {
		t.Fatal(err)
	}
	h := r.TTFT
	if h.Count() != 40 || h.Sum != 8 {
		t.Fatalf("%v values, sum %v", h.Count(), h.Sum)
	}
	for _, c := range []struct {
		q, want, low, high float64
		ok                 bool
	}{
		{0.25, 0.1, 0, 0.1, true},     // the tenth of ten in the first bucket
		{0.5, 0.175, 0.1, 0.25, true}, // the tenth of twenty between 0.1 and 0.25
		{0.99, 0, 0.25, math.Inf(1), false},
	} {
		v, low, high, ok := h.Quantile(c.q)
		if ok != c.ok || math.Abs(v-c.want) > 1e-12 || low != c.low || high != c.high {
			t.Errorf("q %v: %v in (%v, %v], %v", c.q, v, low, high, ok)
		}
	}
}

// page is a look at one source, at a second.
func page(t *testing.T, second int, texts ...string) promscrape.Look {
	t.Helper()
	l := promscrape.Look{At: time.Unix(int64(second), 0)}
	for i, text := range texts {
		l.Names = append(l.Names, fmt.Sprintf("http://s%d/metrics", i))
		if text == "" {
			l.Readings, l.Errs = append(l.Readings, nil), append(l.Errs, fmt.Errorf("http://s%d/metrics: it answered 503", i))
			continue
		}
		r, err := promscrape.Parse(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		l.Readings, l.Errs = append(l.Readings, r), append(l.Errs, nil)
	}
	return l
}

func serving(running, made int) string {
	return fmt.Sprintf("vllm:num_requests_running %d\nvllm:generation_tokens_total %d\n", running, made)
}

func TestACourseHasDeltasOfCountsAndMomentsInsideTheWindow(t *testing.T) {
	var c promscrape.Course
	for i, l := range [][2]int{{0, 100}, {4, 150}, {6, 200}, {9, 260}, {0, 300}} {
		c.Add(page(t, i, serving(l[0], l[1])))
	}
	if v, ok := c.Delta(promscrape.OutputTokens); v != 200 || !ok {
		t.Errorf("%v tokens, %v", v, ok)
	}
	points := c.Gauge(promscrape.Running, time.Unix(0, 0), time.Unix(3, 0))
	if len(points) != 3 || points[0].V != 4 || points[2].V != 9 {
		t.Errorf("inside (0, 3]: %v", points)
	}
	if _, ok := c.Delta(promscrape.Drafts); ok {
		t.Error("a count that no source tells of has a delta")
	}
	if w := c.Warnings(); w != nil {
		t.Error(w)
	}
}

func TestACountThatComesWithItsFirstEventBeganAtZero(t *testing.T) {
	var c promscrape.Course
	c.Add(page(t, 0, "up 1\n"))
	c.Add(page(t, 1, vllm))
	if v, ok := c.Delta(promscrape.Accepted); v != 25 || !ok {
		t.Errorf("%v, %v", v, ok)
	}
	if h := c.TTFT(); h.Count() != 40 {
		t.Errorf("%v first tokens", h.Count())
	}
}

func TestASourceThatFailsSpoilsNoSum(t *testing.T) {
	var c promscrape.Course
	c.Add(page(t, 0, serving(1, 100), serving(1, 1000)))
	c.Add(page(t, 1, serving(5, 110), "")) // half of the requests in flight are not known
	c.Add(page(t, 2, serving(5, 120), serving(7, 1100)))
	points := c.Gauge(promscrape.Running, time.Unix(0, 0), time.Unix(2, 0))
	if len(points) != 1 || points[0].V != 12 {
		t.Errorf("running %v", points)
	}
	if v, _ := c.Delta(promscrape.OutputTokens); v != 120 {
		t.Errorf("%v tokens of both", v)
	}
	if w := c.Warnings(); len(w) != 1 || !strings.Contains(w[0], "1 of 3 times: http://s1/metrics: it answered 503") || strings.Contains(w[0], "missing") {
		t.Error(w)
	}
}

func TestASourceWithoutAStartHasNoCounts(t *testing.T) {
	var c promscrape.Course
	c.Add(page(t, 0, "", serving(1, 1000)))
	c.Add(page(t, 1, serving(5, 120), serving(7, 1100)))
	if v, _ := c.Delta(promscrape.OutputTokens); v != 100 {
		t.Errorf("%v tokens: what was made before the stage must not count", v)
	}
	if w := c.Warnings(); len(w) != 1 || !strings.Contains(w[0], "its counts, which need a reading at the stage's start, are missing") {
		t.Error(w)
	}
}

func TestCountsReachUntilTheLastLookThatWasAnswered(t *testing.T) {
	var c promscrape.Course
	c.Add(page(t, 0, serving(1, 100), serving(1, 1000)))
	c.Add(page(t, 4, serving(5, 150), serving(5, 1500)))
	c.Add(page(t, 5, "", serving(5, 1600)))
	if v, ok := c.Delta(promscrape.OutputTokens); v != 50+600 || !ok {
		t.Errorf("%v tokens, %v", v, ok)
	}
	if span, even := c.Span(); span != 5*time.Second || even {
		t.Errorf("counts are of %v, of all sources %v", span, even)
	}
	if w := c.Warnings(); len(w) != 1 || !strings.Contains(w[0], "its counts reach until the last reading, 4.0 s of 5.0 s into the stage") {
		t.Error(w)
	}
	c.Add(page(t, 6, "", ""))
	if span, _ := c.Span(); span != 5*time.Second {
		t.Errorf("counts are of %v", span)
	}
	c.Add(page(t, 7, serving(0, 200), serving(0, 2000)))
	if span, even := c.Span(); span != 7*time.Second || !even {
		t.Errorf("counts are of %v, of all sources %v", span, even)
	}
}

func TestASourceThatAnsweredOnlyOnceHasNoCounts(t *testing.T) {
	var c promscrape.Course
	c.Add(page(t, 0, serving(1, 100)))
	c.Add(page(t, 1, ""))
	if v, ok := c.Delta(promscrape.OutputTokens); ok {
		t.Errorf("%v tokens in no time", v)
	}
	if w := c.Warnings(); len(w) != 1 || !strings.Contains(w[0], "need a reading behind the stage's start, are missing") {
		t.Error(w)
	}
}

func TestAServerThatWasStartedAnewHasNoCounts(t *testing.T) {
	var c promscrape.Course
	c.Add(page(t, 0, vllm))
	c.Add(page(t, 1, serving(1, 30)))
	if _, ok := c.Delta(promscrape.OutputTokens); ok || c.TTFT() != nil {
		t.Error("counts over a restart")
	}
	if w := c.Warnings(); len(w) != 1 || !strings.Contains(w[0], "started anew") {
		t.Error(w)
	}
}

// In a long stage the new server may have counted more than the old one had when the stage began.
func TestARestartIsSeenWhenTheCountsHaveCaughtUp(t *testing.T) {
	for name, between := range map[string]promscrape.Look{
		"at once":             page(t, 1, serving(1, 30)),
		"after a failed look": page(t, 1, ""),
	} {
		var c promscrape.Course
		c.Add(page(t, 0, serving(1, 100)))
		c.Add(between)
		c.Add(page(t, 2, serving(1, 40)))
		c.Add(page(t, 3, serving(1, 500)))
		if v, ok := c.Delta(promscrape.OutputTokens); ok {
			t.Errorf("%s: %v tokens over a restart", name, v)
		}
		if w := strings.Join(c.Warnings(), ";"); !strings.Contains(w, "started anew") {
			t.Errorf("%s: %q", name, w)
		}
	}
}

func TestALongCourseKeepsItsShapeInBoundedMemory(t *testing.T) {
	var c promscrape.Course
	one := page(t, 0, serving(3, 1))
	for i := range 20_000 {
		one.At = time.Unix(int64(i), 0)
		c.Add(one)
	}
	points := c.Gauge(promscrape.Running, time.Unix(-1, 0), time.Unix(20_000, 0))
	if n := len(points); n < 1800 || n > 3600 {
		t.Errorf("%d points are kept", n)
	}
	if first, last := points[0].At.Unix(), points[len(points)-1].At.Unix(); first > 20 || last < 19_980 {
		t.Errorf("from %d to %d", first, last)
	}
	if c.Looks != 20_000 {
		t.Errorf("%d looks", c.Looks)
	}
}

func TestWhatIsWrongWithASourceIsSaidWithoutItsSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		want  string
	}{
		"a status":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, "it answered 403 Forbidden"},
		"a web page": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello") }, "it is a web page"},
		"other text": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello, world!\n") }, "it is not in Prometheus' text format"},
		"no end": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			line := strings.Repeat("# filler\n", 10_000)
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, line); err != nil {
					return
				}
			}
		}, "it is longer than 8 MiB"},
	} {
		late := "no answer in 2s" // a machine that has 8 MiB in no 2 s has met the other bound

		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.serve)
			defer server.Close()
			s := promscrape.New([]string{server.URL + "/metrics?key=sesame"})
			defer s.Close()
			look := s.Look(t.Context())
			err := look.Errs[0]
			if err == nil || look.Readings[0] != nil || !strings.HasPrefix(err.Error(), server.URL+"/metrics: "+c.want) && !(name == "no end" && strings.Contains(err.Error(), late)) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestALookEndsWithItsContext(t *testing.T) {
	arrived := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	s := promscrape.New([]string{server.URL, "http://127.0.0.1:1/metrics"})
	defer s.Close()
	for _, err := range s.Look(ctx).Errs {
		if err == nil {
			t.Error("no error")
		}
	}
}
