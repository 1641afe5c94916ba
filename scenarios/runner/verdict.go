package runner

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// The limits over which a stage is invalid: the run measured the tool, the cache or another length than it says.
const (
	maxLateMS      = 10.0 // with maxLateShare: a delay this small never matters
	maxLateShare   = 0.10 // of the stage's median TTFT (E2E of plain calls)
	maxKernelMS    = 1.0  // half of what arrived lay longer in the kernel, and longer than maxLateShare of the median gap
	maxCPURatio    = 0.95
	maxCachedShare = 0.02
	maxOutputError = 0.02
	maxStageLate   = 0.01 // of a stage's duration: a shard that begins it later than the others by more sends beside them
)

// judgement gathers what a reader must know of a stage: warnings, and reasons for which its figures do not count.
type judgement struct{ warnings, invalid []string }

func (j *judgement) warn(format string, args ...any) {
	j.warnings = append(j.warnings, fmt.Sprintf(format, args...))
}

func (j *judgement) spoil(format string, args ...any) {
	j.invalid = append(j.invalid, fmt.Sprintf(format, args...))
}

// Judge says what a reader must know of a finished stage: warnings, and reasons for which its figures do not count.
// failure is the first failed request's error.
func Judge(stage *scenarios.Stage, s *results.StageSummary, failure string) (warnings, invalid []string) {
	j := judge(stage, s, failure)
	return j.warnings, j.invalid
}

// judge looks at a finished stage. failure is the first failed request's error.
func judge(stage *scenarios.Stage, s *results.StageSummary, failure string) (j judgement) {
	if rule, _, early := strings.Cut(s.StopReason, ": "); early && !strings.Contains(rule, " ") {
		j.warn("ended early, %s", s.StopReason)
	}
	if !j.measured(s, failure) {
		return j
	}
	j.instrument(s)
	j.cache(stage, s)
	j.lengths(stage, s)
	j.load(stage, s)
	j.guesses(stage, s)
	if failed := s.Requests.Failed + s.Requests.TimedOut; failed > 0 && failure != "" && stage.Faults == nil {
		j.warn("%d of %d requests failed; the first error: %s", failed, s.Requests.Issued, failure)
	}
	return j
}

// JudgeMerged says for which reasons a stage of a merged run does not count that no shard can know by itself: quantiles that only all
// their requests resolve.
func JudgeMerged(s *results.StageSummary) (invalid []string) {
	var j judgement
	if j.measured(s, "see the shards'") {
		j.instrument(s)
	}
	return j.invalid
}

// measured reports whether there is anything to judge.
func (j *judgement) measured(s *results.StageSummary, failure string) bool {
	switch {
	case s.Requests.Issued == s.Requests.Cancelled:
		j.spoil("no request was measured")
		return false
	case s.Requests.Succeeded == 0:
		j.spoil("no request succeeded; the first error: %s", failure)
		return false
	}
	return true
}

// instrument holds the tool's own delays against the latencies that they would be taken for.
func (j *judgement) instrument(s *results.StageSummary) {
	if late, stat := dispatchDelay(s); matters(late, s) {
		j.spoil("llmload sent requests %.1f ms late (%s), over %.0f%% of the median latency; lower the load or use a faster machine", late, stat, 100*maxLateShare)
	}
	if lag := s.Instrument.LagP99MS; lag != nil && matters(*lag, s) {
		j.spoil("llmload was woken %.1f ms late (p99), over %.0f%% of the median latency: its times may be as much too long; free the machine's CPU or run llmload on another", *lag, 100*maxLateShare)
	}
	j.kernel(s)
	if late := s.Instrument.ServerLateP99MS; late != nil && matters(*late, s) {
		j.spoil("the mock server wrote its tokens %.1f ms late (p99), over %.0f%% of the median latency: it could not keep its own plan; lower the load or free the machine's CPU", *late, 100*maxLateShare)
	}
	if c := s.Instrument.CPURatio; c != nil && *c > maxCPURatio {
		j.spoil("llmload used %.0f%% of its CPU; the figures are the client's, not the server's; lower the load or give it more cores", 100**c)
	}
}

// kernel holds what lay between the kernel's receipt and our stamps against the latencies (p99), and against the gaps between
// arrivals (p50): a client that reads late brings several events at once and smooths the gaps that it reports.
func (j *judgement) kernel(s *results.StageSummary) {
	remedy := "free the machine's CPU, lower the load or run llmload on another"
	if late := s.Instrument.KernelToReadP99MS; late != nil && matters(*late, s) {
		j.spoil("llmload read %.1f ms after the kernel had the data (p99), over %.0f%% of the median latency; %s", *late, 100*maxLateShare, remedy)
	}
	if late := s.Instrument.KernelToReadP50MS; late != nil && *late > maxKernelMS && *late > maxLateShare*pace(s) {
		j.spoil("llmload read half of the data %.1f ms or more after the kernel had it, over %.0f%% of the median gap: the gaps are the client's, not the server's; %s", *late, 100*maxLateShare, remedy)
	}
	if step := s.Instrument.ClockStepMS; step != nil {
		j.warn("this machine's clock was stepped by %.1f ms while the stage ran; arrivals around that moment have no kernel stamp, and clocks of other hosts may have moved too", *step)
	}
}

