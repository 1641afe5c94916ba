package cli

import (
	"cmp"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios/runner"
)

// exposed is a run as Prometheus sees it, on an address of its own while the run lasts.
type exposed struct {
	server *http.Server
	live   *runner.Live

	issued, inFlight, progress *prometheus.Desc
	ended                      *prometheus.CounterVec
	retries                    *prometheus.CounterVec
	tokens                     *prometheus.CounterVec
	times                      map[metric.Name]*prometheus.HistogramVec
}

// Buckets grow by the square root of two: a quantile is known to 20% either way.
func secondsFrom(least, most float64) []float64 {
	return prometheus.ExponentialBuckets(least, math.Sqrt2, 1+int(math.Ceil(2*math.Log2(most/least))))
}

func newExposed(live *runner.Live) *exposed {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "llmload_" + name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "llmload_" + name, Help: help, Buckets: buckets}, []string{"stage"})
	}
	return &exposed{
		live:     live,
		issued:   prometheus.NewDesc("llmload_requests_issued_total", "Requests sent, or given up in the queue; warm-up and tail included.", nil, nil),
		inFlight: prometheus.NewDesc("llmload_requests_in_flight", "Requests sent whose answer has not ended.", nil, nil),
		progress: prometheus.NewDesc("llmload_stage_progress_ratio", "How much of the stage under way is over.", []string{"stage"}, nil),
		ended:    counter("requests_total", "Requests that ended, by outcome; phase is warmup, measured or tail.", "stage", "phase", "outcome"),
		retries:  counter("retries_total", "Attempts behind a request's first.", "stage"),
		tokens:   counter("tokens_total", "Tokens of requests that succeeded, as the server counts; cached is part of input, reasoning of output.", "stage", "kind"),
		times: map[metric.Name]*prometheus.HistogramVec{
			metric.TTFT: histogram("ttft_seconds", "First token - dispatched, of measured successes.", secondsFrom(0.001, 600)),
			metric.TPOT: histogram("tpot_seconds", "Time per output token, of measured successes.", secondsFrom(0.0001, 10)),
			metric.E2E:  histogram("e2e_seconds", "End - start of the last attempt, of measured successes.", secondsFrom(0.001, 3600)),
		},
	}
}

// Describe implements prometheus.Collector, for what is read when it is asked for.
func (e *exposed) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{e.issued, e.inFlight, e.progress} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (e *exposed) Collect(out chan<- prometheus.Metric) {
	p := e.live.Look()
	out <- prometheus.MustNewConstMetric(e.issued, prometheus.CounterValue, float64(p.Issued))
	out <- prometheus.MustNewConstMetric(e.inFlight, prometheus.GaugeValue, float64(p.InFlight))
	if p.Stage != "" {
		of, _ := share(p, time.Now())
		out <- prometheus.MustNewConstMetric(e.progress, prometheus.GaugeValue, of, p.Stage)
	}
}

// record counts a request that has ended. It takes no lock that another request waits for.
func (e *exposed) record(r *results.Record) {
	phase := "measured"
	switch {
	case r.Warmup:
		phase = "warmup"
	case r.Tail:
		phase = "tail"
	}
	e.ended.WithLabelValues(r.Stage, phase, string(r.Outcome)).Inc()
	e.retries.WithLabelValues(r.Stage).Add(float64(max(0, len(r.Attempts)-1))) // 0 too: a rate needs a series that began there
	if r.Outcome != results.OK {
		return
	}
	for kind, n := range map[string]int{"input": r.Tokens.Input, "cached": r.Tokens.Cached, "reasoning": r.Tokens.Reasoning, "output": r.Tokens.Output} {
		e.tokens.WithLabelValues(r.Stage, kind).Add(float64(n))
	}
	for name, h := range e.times {
		if ns, ok := r.Value(name); ok && r.Measured() {
			h.WithLabelValues(r.Stage).Observe(float64(ns) / 1e9)
		}
	}
}

// handler serves GET /metrics.
func (e *exposed) handler() http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(e, e.ended, e.retries, e.tokens, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, h := range e.times {
		reg.MustRegister(h)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	return mux
}

// close ends the serving. A nil one serves nothing.
func (e *exposed) close() {
	if e != nil {
		_ = e.server.Close() // the run is over, whatever a reader has of it
	}
}

// metricsAddr is where a run is to be exposed, empty for nowhere. A port alone is one of this host: who wants others to
// read writes 0.0.0.0:PORT.
func metricsAddr(c *cli.Context) (addr string, err error) {
	text := c.String("metrics-addr")
	if text == "" {
		return "", nil
	}
	if !strings.Contains(text, ":") {
		text = ":" + text
	}
	host, port, err := net.SplitHostPort(text)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return "", usage("--metrics-addr %q: write a PORT, or HOST:PORT", c.String("metrics-addr"))
	}
	return net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port), nil
}

// expose serves the run at an address, and says where.
func (sys IO) expose(addr string, live *runner.Live) (*exposed, error) {
	if addr == "" {
		return nil, nil
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot expose the run's metrics: %w; choose another --metrics-addr", err)
	}
	e := newExposed(live)
	e.server = &http.Server{Handler: e.handler(), ReadHeaderTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
	go func() { _ = e.server.Serve(ln) }() // it ends with close
	fmt.Fprintf(sys.Err, "llmload: the run's metrics are at http://%s/metrics while it lasts\n", ln.Addr())
	return e, nil
}
