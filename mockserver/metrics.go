package mockserver

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/llmload/llmload/mockserver/engine"
)

// A metrics is what GET /metrics shows, under the names that vLLM gives it:
// PrometheusStatLogger of vllm/v1/metrics/loggers.py. An attempt is observed
// once, when it ends, from its engine's plan: nothing is counted on the path of
// a token.
type metrics struct {
	http.Handler
	sched *scheduler

	prompt, generated, success         *prometheus.CounterVec
	cacheQueries, cacheHits            *prometheus.CounterVec
	drafts, drafted, accepted          *prometheus.CounterVec // with speculative decoding alone
	firstToken, interToken, perToken   *prometheus.HistogramVec
	endToEnd, queued                   *prometheus.HistogramVec
	running, waiting, cacheUse, gpuUse *prometheus.Desc
	model                              func() string // that of the engine's own figures
	counts                             []interface{ Reset() }
}

// The buckets of vLLM's histograms.
func firstTokenBuckets() []float64 {
	return []float64{
		0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560,
	}
}

func interTokenBuckets() []float64 {
	return []float64{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}
}

func latencyBuckets() []float64 {
	return []float64{0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}
}

func newMetrics(s *Server) *metrics {
	reg := prometheus.NewRegistry()
	labels := []string{"model_name"}
	var counts []interface{ Reset() }
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "vllm:" + name, Help: help}, append(labels, more...))
		reg.MustRegister(c)
		counts = append(counts, c)
		return c
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "vllm:" + name, Help: help, Buckets: buckets}, labels)
		reg.MustRegister(h)
		counts = append(counts, h)
		return h
	}
	gauge := func(name, help string) *prometheus.Desc { return prometheus.NewDesc("vllm:"+name, help, labels, nil) }
	m := &metrics{
		Handler: promhttp.HandlerFor(reg, promhttp.HandlerOpts{}),
		sched:   s.sched,
		model:   func() string { return s.cfg.Load().Models[0].ID },

		prompt:       counter("prompt_tokens_total", "Prompt tokens of sequences that made a token."),
		generated:    counter("generation_tokens_total", "Tokens made, counted when their request ends."),
		success:      counter("request_success_total", "Sequences that ended, by their reason.", "finished_reason"),
		cacheQueries: counter("prefix_cache_queries_total", "Prompt tokens looked up in the prefix cache."),
		cacheHits:    counter("prefix_cache_hits_total", "Prompt tokens found there."),

		drafts:   counter("spec_decode_num_drafts_total", "Steps that tokens were proposed for."),
		drafted:  counter("spec_decode_num_draft_tokens_total", "Tokens proposed."),
		accepted: counter("spec_decode_num_accepted_tokens_total", "Of those, tokens accepted."),

		firstToken: histogram("time_to_first_token_seconds", "Arrival to first token.", firstTokenBuckets()),
		interToken: histogram("inter_token_latency_seconds", "Time between steps of a sequence.", interTokenBuckets()),
		perToken:   histogram("time_per_output_token_seconds", "The same, under its older name.", interTokenBuckets()),
		endToEnd:   histogram("e2e_request_latency_seconds", "Arrival to last token.", latencyBuckets()),
		queued:     histogram("request_queue_time_seconds", "Arrival to admission.", latencyBuckets()),

		running:  gauge("num_requests_running", "Sequences admitted and not ended."),
		waiting:  gauge("num_requests_waiting", "Sequences in the queue."),
		cacheUse: gauge("kv_cache_usage_perc", "KV memory in use, 1 is all; 0 where it is not modelled."),
		gpuUse:   gauge("gpu_cache_usage_perc", "The same, under its older name."),
	}
	m.counts = counts
	reg.MustRegister(m)
	return m
}

// Describe implements prometheus.Collector, for the engine's own figures.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.running, m.waiting, m.cacheUse, m.gpuUse} {
		out <- d
	}
}

