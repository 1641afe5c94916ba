package results

import (
	"fmt"
	"math"

	"github.com/llmload/llmload/internal/metric"
)

// Summarize returns the stage's answer so far. StopReason is left to the caller, and of Instrument all but what
// records tell: the kernel's stamps and the share of reads with several events. An end of the window
// that was never set is the last request's end; a start that was never set makes an empty window, without rates.
func (c *Collector) Summarize() StageSummary {
	s := StageSummary{
		Name:     c.info.Name,
		Load:     c.info.Load,
		SLO:      append([]Limit{}, c.info.SLO...),
		Window:   c.measured(),
		Requests: c.requests,
		Outcomes: make(map[Outcome]int64, len(c.outcomes)),
		Attempts: c.attempts,
		Retries:  c.retries,
		Wasted:   c.wasted,
		Tokens:   c.tokens,
		Metrics:  c.metrics(),
		Groups:   c.summarizeGroups(),
		Series:   c.course.points(),
	}
	addAll(s.Outcomes, c.outcomes)
	s.Tokens.Source = c.source()
	if ranked := c.requests.Issued - c.requests.Cancelled; ranked > 0 {
		s.Success = ratio(c.requests.Succeeded, ranked)
		if len(c.slo) > 0 {
			s.Goodput.Attainment = ratio(c.attained, ranked)
		}
	}
	if c.sent > 0 {
		s.Amplification = ratio(c.attempts, c.sent)
	}
	if c.reads.all > 0 {
		s.Instrument.MultiEventReads = ratio(c.reads.multi, c.reads.all)
	}
	s.Instrument.KernelToReadP50MS = c.kernelQuantile(0.50)
	s.Instrument.KernelToReadP99MS = c.kernelQuantile(0.99)
	if n := c.kernel.Count() + c.reads.unstamped; n > 0 {
		s.Instrument.UnstampedReads = ratio(c.reads.unstamped, n)
	}
	c.rates(&s)
	s.Warnings = c.warnings()
	return s
}

// kernelQuantile is in milliseconds, nil where there are too few stamps for it.
func (c *Collector) kernelQuantile(q float64) *float64 {
	if c.kernel.Count() < int64(metric.MinSamples(q)) {
		return nil
	}
	v := float64(c.kernel.Quantile(q)) / 1e6
	return &v
}

// Histograms returns the stage's distributions. They are the collector's own: read them after the last Add.
func (c *Collector) Histograms() StageHistograms {
	hs := StageHistograms{Stage: c.info.Name, Metrics: map[metric.Name]*Histogram{}}
	hs.StartNS, hs.EndNS = c.edges()
	for d := range c.dist {
		if c.dist[d].Count() > 0 {
			hs.Metrics[distribution(d).name()] = &c.dist[d]
		}
	}
	return hs
}

// edges returns the window, with the last request's end for an end that was never set; both are 0 without a start.
func (c *Collector) edges() (start, end int64) {
	start, ok := c.bounds.Start()
	if !ok {
		return 0, 0
	}
	if end, ok = c.bounds.End(); !ok {
		end = c.lastNS
	}
	return start, max(start, end)
}

func (c *Collector) measured() Window {
	start, end := c.edges()
	w := Window{StartS: float64(start) / 1e9, DurationS: float64(end-start) / 1e9}
	if end > 0 {
		w.DrainS = float64(max(c.lastNS-end, 0)) / 1e9
	}
	return w
}

// rates divides what came inside the window by its length; an empty window has none.
func (c *Collector) rates(s *StageSummary) {
	start, end := c.edges()
	if end <= start {
		return
	}
	seconds := float64(end-start) / 1e9
	per := func(parts int64) *float64 { v := float64(parts) / whole / seconds; return &v }
	s.Throughput = Throughput{
		RequestsPerS:     per(c.window.succeeded),
		OutputTokensPerS: per(c.window.output),
		InputTokensPerS:  per(c.window.input),
		TotalTokensPerS:  per(c.window.input + c.window.output),
	}
	if n := c.info.GPUs; n > 0 {
		v := *s.Throughput.OutputTokensPerS / float64(n)
		s.Throughput.TokensPerSPerGPU = &v
	}
	if len(c.slo) > 0 {
		s.Goodput.RequestsPerS = per(c.window.attained)
	}
}

// metrics describes every distribution that the stage's answers can have.
func (c *Collector) metrics() map[metric.Name]*Metric {
	all := map[metric.Name]*Metric{}
	for d := range nDistributions {
		h := &c.dist[d]
		switch {
		case d.streamed() && !c.info.Load.Stream:
		case d == distITL && h.Count() == 0: // tokens of an arrival were not known
		default:
			all[d.name()] = newMetric(h, c.unranked[d])
		}
	}
	return all
}

func (c *Collector) source() string {
	if len(c.sources) > 1 {
		return "mixed"
	}
	for source := range c.sources {
		return string(source)
	}
	return ""
}

// lengthTolerance is how far served lengths may be off before it is worth a word.
const lengthTolerance = 0.02

// warnings says what a reader must know before believing the figures.
func (c *Collector) warnings() []string {
	w := []string{}
	if n := c.sources[FromEvents]; n > 0 {
		w = append(w, fmt.Sprintf("%d of %d answers carried no usage: their tokens are counted as one a content event",
			n, c.requests.Succeeded))
	}
	if asked, served := c.tokens.RequestedOutput, c.tokens.Output; asked > 0 {
		if off := float64(served)/float64(asked) - 1; math.Abs(off) > lengthTolerance {
			w = append(w, fmt.Sprintf("answers had %d output tokens where %d were asked for (%+.1f%%)", served, asked, 100*off))
		}
	}
	w = append(w, c.warnGroups()...)
	for d := range nDistributions {
		if n := c.dist[d].Under(); n > 0 {
			w = append(w, fmt.Sprintf("%s below 0, counted as 0 because stamps are out of order: %d", d.name(), n))
		}
		if n := c.dist[d].Over(); n > 0 {
			w = append(w, fmt.Sprintf("%s above one hour, ranked as one hour: %d", d.name(), n))
		}
	}
	return w
}

func ratio(n, of int64) *float64 {
	v := float64(n) / float64(of)
	return &v
}
