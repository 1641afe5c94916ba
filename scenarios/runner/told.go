package runner

import (
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/internal/promscrape"
	"github.com/llmload/llmload/results"
)

// tell writes into the summary what the server said.
func (w *watch) tell(s *results.StageSummary, start time.Time, bounds *results.Bounds, ours *results.FirstTokens) {
	if w == nil {
		return
	}
	span, even := w.course.Span()
	out := &results.Server{Readings: w.course.Looks, Failed: w.course.Failed, SpanS: span.Seconds()}
	from, to := edges(start, bounds)
	out.Samples = w.course.Samples(from, to)
	for name, gauge := range map[promscrape.Name]**results.Gauge{
		promscrape.Running: &out.Running, promscrape.Waiting: &out.Waiting, promscrape.CacheUse: &out.CacheUse, promscrape.PowerW: &out.PowerW,
	} {
		*gauge = gaugeOf(w.course.Gauge(name, from, to))
		plot(s.Series, name, start, w.course.Gauge(name, start, time.Now()))
	}
	for name, count := range map[promscrape.Name]**float64{
		promscrape.InputTokens: &out.InputTokens, promscrape.OutputTokens: &out.OutputTokens, promscrape.Preemptions: &out.Preemptions,
	} {
		*count = w.delta(name)
	}
	out.CacheHitRatio = over(w.delta(promscrape.CacheHits), w.delta(promscrape.CacheQueries))
	if mj := w.delta(promscrape.EnergyMJ); mj != nil {
		j := *mj / 1000
		out.EnergyJ = &j
	}
	if even { // what draws the power and what makes the tokens are two sources
		out.JPerOutToken = over(out.EnergyJ, out.OutputTokens)
	}
	out.Speculative = w.speculative(from, to)
	out.TTFT = w.ttft(s.Load.Stream, ours)
	s.Server = out
}

// edges are the measured window's; one that was never set lies behind everything.
func edges(start time.Time, bounds *results.Bounds) (from, to time.Time) {
	far := time.Now().Add(time.Hour)
	from, to = far, far
	if ns, ok := bounds.Start(); ok {
		from = start.Add(time.Duration(ns))
	}
	if ns, ok := bounds.End(); ok {
		to = start.Add(time.Duration(ns))
	}
	return from, to
}

func (w *watch) delta(name promscrape.Name) *float64 {
	if v, ok := w.course.Delta(name); ok {
		return &v
	}
	return nil
}

// over is a ratio, nil where there is none.
func over(v, of *float64) *float64 {
	if v == nil || of == nil || *of <= 0 {
		return nil
	}
	r := *v / *of
	return &r
}

func gaugeOf(points []promscrape.Point) *results.Gauge {
	if len(points) == 0 {
		return nil
	}
	g := &results.Gauge{Max: points[0].V}
	for _, p := range points {
		g.Mean += p.V / float64(len(points))
		g.Max = max(g.Max, p.V)
	}
	return g
}

// plot puts figures of the moment into the stage's course, the last one of each interval.
func plot(series []results.Point, name promscrape.Name, start time.Time, points []promscrape.Point) {
	i := 0
	for _, p := range points {
		at := p.At.Sub(start).Seconds()
		for i < len(series) && series[i].TS+series[i].DurationS <= at {
			i++
		}
		if i == len(series) {
			return
		}
		if at < series[i].TS {
			continue
		}
		switch into, v := &series[i], p.V; name {
		case promscrape.Running:
			into.ServerRunning = &v
		case promscrape.Waiting:
			into.ServerWaiting = &v
		case promscrape.CacheUse:
			into.ServerCacheUse = &v
		case promscrape.PowerW:
			into.ServerPowerW = &v
		}
	}
}

// speculative is nil where nothing was proposed. Servers that average the length themselves tell nothing else.
func (w *watch) speculative(from, to time.Time) *results.Speculative {
	out := &results.Speculative{
		Drafts: w.delta(promscrape.Drafts), DraftTokens: w.delta(promscrape.Drafted), AcceptedTokens: w.delta(promscrape.Accepted),
	}
	out.AcceptanceRatio = over(out.AcceptedTokens, out.DraftTokens)
	if more := over(out.AcceptedTokens, out.Drafts); more != nil {
		length := 1 + *more
		out.AcceptanceLength = &length
	} else if g := gaugeOf(w.course.Gauge(promscrape.AcceptLength, from, to)); g != nil && g.Max > 0 {
		out.AcceptanceLength = &g.Mean
	}
	if out.AcceptanceLength == nil && out.AcceptanceRatio == nil {
		return nil
	}
	return out
}

// ttft holds the server's histogram against ours.
func (w *watch) ttft(stream bool, ours *results.FirstTokens) *results.ServerTTFT {
	h := w.course.TTFT()
	if h == nil {
		return nil
	}
	out := &results.ServerTTFT{Count: int64(h.Count())}
	if out.Count > 0 {
		out.MeanMS = ms(h.Sum / h.Count() * 1e9)
	}
	out.P50MS, out.P50Bucket = bucketQuantile(h, 0.50)
	out.P99MS, out.P99Bucket = bucketQuantile(h, 0.99)
	ours.Compare(out, stream)
	return out
}

// bucketQuantile is nil where the sample is too small for it, and its value where it lies beyond the last finite bound.
func bucketQuantile(h *promscrape.Histogram, q float64) (value *float64, bucket *[2]float64) {
	if h.Count() < float64(metric.MinSamples(q)) {
		return nil, nil
	}
	v, low, high, ok := h.Quantile(q)
	if !ok {
		return nil, nil
	}
	return ms(v * 1e9), &[2]float64{low * 1e3, high * 1e3}
}
