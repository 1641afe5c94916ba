package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
)

// sample grows a run stage by stage, with distributions that agree with its summary.
type sample struct {
	report.Run
	now    float64
	random *rand.Rand
}

func newSample(name string) *sample {
	server := int64(0)
	s := &results.Summary{
		SchemaVersion: results.SchemaVersion,
		Valid:         true,
		Run:           results.Run{ID: "20260102T150405Z-" + name + "-abcd", Name: name, StartedAt: time.Unix(1767366245, 0)},
		Target:        results.Target{Endpoint: "http://127.0.0.1:8000/v1", Model: "demo-8b", Mock: true},
		Environment:   results.Environment{Host: "node-7"},
		Conservation:  results.Conservation{Holds: true, ServerAttempts: &server},
		Instrument: results.Instrument{
			DispatchDelayP99MS: ptr(0.412), LagP99MS: ptr(0.2), MultiEventReads: ptr(0.003), CPURatio: ptr(0.31), GCPauseP99MS: ptr(0.08),
			KernelToReadP50MS: ptr(0.06), KernelToReadP99MS: ptr(0.4), UnstampedReads: ptr(0.001),
		},
	}
	return &sample{Run: report.Run{Summary: s}, random: rand.New(rand.NewPCG(1, 2))}
}

// offer is one stage of a sample: what was offered and how the server took it. Latencies are in milliseconds.
type offer struct {
	name             string
	load             results.Load
	n                int64 // succeeded
	outcomes         map[results.Outcome]int64
	ttft, tpot, slow float64 // slow: spread of the latencies
	seconds          float64
	tokensPerS       float64
	retries          int64
	attainment       *float64
}

func closed(c int) results.Load {
	return results.Load{Mode: "closed", API: "chat", Stream: true, Concurrency: c, BatchSize: 1, BatchMode: "concurrent"}
}

func open(rate float64) results.Load {
	return results.Load{Mode: "open", API: "chat", Stream: true, Rate: rate, Arrivals: "poisson", BatchSize: 1, BatchMode: "concurrent"}
}

func (s *sample) add(o offer) *results.StageSummary {
	st := results.StageSummary{Name: o.name, Load: o.load, Outcomes: map[results.Outcome]int64{}, Retries: o.retries}
	if o.n > 0 {
		st.Outcomes[results.OK] = o.n
	}
	bad := int64(0)
	for name, n := range o.outcomes {
		st.Outcomes[name] = n
		bad += n
	}
	issued := o.n + bad
	st.Requests = results.Requests{Issued: issued, Succeeded: o.n, Failed: bad}
	st.Attempts = issued + o.retries
	st.Window = results.Window{StartS: s.now + 0.2, DurationS: o.seconds, DrainS: 0.1}
	st.Goodput.Attainment = o.attainment
	if issued > 0 {
		st.Success = ptr(float64(o.n) / float64(issued))
	}
	if o.seconds > 0 {
		st.Throughput.RequestsPerS = ptr(float64(o.n) / o.seconds)
		st.Throughput.OutputTokensPerS = ptr(o.tokensPerS)
	}
	hs := map[metric.Name]*results.Histogram{}
	st.Metrics = map[metric.Name]*results.Metric{}
	s.measure(&st, hs, o, bad)
	s.Histograms = append(s.Histograms, results.StageHistograms{Stage: o.name, Metrics: hs})
	s.course(&st, o)
	s.now += o.seconds + 0.5
	s.Summary.Stages = append(s.Summary.Stages, st)
	s.balance(&st)
	return &s.Summary.Stages[len(s.Summary.Stages)-1]
}

func (s *sample) measure(st *results.StageSummary, hs map[metric.Name]*results.Histogram, o offer, bad int64) {
	medians := map[metric.Name]float64{metric.E2E: o.ttft + 127*o.tpot}
	if o.load.Stream {
		medians[metric.TTFT], medians[metric.TPOT], medians[metric.MaxGap] = o.ttft, o.tpot, 3*o.tpot
	}
	if o.load.Mode == "open" {
		medians[metric.ResponseE2E] = medians[metric.E2E] * 1.5
		medians[metric.ResponseTTFT] = o.ttft * 2
	}
	for _, info := range metric.All() { // in a fixed order, for the random numbers
		median, ok := medians[info.Name]
		if !ok {
			continue
		}
		h := new(results.Histogram)
		for range o.n {
			h.Record(int64(median * 1e6 * math.Exp(o.slow*s.random.NormFloat64())))
		}
		hs[info.Name] = h
		st.Metrics[info.Name] = distribution(h, bad)
	}
}

