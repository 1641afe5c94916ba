package runner_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/promscrape"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// growth is how much more a stage may hold at its end than after half of its requests. A pointer kept of each request would
// be 0.8 MB of 200,000 alone.
const growth = 512 << 10

// TestMemoryDoesNotGrowWithTheRequests drives all that a run keeps of a stage in virtual time: its arrivals, stop rules and
// budget, a recorder's collector with groups and series, the progress, the server's metrics. LLMLOAD_MEMORY_REQUESTS=10000000
// is the whole of it.
func TestMemoryDoesNotGrowWithTheRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("one goroutine and 200,000 requests: nothing for the race detector")
	}
	n := 200_000
	if text := os.Getenv("LLMLOAD_MEMORY_REQUESTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	p := plan(t, `
mix:
  - {name: a, weight: 3, output: {tokens: {mean: 8, stddev: 2}}}
  - {name: b, output: {tokens: 8}}
load: {open: {rate: 1000/s}, requests: `+strconv.Itoa(n)+`, warmup: {duration: 10s}, stop: {error_rate: 0.5, saturated: true}}
slo: {ttft: 200ms}
budget: {total_tokens: 1000000G}
`)
	v := newVirtual(t, p)
	var base uint64
	for i := range n {
		v.next()
		if i == n/2 {
			base = heap()
		}
	}
	end := heap()
	t.Logf("%d requests over %s: %.2f MiB after half of them, %.2f MiB at the end", n, v.at.Round(time.Second), float64(base)/(1<<20), float64(end)/(1<<20))
	if end > base+growth {
		t.Errorf("the heap grew from %d to %d bytes", base, end)
	}
	s := v.kept.Collector.Summarize()
	if s.Requests.Issued+s.Requests.Warmup != int64(n) || len(s.Groups) < 4 || s.Throughput.RequestsPerS == nil {
		t.Errorf("requests %+v, %d groups", s.Requests, len(s.Groups))
	}
	if look := v.kept.Progress(); look.Done != int64(n) || look.InFlight != 0 {
		t.Errorf("progress %+v", look)
	}
	runtime.KeepAlive(v)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what sync.Pools held of the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// virtual is a stage whose requests take no time to carry out.
type virtual struct {
	stage  *scenarios.Stage
	intake *runner.Intake
	kept   *runner.Kept
	dice   *rand.Rand
	at     time.Duration
	record results.Record
	line   []byte
	second int64
	page   promscrape.Look
}

func newVirtual(t *testing.T, p *scenarios.Plan) *virtual {
	t.Helper()
	s := &p.Stages[0]
	v := &virtual{stage: s, intake: runner.NewIntake(s, 0, 0, runner.NewSpending(p.Budget)), dice: rand.New(rand.NewPCG(1, 2))}
	v.kept = &runner.Kept{Collector: results.NewCollector(runner.InfoOf(p, s), v.intake.Bounds)}
	v.kept.Begin(s)
	reading, err := promscrape.Parse(strings.NewReader("vllm:num_requests_running 5\nvllm:generation_tokens_total 9\n"))
	if err != nil {
		t.Fatal(err)
	}
	v.page = promscrape.Look{Names: []string{"x"}, Readings: []*promscrape.Reading{reading}, Errs: []error{nil}}
	return v
}

// next carries out the next arrival: some fail, a few are tried twice.
func (v *virtual) next() {
	a, seq, _ := v.intake.Next(0)
	v.at = a.At
	v.intake.Due(a)
	v.kept.Sent()
	due := max(1, int64(a.At))
	r := &v.record
	*r = results.Record{
		Seq: seq, Stage: v.stage.Name, Warmup: a.Warmup, Workload: "ab"[seq&1 : seq&1+1], Labels: map[string]string{"x-replica": strconv.Itoa(v.dice.IntN(8))},
		Prompts: 1, IntendedNS: due, SlotNS: due, DispatchedNS: due + v.dice.Int64N(1e5), Outcome: results.OK, Attempts: r.Attempts[:0],
		Tokens: results.Tokens{Input: 512, Output: 8, Source: results.FromUsage},
	}
	if v.dice.IntN(50) == 0 {
		r.Outcome = "http_503"
	}
	for range 1 + v.dice.IntN(40)/39 {
		r.Attempts = append(r.Attempts, v.attempt(r.DispatchedNS))
	}
	r.DoneNS = r.Last().DoneNS
	v.kept.Add(r)
	v.intake.Ended(a)
	v.intake.Recorded(r)
	v.line = r.AppendJSON(v.line[:0])
	for ; v.second < r.DispatchedNS/1e9; v.second++ {
		v.page.At = time.Unix(v.second, 0)
		v.kept.Look(v.page)
	}
}

// attempt draws times of a bounded range: histograms have a place for each value that ever came, and only a range that is soon
// full shows whether anything else grows.
func (v *virtual) attempt(from int64) results.Attempt {
	first := from + 50e6 + v.dice.Int64N(50e6)
	a := results.Attempt{StartedNS: from, SentNS: from + 1000, FirstTokenNS: first, Outcome: results.OK, KernelLagNS: []int64{v.dice.Int64N(1e6)}}
	a.Arrivals.DtNS = []int64{first - from}
	a.Arrivals.K, a.Arrivals.Events = []int{1}, []int{1}
	for range 7 {
		gap := 5e6 + v.dice.Int64N(5e6)
		a.Arrivals.DtNS = append(a.Arrivals.DtNS, gap)
		a.Arrivals.K, a.Arrivals.Events = append(a.Arrivals.K, 1), append(a.Arrivals.Events, 1)
		first += gap
	}
	a.DoneNS = first + 1000
	return a
}

// BenchmarkLive is what watching a run costs a request, off the path of its tokens.
func BenchmarkLive(b *testing.B) {
	spec, err := scenarios.Parse("b.yaml", nil, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	p, err := spec.Plan()
	if err != nil {
		b.Fatal(err)
	}
	kept := &runner.Kept{}
	kept.Begin(&p.Stages[0])
	v := &virtual{dice: rand.New(rand.NewPCG(1, 2))}
	r := &results.Record{Stage: "c=1", Prompts: 1, Outcome: results.OK, Attempts: []results.Attempt{v.attempt(1000)}, Tokens: results.Tokens{Output: 8}}
	for b.Loop() {
		kept.Sent()
		kept.Watched(r)
	}
}