// load says where the client's own limits shaped what was measured.
func (j *judgement) load(stage *scenarios.Stage, s *results.StageSummary) {
	if n := s.Requests.Issued; !stage.Open() && stage.InFlight() > 1 && n < 4*int64(stage.InFlight()) {
		j.warn("%d requests are few for %d in flight: throughput is of a short window", n, stage.InFlight())
	}
	if wait := s.Metrics[metric.QueueDelay]; stage.Open() && wait != nil && wait.P50 != nil && *wait.P50 > 1 {
		j.warn("half of the requests waited %.1f ms or more for one of the %d places of max_in_flight", *wait.P50, stage.InFlight())
	}
	if s.Retries > 0 {
		j.warn("%d attempts were retries: TTFT and logical_e2e count back-off, E2E is of the last attempt alone", s.Retries)
	}
}

func (j *judgement) cache(stage *scenarios.Stage, s *results.StageSummary) {
	if s.Tokens.Cached == 0 || s.Tokens.Input == 0 {
		return
	}
	share := float64(s.Tokens.Cached) / float64(s.Tokens.Input)
	cold := stage.Sessions == nil && every(stage, func(w *scenarios.Workload) bool { return w.Prompts.Cache == scenarios.Cold })
	if cold && share > maxCachedShare {
		j.spoil("%.1f%% of the input came from the server's prefix cache though prompts are cold; the server caches across different prompts", 100*share)
		return
	}
	j.warn("%.1f%% of the input tokens came from the server's prefix cache", 100*share)
}

// lengths convicts by the server's own count alone: events are not tokens for certain.
func (j *judgement) lengths(stage *scenarios.Stage, s *results.StageSummary) {
	t := s.Tokens
	exact := every(stage, func(w *scenarios.Workload) bool { return w.Output.Mode == scenarios.Exact })
	if !exact || t.RequestedOutput == 0 || t.Source != string(results.FromUsage) {
		return
	}
	if off := float64(t.Output)/float64(t.RequestedOutput) - 1; off > maxOutputError || off < -maxOutputError {
		j.spoil("answers had %+.1f%% of the tokens asked for; the server does not take ignore_eos: use output mode cap or natural", 100*off)
	}
}

// guesses says where prompts distort what is measured of a server that guesses ahead.
func (j *judgement) guesses(stage *scenarios.Stage, s *results.StageSummary) {
	if s.Server == nil || s.Server.Speculative == nil || every(stage, func(w *scenarios.Workload) bool { return !w.Salad() }) {
		return
	}
	j.warn("the server guesses ahead (speculative decoding), and guesses otherwise on prompts of random words than on real text: its tokens come at another pace than users will see; use prompts: {text: {words: 300}}, or a file of your own")
}

// every reports whether all workloads of the stage are alike in something.
func every(stage *scenarios.Stage, is func(*scenarios.Workload) bool) bool {
	return !slices.ContainsFunc(stage.Workloads(), func(w *scenarios.Workload) bool { return !is(w) })
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

// mostlyMerged is the share of reads with several events from which on the median gap is one between such reads.
const mostlyMerged = 0.5

// pace is a stage's median gap between arrivals in ms; where answers come whole, their median latency. A client that is
// starved widens its gaps by reading several events at once, and would acquit itself by them: where most reads are such, what a
// token took is the pace, which late reads hardly change.
func pace(s *results.StageSummary) float64 {
	if merged := s.Instrument.MultiEventReads; merged != nil && *merged >= mostlyMerged {
		if m := s.Metrics[metric.TPOT]; m != nil && m.OKP50 != nil {
			return *m.OKP50
		}
	}
	if m := s.Metrics[metric.ICL]; m != nil && m.OKP50 != nil {
		return *m.OKP50
	}
	return typical(s)
}

// conserve checks the books: what was issued has an outcome, and what was written reached the server.
func (r *run) conserve(ctx context.Context) {
	c := r.totals.books(r.issued)
	seen, err := r.target.Seen(ctx)
	c.ServerAttempts = seen.Attempts
	c.Broken = unbalanced(c, r.result.Interrupted || r.cut)
	c.Holds = c.Broken == ""
	r.result.Conservation = c
	if !c.Holds {
		r.result.Invalid = append(r.result.Invalid, "the books do not balance: "+c.Broken+"; please report this as a bug of llmload")
	}
	if err != nil && !r.result.Interrupted {
		r.result.Invalid = append(r.result.Invalid, fmt.Sprintf("the target could not be asked at the end what it had seen, it may have died: %v", err))
	}
}

// unbalanced says what is wrong with the books. Who cuts a stage short may cut requests on their way to the server.
func unbalanced(c results.Conservation, cut bool) string {
	switch {
	case c.Issued != c.Outcomes:
		return fmt.Sprintf("%d requests were issued, %d have an outcome", c.Issued, c.Outcomes)
	case c.Attempts != c.Dispatched+c.Retries:
		return fmt.Sprintf("%d attempts are not the %d dispatched and %d retries", c.Attempts, c.Dispatched, c.Retries)
	case c.ServerAttempts != nil && *c.ServerAttempts != c.Written && !cut:
		return fmt.Sprintf("%d attempts were written, the server saw %d", c.Written, *c.ServerAttempts)
	}
	return ""
}
