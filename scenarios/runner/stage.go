package runner

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/llmload/llmload/client"
	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// stageRun is one stage under way.
type stageRun struct {
	*run
	stage   *scenarios.Stage
	begin   time.Time     // the stage's zero
	late    time.Duration // of shards: how long after the agreed time it could begin
	bounds  *results.Bounds
	ended   chan finished  // requests whose answer is read, not yet decoded
	sending sync.WaitGroup // requests and load goroutines

	mu      sync.Mutex // guards what follows
	intake  *Intake
	cohort  chan struct{} // open loop: closed when all measured requests have ended
	idle    chan struct{} // closed loop: closed when there is no more work
	noWork  func()        // closes idle
	over    bool          // cohort is closed
	failure string        // the first failed request's error
	refused int           // connections refused in a row
	giveUp  context.CancelCauseFunc
}

// finished is a request on its way from the goroutine that sent it to one that decodes and records it.
type finished struct {
	seq        int64
	arrival    scenarios.Arrival
	prompts    int
	turn       int    // of a session, from 1
	lost       string // why a turn of a session was not sent
	workload   string // of the mix
	customID   string // of a batch file's request
	endpoint   string // of several
	input      int    // tokens asked for, 0 where unknown
	output     int    // likewise
	intended   time.Time
	slot       time.Time
	dispatched time.Time
	done       time.Time
	exchange   *client.Exchange // nil when it was never dispatched
	reads      *attemptReads    // nil where no kernel stamps them
}

// stage runs one stage to its end and adds its summary to the result.
func (r *run) stage(ctx context.Context, s *scenarios.Stage) (results.StageSummary, error) {
	watch := startWatch(ctx, r.cfg.Metrics, !r.agreed.IsZero())
	begin := time.Now()
	late := begin.Sub(r.agreed)
	if !r.agreed.IsZero() { // what is late leaves late, and is measured as that
		begin = r.agreed
	}
	intake := NewIntake(s, begin.Sub(r.start).Nanoseconds(), r.issued, r.spending)
	sr := &stageRun{
		run: r, stage: s, begin: begin, bounds: intake.Bounds, intake: intake,
		ended: make(chan finished, 1024), cohort: make(chan struct{}), idle: make(chan struct{}), late: late,
	}
	sr.noWork = sync.OnceFunc(func() { close(sr.idle) })
	ctx, sr.giveUp = context.WithCancelCause(ctx)
	defer sr.giveUp(nil)
	recorders := sr.startRecorders()
	probe := startProbe(r.cfg.KernelTimers)
	requests, cancel := drainContext(ctx, r.cfg.Drain)
	defer context.AfterFunc(ctx, func() { sr.bounds.SetEnd(sr.since(time.Now())) })()
	if s.Open() {
		sr.open(ctx, requests)
	} else {
		sr.closed(ctx, requests)
	}
	sr.sending.Wait()
	r.issued = intake.Issued
	cancel()
	instrument := probe.stop()
	instrument.ServerLateP99MS = r.serverLateness(ctx)
	close(sr.ended)
	collector, err := recorders.merge()
	if err != nil {
		watch.stop()
		return results.StageSummary{}, err
	}
	watch.end(context.WithoutCancel(ctx), recorders.waits().Count())
	return sr.finish(ctx, collector, instrument, watch, recorders.waits()), nil
}

// serverLateness asks a simulator how well it kept its own plan; nil where nobody can say. That a target is gone is found
// and said by the books, see conserve.
func (r *run) serverLateness(ctx context.Context) *float64 {
	seen, err := r.target.Seen(context.WithoutCancel(ctx))
	if err != nil {
		return nil
	}
	return seen.LateP99MS
}

// errGone ends a stage whose server is no longer there: without it, a closed loop would hammer a dead port.
var errGone = errors.New("the target stopped answering")

// errStopped ends a stage by its own rules; which one, its intake says.
var errStopped = errors.New("stopped")

// goneAfter is how many connections in a row must be refused for that.
const goneAfter = 200

// drainContext is what requests run under: it outlives ctx by the drain time.
func drainContext(ctx context.Context, drain time.Duration) (context.Context, context.CancelFunc) {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(drain)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-requests.Done():
		}
	})
	return requests, func() { stop(); cancel() }
}

func (sr *stageRun) finish(ctx context.Context, c *results.Collector, in results.Instrument, watch *watch, waits *results.FirstTokens) results.StageSummary {
	summary := c.Summarize()
	summary.StopReason = sr.stopReason(ctx)
	if m := summary.Metrics[metric.DispatchDelay]; m != nil {
		in.DispatchDelayP99MS = m.P99
	}
	in.TakeRecorded(summary.Instrument)
	summary.Instrument = in
	watch.tell(&summary, sr.start, sr.bounds, waits)
	j := judge(sr.stage, &summary, sr.failure)
	j.warnings = append(j.warnings, watch.warnings()...)
	if context.Cause(ctx) == errGone {
		j.spoil("%v: %d connections in a row were refused; start it again", errGone, goneAfter)
	}
	if part := float64(sr.late) / float64(max(1, sr.stage.Duration)); !sr.agreed.IsZero() && sr.stage.Duration > 0 && part > maxStageLate {
		j.spoil("this shard began %s after the others: the stage before it had not ended in time; lengthen pause", sr.late.Round(time.Millisecond))
	}
	sr.cut = sr.cut || ctx.Err() != nil
	sr.ends = sr.intake.Stopped() != "" && sr.stage.Stop.Run || sr.intake.Spent()
	summary.Warnings = append(summary.Warnings, j.warnings...)
	for _, why := range j.invalid {
		sr.result.Invalid = append(sr.result.Invalid, summary.Name+": "+why)
	}
	sr.result.Stages = append(sr.result.Stages, summary)
	sr.result.Histograms = append(sr.result.Histograms, c.Histograms())
	return summary
}

