package runner

import (
	"context"
	"fmt"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// The limits over which a stage is invalid: the run measured the tool, the cache or another length than it says.
const (
	maxLateMS      = 10.0 // with maxLateShare: a delay this small never matters
	maxLateShare   = 0.10 // of the stage's median TTFT (E2E of plain calls)
	maxCPURatio    = 0.95
	maxCachedShare = 0.02
	maxOutputError = 0.02
)

// judge adds what a reader must know to the stage's warnings, and what spoils it to the run's reasons.
func (sr *stageRun) judge(s *results.StageSummary) {
	invalid := func(format string, args ...any) {
		sr.result.Invalid = append(sr.result.Invalid, s.Name+": "+fmt.Sprintf(format, args...))
	}
	if s.Requests.Issued > 0 && s.Requests.Succeeded == 0 {
		invalid("no request succeeded; the first error: %s", sr.failure)
		return
	}
	if late, stat := dispatchDelay(s); matters(late, s) {
		invalid("llmload sent requests %.1f ms late (%s), over %.0f%% of the median latency; lower the load or use a faster machine", late, stat, 100*maxLateShare)
	}
	if lag := s.Instrument.LagP99MS; lag != nil && matters(*lag, s) {
		s.Warnings = append(s.Warnings, fmt.Sprintf("this process was woken up to %.1f ms late (p99): its times may be as much too long; free the machine's CPU", *lag))
	}
	if c := s.Instrument.CPURatio; c != nil && *c > maxCPURatio {
		invalid("llmload used %.0f%% of its CPU; the figures are the client's, not the server's; lower the load or give it more cores", 100**c)
	}
	sr.judgeTokens(s, invalid)
	if c := sr.stage.Concurrency; c > 1 && sr.stage.Requests > 0 && sr.stage.Requests < 4*sr.stage.InFlight() {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d requests are few for %d in flight: throughput is of a short window", sr.stage.Requests, sr.stage.InFlight()))
	}
}

func (sr *stageRun) judgeTokens(s *results.StageSummary, invalid func(string, ...any)) {
	t := s.Tokens
	if t.Input > 0 {
		share := float64(t.Cached) / float64(t.Input)
		switch {
		case sr.stage.Prompts.Cache == scenarios.Cold && share > maxCachedShare:
			invalid("%.1f%% of the input came from the server's prefix cache though prompts are cold; the server caches across different prompts", 100*share)
		case t.Cached > 0:
			s.Warnings = append(s.Warnings, fmt.Sprintf("%.1f%% of the input tokens came from the server's prefix cache", 100*share))
		}
	}
	if sr.stage.Output.Mode != scenarios.Exact || t.RequestedOutput == 0 || t.Output == 0 {
		return
	}
	if off := float64(t.Output)/float64(t.RequestedOutput) - 1; off > maxOutputError || off < -maxOutputError {
		invalid("answers had %+.1f%% of the tokens asked for; the server does not take ignore_eos: use output mode cap or natural", 100*off)
	}
}

// dispatchDelay is the highest quantile of the tool's lateness that the sample resolves; 0 where it resolves none.
func dispatchDelay(s *results.StageSummary) (ms float64, stat string) {
	for _, stat := range []string{"p99", "p90"} {
		if v, state := s.Metrics[metric.DispatchDelay].Quantile(stat); state == results.Value {
			return v, stat
		}
	}
	return 0, ""
}

// matters reports whether a delay of the tool can be seen in the stage's latencies.
func matters(ms float64, s *results.StageSummary) bool {
	return ms > maxLateMS && ms > maxLateShare*typical(s)
}

// typical is a stage's median time to first token in ms, or median duration where answers come whole.
func typical(s *results.StageSummary) float64 {
	for _, name := range []metric.Name{metric.TTFT, metric.E2E} {
		if m := s.Metrics[name]; m != nil && m.OKP50 != nil {
			return *m.OKP50
		}
	}
	return 0
}

// conserve checks the books: what was issued has an outcome, and what was written reached the server.
func (r *run) conserve(ctx context.Context) {
	t := &r.totals
	c := results.Conservation{
		Issued: r.issued, Outcomes: t.outcomes.Load(), Attempts: t.attempts.Load(), Dispatched: t.dispatched.Load(), Written: t.written.Load(),
	}
	c.Retries = c.Attempts - c.Dispatched
	if n, known, err := r.target.AttemptsSeen(ctx); err == nil && known {
		c.ServerAttempts = &n
	}
	switch {
	case c.Issued != c.Outcomes:
		c.Broken = fmt.Sprintf("%d requests were issued, %d have an outcome", c.Issued, c.Outcomes)
	case c.ServerAttempts != nil && *c.ServerAttempts != c.Written && !r.result.Interrupted:
		c.Broken = fmt.Sprintf("%d attempts were written, the server saw %d", c.Written, *c.ServerAttempts)
	}
	c.Holds = c.Broken == ""
	r.result.Conservation = c
	if !c.Holds {
		r.result.Invalid = append(r.result.Invalid, "the books do not balance: "+c.Broken+"; please report this as a bug of llmload")
	}
}