// distribution is a metric's summary, ranked as package results documents it.
func distribution(h *results.Histogram, failed int64) *results.Metric {
	m := &results.Metric{Unit: "ms", Count: h.Count(), Failed: failed}
	n := m.Count + m.Failed
	for q, to := range map[float64]**float64{0.5: &m.P50, 0.9: &m.P90, 0.95: &m.P95, 0.99: &m.P99, 0.999: &m.P999} {
		k := max(int64(math.Ceil(q*float64(n)-1e-9)), 1)
		switch {
		case n < int64(metric.MinSamples(q)):
		case k > m.Count:
			m.Censored = true
		default:
			*to = ptr(float64(h.Rank(k)) / 1e6)
		}
	}
	return m
}

func (s *sample) course(st *results.StageSummary, o offer) {
	const width = 0.1
	for t := s.now; t < s.now+o.seconds+0.3 && o.n > 0; t += width {
		rate := o.tokensPerS * (1 + 0.15*s.random.NormFloat64())
		if t < s.now+0.2 || t > s.now+o.seconds+0.2 {
			rate *= 0.4
		}
		st.Series = append(st.Series, results.Point{TS: t, DurationS: width, OutputTokensPerS: math.Max(rate, 0)})
	}
}

func (s *sample) balance(st *results.StageSummary) {
	c := &s.Summary.Conservation
	c.Issued += st.Requests.Issued
	c.Outcomes += st.Requests.Issued
	c.Attempts += st.Attempts
	c.Dispatched += st.Requests.Issued
	c.Retries += st.Retries
	c.Written += st.Attempts
	*c.ServerAttempts += st.Attempts
}

func ptr(v float64) *float64 { return &v }

// sweep is the run of the quickstart: six concurrencies, two batch sizes, one stage with faults.
func sweep() *sample {
	s := newSample("quickstart")
	for i, c := range []int{1, 2, 4, 8, 16, 32} {
		slow := 1 + 0.12*float64(i*i)
		s.add(offer{
			name: fmt.Sprintf("c=%d", c), load: closed(c), n: 400, ttft: 40 * slow, tpot: 8 * (1 + 0.08*float64(i)), slow: 0.08 + 0.05*float64(i),
			seconds: 8 / math.Sqrt(float64(c)), tokensPerS: 120 * float64(c) / (1 + 0.08*float64(i)),
		})
	}
	for _, b := range []int{4, 8} {
		load := closed(4)
		load.BatchSize = b
		s.add(offer{
			name: fmt.Sprintf("c=4,batch=%d", b), load: load, n: 400, ttft: 60, tpot: 9 + float64(b)/4, slow: 0.2,
			seconds: 2.5, tokensPerS: 300 * float64(b),
		})
	}
	faulty := closed(8)
	faulty.Faults = 2
	s.add(offer{
		name: "outage", load: faulty, n: 370, outcomes: map[results.Outcome]int64{"http_500": 21, results.Reset: 5, results.TimeoutIdle: 4},
		ttft: 65, tpot: 9.5, slow: 0.3, seconds: 2, tokensPerS: 800, retries: 7,
	})
	return s
}

// crowd is sixteen stages with long names that are no sweep.
func crowd() *sample {
	s := newSample("crowd")
	for i := range 16 {
		load := closed(8)
		load.Faults = i % 2
		s.add(offer{
			name: fmt.Sprintf("%02d retrieval with long context and tools, tenant %c", i, 'a'+i), load: load, n: 300 - int64(i), ttft: 50 + 9*float64(i),
			outcomes: map[results.Outcome]int64{"http_503": int64(i)},
			tpot:     8 + float64(i%5), slow: 0.1 + 0.02*float64(i), seconds: 1 + 0.3*float64(i%4), tokensPerS: 700 - 20*float64(i),
		})
	}
	return s
}

func allFailed() *sample {
	s := newSample("down")
	s.Summary.Valid = false
	s.Summary.InvalidReasons = []string{"no request succeeded (all 120 were refused): is the server listening on 127.0.0.1:8000?"}
	for _, c := range []int{1, 8} {
		s.add(offer{name: fmt.Sprintf("c=%d", c), load: closed(c), outcomes: map[results.Outcome]int64{results.Refused: 60}, seconds: 0.4})
	}
	return s
}

func openLoop() *sample {
	s := newSample("open")
	for i, rate := range []float64{5, 10, 20, 40} {
		s.add(offer{
			name: fmt.Sprintf("rate=%g/s", rate), load: open(rate), n: 310, ttft: 40 * math.Exp(float64(i)), tpot: 8 + float64(i), slow: 0.2,
			seconds: 310 / rate / 10, tokensPerS: rate * 128, attainment: ptr(1 - 0.1*float64(i*i)),
		})
	}
	return s
}
