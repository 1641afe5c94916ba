package compare_test

import (
	"fmt"
	"iter"
	"math"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/simulate"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/report/compare"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
)

// A server is a mock whose engine makes tokens at this pace, in virtual time.
type server struct {
	slower float64 // the time of a step, of the plan's; TPOT follows it
	seed   int
}

// run simulates one run of a load on a server whose every step is jittered.
func (s server) run(t testing.TB, plan *scenarios.Plan) compare.Run {
	cfg, err := mockserver.ParseConfig(plan.Target.Mock)
	if err != nil {
		panic(err) // of what this test itself wrote; and t.Fatal is not for other goroutines
	}
	cfg.Seed = uint64(s.seed)
	cfg.Engine.C0 = time.Duration(float64(cfg.Engine.C0) * s.slower)
	var records []*results.Record
	res, err := simulate.Records(t.Context(), plan, cfg, func(r *results.Record) { records = append(records, r) })
	if err != nil {
		panic(err)
	}
	return compare.Run{
		Summary:    &results.Summary{Valid: true, Run: results.Run{ID: fmt.Sprintf("seed-%d", s.seed), Name: "x", PlanSHA256: "p"}, Stages: res.Stages},
		Histograms: res.Histograms, Records: walk(records),
	}
}

// short is a run of a virtual quarter of a second, long one of a few seconds.
const (
	short = "load: {closed: {concurrency: 2}, requests: 24, warmup: {requests: 2}}"
	long  = "load: {closed: {concurrency: 2}, requests: 240, warmup: {requests: 2}}"
)