func (sr *stageRun) stopReason(ctx context.Context) string {
	switch cause := context.Cause(ctx); {
	case cause == errGone:
		return errGone.Error()
	case ctx.Err() != nil && cause != errStopped:
		return "interrupted"
	}
	return sr.intake.StopReason()
}

// next takes the next arrival and counts its requests; wall is the time that decides in a closed loop.
func (sr *stageRun) next(wall time.Time) (a scenarios.Arrival, firstSeq int64, ok bool) {
	sr.mu.Lock()
	defer sr.mu.Unlock()
	a, firstSeq, ok = sr.intake.Next(wall.Sub(sr.begin))
	sr.checkCohort()
	return a, firstSeq, ok
}

// due notes that an arrival of an open loop is sent.
func (sr *stageRun) due(a scenarios.Arrival) {
	sr.mu.Lock()
	defer sr.mu.Unlock()
	sr.intake.Due(a)
	sr.checkStop()
}

// report hands a request to the recorders, and notes when the last measured one has ended.
func (sr *stageRun) report(f *finished) {
	sr.cfg.Live.end()
	sr.ended <- *f
	sr.mu.Lock()
	defer sr.mu.Unlock()
	sr.intake.Ended(f.arrival)
	sr.checkCohort()
}

func (sr *stageRun) checkCohort() {
	if !sr.over && sr.intake.Over() {
		close(sr.cohort)
		sr.over = true
	}
}

// checkStop ends the stage where one of its rules says so.
func (sr *stageRun) checkStop() {
	if sr.intake.Stopped() != "" {
		sr.giveUp(errStopped)
	}
}

// recorders decode answers and collect them, off the path of the stamps, each with its own histograms.
type recorders struct {
	wg    sync.WaitGroup
	mine  []*results.Collector
	first []*results.FirstTokens
}

func (sr *stageRun) startRecorders() *recorders {
	out := &recorders{}
	info := InfoOf(sr.plan, sr.stage)
	for range runtime.GOMAXPROCS(0) {
		c := results.NewCollector(info, sr.bounds)
		first := &results.FirstTokens{}
		out.mine, out.first = append(out.mine, c), append(out.first, first)
		out.wg.Go(func() {
			for f := range sr.ended {
				first.Add(sr.record(c, f))
			}
		})
	}
	return out
}

func (rs *recorders) merge() (*results.Collector, error) {
	rs.wg.Wait()
	whole := rs.mine[0]
	for _, c := range rs.mine[1:] {
		if err := whole.Merge(c); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

// waits merges the recorders' first tokens.
func (rs *recorders) waits() *results.FirstTokens {
	rs.wg.Wait()
	all := &results.FirstTokens{}
	for _, f := range rs.first {
		_ = all.Merge(f) // alike in shape
	}
	return all
}

// InfoOf is what a collector must know of a stage.
func InfoOf(p *scenarios.Plan, s *scenarios.Stage) results.StageInfo {
	return results.StageInfo{Name: s.Name, Load: LoadOf(s), SLO: LimitsOf(p), GPUs: p.Target.GPUs}
}

// LimitsOf is a plan's SLO as a summary tells it.
func LimitsOf(p *scenarios.Plan) []results.Limit {
	var out []results.Limit
	for _, l := range p.SLO {
		out = append(out, results.Limit{Metric: l.Metric, MaxNS: l.Max.Nanoseconds()})
	}
	return out
}

// LoadOf is a stage's load as a summary tells it.
func LoadOf(s *scenarios.Stage) results.Load {
	l := results.Load{
		Mode: "closed", API: apiOf(s), Stream: s.Stream, Concurrency: s.Concurrency,
		ThinkTimeMS: float64(s.ThinkTime.Mean) / float64(time.Millisecond), BatchSize: s.BatchSize, BatchMode: string(s.BatchMode), Faults: faultCount(s),
	}
	if s.Open() {
		l.Mode, l.Rate, l.Arrivals, l.MaxInFlight = "open", float64(s.Rate), string(s.Arrivals), s.MaxInFlight
		l.Sessions = s.Sessions != nil
	}
	return l
}

// apiOf names the APIs of a stage's workloads, each once: chat, or chat+completions.
func apiOf(s *scenarios.Stage) string {
	var names []string
	for _, w := range s.Workloads() {
		if !slices.Contains(names, string(w.API)) {
			names = append(names, string(w.API))
		}
	}
	return strings.Join(names, "+")
}

func faultCount(s *scenarios.Stage) int {
	if s.Faults == nil {
		return 0
	}
	return len(s.Faults.Items())
}