// Collect implements prometheus.Collector: one reading of the engine gives all.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	load, model, use := m.sched.load(), m.model(), 0.0
	if load.KVTokens > 0 {
		use = float64(load.KVUsed) / float64(load.KVTokens)
	}
	for _, g := range []struct {
		desc  *prometheus.Desc
		value float64
	}{{m.running, float64(load.Running)}, {m.waiting, float64(load.Waiting)}, {m.cacheUse, use}, {m.gpuUse, use}} {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value, model)
	}
}

// observe counts an attempt that has ended, as far as its engine came.
func (m *metrics) observe(x *exchange) {
	if x.job == nil || x.api == apiEmbeddings {
		return
	}
	now, arrived := x.s.clock.now(), time.Duration(x.rec.ArrivedNS-x.s.clock.anchor)
	for i, c := range x.choices {
		p := planOf(c.seq, now)
		if len(p.times) == 0 {
			continue // refused, or gone before its first token
		}
		m.sequence(x.model, p, arrived)
		m.speculated(x.model, c.seq.Bursts, x.cfg.Engine.Speculative.Tokens, len(p.times))
		if i%x.each == 0 {
			m.prompt.WithLabelValues(x.model).Add(float64(c.seq.In))
		}
		if x.usage.hasCached {
			m.cacheQueries.WithLabelValues(x.model).Add(float64(c.seq.In))
			m.cacheHits.WithLabelValues(x.model).Add(float64(p.cached))
		}
		m.success.WithLabelValues(x.model, p.reason(c)).Inc()
	}
}

// reason is why a sequence ended for its engine, which knows no tools.
func (p plan) reason(c *choice) string {
	switch {
	case len(p.times) < c.seq.Out:
		return "abort"
	case c.finish == "length":
		return "length"
	}
	return "stop"
}

func (m *metrics) sequence(model string, p plan, arrived time.Duration) {
	last := p.times[len(p.times)-1]
	m.generated.WithLabelValues(model).Add(float64(len(p.times)))
	m.firstToken.WithLabelValues(model).Observe((p.times[0] - arrived).Seconds())
	m.queued.WithLabelValues(model).Observe(max(p.admitted-arrived, 0).Seconds())
	m.endToEnd.WithLabelValues(model).Observe((last - arrived).Seconds())
	inter, per := m.interToken.WithLabelValues(model), m.perToken.WithLabelValues(model)
	for i, at := range p.times[1:] {
		if gap := at - p.times[i]; gap > 0 { // tokens of one step come together
			inter.Observe(gap.Seconds())
			per.Observe(gap.Seconds())
		}
	}
}

// speculated counts the steps behind a sequence's first token, of which made is
// how many came: each proposed the same number, and made one more than it accepted.
func (m *metrics) speculated(model string, bursts []int, proposed, made int) {
	steps, accepted := 0, 0
	for at := 1; steps < len(bursts) && at < made; steps++ {
		at += bursts[steps]
		accepted += bursts[steps] - 1
	}
	if steps > 0 {
		m.drafts.WithLabelValues(model).Add(float64(steps))
		m.drafted.WithLabelValues(model).Add(float64(steps * proposed))
		m.accepted.WithLabelValues(model).Add(float64(accepted))
	}
}

// reset forgets all that was counted.
func (m *metrics) reset() {
	for _, c := range m.counts {
		c.Reset()
	}
}

// A plan is what an engine decided of a sequence.
type plan struct {
	times    []time.Duration // of each token that is made by now
	admitted time.Duration
	cached   int
}

// planOf reads a sequence that was released: its engine is done with it, so no
// lock is held while a long plan is copied.
func planOf(q *engine.Seq, now time.Duration) plan {
	p := plan{cached: q.Cached(), times: make([]time.Duration, 0, q.Out)}
	p.admitted, _ = q.Admitted()
	for i := range q.Out {
		at, ok := q.Due(i)
		if !ok || at > now {
			break
		}
		p.times = append(p.times, at)
	}
	return p
}