func planOf(t testing.TB, load string) *scenarios.Plan {
	t.Helper()
	const mock = "{engine: {model: step, c0: 6ms, prefill_per_token: 20us, decode_per_seq: 100us, kv_per_token: 60ns, " +
		"max_num_seqs: 16, max_batched_tokens: 2048, kv_tokens: 100000, jitter: {cv: 0.2}}}"
	src := "name: x\nseed: 11\ntarget: {mock: " + mock + "}\n" +
		"workload: {prompts: {synthetic: {input_tokens: 16}}, output: {tokens: {distribution: uniform, min: 4, max: 12}}}\n" + load
	spec, err := scenarios.Parse("test.yaml", []byte(src), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func walk(records []*results.Record) iter.Seq2[*results.Record, error] {
	return func(yield func(*results.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// BenchmarkOneRun says what a run of the tests below costs.
func BenchmarkOneRun(b *testing.B) {
	for _, load := range []string{short, long} {
		b.Run(load, func(b *testing.B) {
			plan := planOf(b, load)
			for i := range b.N {
				server{1, i}.run(b, plan)
			}
		})
	}
}

// watched are the figures whose verdicts the tests below count.
var watched = []string{"ttft.p50", "tpot.p50", "e2e.p50", "output_tokens_per_s"}

// runs simulates many runs of a load on two cores or more. Seeds begin at first; slower says how much slower the i-th one's
// server is.
func runs(t *testing.T, load string, first, n int, slower func(i int) float64) []compare.Run {
	t.Helper()
	plan := planOf(t, load)
	out := make([]compare.Run, n)
	inParallel(n, func(i int) { out[i] = server{slower(i), first + i}.run(t, plan) })
	return out
}

func alike(int) float64 { return 1 }

// exact takes no difference for too small, so that every interval without 0 is an alarm.
var exact = compare.Options{Margin: 1e-9}

// alarms counts the verdicts that tell two sides apart.
type alarms map[string]int

func (a alarms) count(res *compare.Result) {
	for _, r := range res.Rows {
		if r.Verdict == compare.Better || r.Verdict == compare.Worse {
			a[r.Metric]++
		}
	}
}

// few says that at 5% no more of so many comparisons are alarms than come by chance in 39 of 40 such tests: of 200 it is 16.
func (a alarms) few(t *testing.T, of int) {
	t.Helper()
	n := float64(of)
	most := int(0.05*n + 1.96*math.Sqrt(0.05*0.95*n))
	t.Logf("alarms in %.0f comparisons of like with like: %v", n, a)
	for _, name := range watched {
		if a[name] > most {
			t.Errorf("%s: %d false alarms in %.0f, at most %d", name, a[name], n, most)
		}
	}
}

// pairs is the default of llmload ab.
const pairs = 10

// comparisons is 200; LLMLOAD_COMPARISONS=2000 asks more closely, in minutes.
func comparisons() int {
	if n, err := strconv.Atoi(os.Getenv("LLMLOAD_COMPARISONS")); err == nil {
		return n
	}
	return 200
}

func TestPairsOfLikeServersRaiseFewAlarms(t *testing.T) {
	all := runs(t, short, 1, comparisons()*2*pairs, alike)
	found := alarms{}
	for i := range comparisons() {
		found.count(compare.Pairs(abba(all[i*2*pairs:][:2*pairs]), exact))
	}
	found.few(t, comparisons())

	// The same runs as repeats of a stage, four against four.
	found = alarms{}
	for i := range comparisons() {
		eight := all[i*8:][:8]
		res, err := compare.Runs(repeat(eight[:4]), repeat(eight[4:]), exact)
		if err != nil {
			t.Fatal(err)
		}
		found.count(res)
	}
	found.few(t, comparisons())
}

func TestADriftOfTheServerIsNoDifference(t *testing.T) {
	// A tenth slower from the first run of a comparison to its last: twice the change that the next test finds.
	n := comparisons() / 2
	all := runs(t, short, 100_001, n*2*pairs, func(i int) float64 { return 1 + 0.1*float64(i%(2*pairs))/(2*pairs) })
	found := alarms{}
	for i := range n {
		found.count(compare.Pairs(abba(all[i*2*pairs:][:2*pairs]), exact))
	}
	found.few(t, n)
}

func TestFivePerCentAreFound(t *testing.T) {
	base, new := runs(t, short, 200_001, comparisons()/2*pairs, alike), runs(t, short, 300_001, comparisons()/2*pairs, func(int) float64 { return 1.05 })
	found := 0
	n := comparisons() / 2
	for i := range n {
		var ps []compare.Pair
		for k := range pairs {
			ps = append(ps, compare.Pair{Base: base[i*pairs+k], New: new[i*pairs+k]})
		}
		for _, r := range compare.Pairs(ps, exact).Rows {
			if r.Metric == "tpot.p50" && r.Verdict == compare.Worse {
				found++
			}
		}
	}
	t.Logf("5%% more TPOT found in %d of %d comparisons of %d pairs", found, n, pairs)
	if found < n*9/10 {
		t.Errorf("found in %d of %d, at least nine tenths", found, n)
	}
}

func TestBlocksOfLikeRunsRaiseFewAlarms(t *testing.T) {
	all := runs(t, long, 400_001, 2*comparisons(), alike)
	verdicts := make([]*compare.Result, comparisons())
	inParallel(len(verdicts), func(i int) {
		res, err := compare.Runs(all[2*i], all[2*i+1], exact)
		if err != nil {
			t.Error(err)
		}
		verdicts[i] = res
	})
	found := alarms{}
	for _, res := range verdicts {
		found.count(res)
	}
	found.few(t, comparisons())
}

// inParallel calls do with each i below n, on as many goroutines as there are processors.
func inParallel(n int, do func(i int)) {
	var wg sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := worker; i < n; i += runtime.GOMAXPROCS(0) {
				do(i)
			}
		})
	}
	wg.Wait()
}

// abba makes pairs of runs in the order in which llmload ab makes them: base first, new first, new first, base first.
func abba(runs []compare.Run) (ps []compare.Pair) {
	for i := 0; i < len(runs); i += 2 {
		p := compare.Pair{Base: runs[i], New: runs[i+1]}
		if i/2%2 == 1 {
			p.Base, p.New = p.New, p.Base
		}
		ps = append(ps, p)
	}
	return ps
}

// repeat is a run whose stage was repeated.
func repeat(runs []compare.Run) compare.Run {
	all := compare.Run{Summary: &results.Summary{Valid: true}}
	for i, r := range runs {
		s := r.Summary.Stages[0]
		if i > 0 {
			s.Name += fmt.Sprintf("#%d", i+1)
		}
		all.Summary.Stages = append(all.Summary.Stages, s)
	}
	return all
}
