package runner

import (
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/llmload/llmload/internal/alarm"
	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// lagTick is how often the lag probe asks to be woken.
const lagTick = 10 * time.Millisecond

// cpuTime is processCPU; tests have none, for its share of virtual time means nothing.
var cpuTime = processCPU

// probe measures the tool itself while a stage runs: how late a goroutine with a timer is woken, the CPU that the process
// takes of what it may, the pauses of the garbage collector.
type probe struct {
	begin time.Time
	cpu   time.Duration
	gc    []uint64
	quit  chan struct{}
	lag   chan *results.Histogram
	step  int64 // the largest of the realtime clock; to be read when lag has come
}

// startProbe starts a probe that is woken as the dispatcher is, see Config.KernelTimers.
func startProbe(kernelTimers bool) *probe {
	p := &probe{begin: time.Now(), quit: make(chan struct{}), lag: make(chan *results.Histogram, 1)}
	p.cpu, _ = cpuTime()
	p.gc = gcPauses().Counts
	go p.watch(alarm.NewTimer(kernelTimers))
	return p
}

// watch wakes on absolute deadlines, so that one late tick does not shift the next, and records how late each is.
func (p *probe) watch(timer *alarm.Timer) {
	defer timer.Close()
	var h results.Histogram
	var clock stepWatch
	for due := p.begin.Add(lagTick); ; {
		timer.Set(due)
		select {
		case <-timer.C:
			// A late wake-up is late for every tick that it missed: counted once, a long freeze would hardly show.
			for now := time.Now(); !due.After(now); due = due.Add(lagTick) {
				h.Record(now.Sub(due).Nanoseconds())
			}
			if step := clock.see(clocks(p.begin)); step != 0 {
				p.step = max(p.step, step, -step)
			}
		case <-p.quit:
			p.lag <- &h
			return
		}
	}
}

func (p *probe) stop() results.Instrument {
	close(p.quit)
	var out results.Instrument
	if h := <-p.lag; h.Count() >= int64(metric.MinSamples(0.99)) {
		out.LagP99MS = ms(float64(h.Quantile(0.99)))
	}
	if cpu, ok := cpuTime(); ok {
		share := float64(cpu-p.cpu) / (float64(time.Since(p.begin)+1) * float64(runtime.GOMAXPROCS(0)))
		out.CPURatio = &share
	}
	if p.step > 0 {
		out.ClockStepMS = ms(float64(p.step))
	}
	out.GCPauseP99MS = pauseP99(gcPauses(), p.gc)
	return out
}

func ms(ns float64) *float64 {
	v := ns / 1e6
	return &v
}

func gcPauses() *metrics.Float64Histogram {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindFloat64Histogram {
		return &metrics.Float64Histogram{}
	}
	return s[0].Value.Float64Histogram()
}

// pauseP99 is the upper edge of the bucket that holds the 99th percentile of the pauses since before; 0 without a pause.
func pauseP99(now *metrics.Float64Histogram, before []uint64) *float64 {
	var total, seen uint64
	for i := range now.Counts {
		total += now.Counts[i] - before[i]
	}
	if total == 0 {
		return ms(0)
	}
	for i := range now.Counts {
		if seen += now.Counts[i] - before[i]; float64(seen) >= 0.99*float64(total) {
			return ms(min(now.Buckets[i+1], 10) * 1e9)
		}
	}
	return nil
}

// worst adds to a run's own figures those that only stages have, the largest of each.
func worst(run results.Instrument, stages []results.StageSummary) results.Instrument {
	cpu, gc := run.CPURatio, run.GCPauseP99MS
	for i := range stages {
		run.TakeWorst(stages[i].Instrument)
	}
	run.CPURatio, run.GCPauseP99MS = cpu, gc
	return run
}
