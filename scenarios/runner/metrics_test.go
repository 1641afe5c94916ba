package runner_test

import (
	"context"
	"errors"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/internal/promscrape"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// page is a mock's metrics, read without a network. Looks are numbered from 0; those that fails names fail.
type page struct {
	*bed
	fails map[int]bool
	looks int
}

func (p *page) Look(context.Context) promscrape.Look {
	l := promscrape.Look{At: time.Now(), Names: []string{"http://mock/metrics"}, Readings: make([]*promscrape.Reading, 1), Errs: make([]error, 1)}
	if p.looks++; p.fails[p.looks-1] {
		l.Errs[0] = errors.New("http://mock/metrics: it answered 503")
		return l
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	l.Readings[0], l.Errs[0] = promscrape.Parse(w.Body)
	return l
}

// watched runs a scenario whose server is asked for its metrics.
func watched(t *testing.T, mock, scenario string, fails ...int) (out results.StageSummary, invalid []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, mock)
		defer b.close()
		p := &page{bed: b, fails: map[int]bool{}}
		for _, n := range fails {
			p.fails[n] = true
		}
		res, err := runner.Run(t.Context(), plan(t, scenario), b, runner.Config{RunID: "t", Model: "demo-8b", Dial: b.dial, Metrics: p})
		if err != nil {
			t.Fatal(err)
		}
		out, invalid = res.Stages[0], res.Invalid
	})
	return out, invalid
}

// Two places, four workers, 400 ms of service: two run and two wait, for as long.
const fullMock = `engine: {model: fixed, ttft: 200ms, itl: 20ms, max_num_seqs: 2}`

func TestAStageHasWhatItsServerSays(t *testing.T) {
	s, invalid := watched(t, fullMock, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 11}}
load: {closed: {concurrency: 4}, requests: 40, warmup: {requests: 4}}
`)
	if s.Server == nil || len(invalid) > 0 {
		t.Fatalf("server %v, invalid %v", s.Server, invalid)
	}
	server := s.Server
	if g := server.Running; g == nil || g.Mean != 2 || g.Max != 2 {
		t.Errorf("running %+v, want 2 all the time", g)
	}
	if g := server.Waiting; g == nil || g.Max != 2 {
		t.Errorf("waiting %+v, want at most 2", g)
	}
	near(t, "input tokens", server.InputTokens, 44*8, 0)
	near(t, "output tokens", server.OutputTokens, 44*11, 0)
	if server.Samples < 7 || server.Samples > 9 { // 40 requests, two at a time, 0.4 s each
		t.Errorf("%d samples in a window of %v s", server.Samples, s.Window.DurationS)
	}
	marked := 0
	for _, p := range s.Series {
		if p.ServerRunning != nil && *p.ServerRunning == 2 {
			marked++
		}
	}
	if marked < 7 {
		t.Errorf("%d intervals of the course say that two run", marked)
	}
	ttft := server.TTFT
	if ttft == nil || ttft.Count != 44 || ttft.ClientCount != 44 {
		t.Fatalf("first tokens %+v", ttft)
	}
	near(t, "difference", ttft.DifferenceMS, 0, 0.01) // no network here, and no queue in the client
	near(t, "the server's mean", ttft.MeanMS, *ttft.ClientMeanMS, 0.01)
	if b := ttft.P50Bucket; b == nil || b[0] > *ttft.ClientP50MS || b[1] < *ttft.ClientP50MS {
		t.Errorf("our median %v ms is outside the bucket of the server's, %v", *ttft.ClientP50MS, b)
	}
	if server.Speculative != nil || strings.Contains(strings.Join(s.Warnings, ";"), "speculative") {
		t.Errorf("speculative decoding: %+v, %v", server.Speculative, s.Warnings)
	}
}

func TestWhatTheClientAddsIsTakenApart(t *testing.T) {
	s, _ := watched(t, `engine: {model: fixed, ttft: 100ms, itl: 0s}`, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 2}}
load: {closed: {concurrency: 4}, requests: 40}
client: {rate_limit: 10/s}
`)
	ttft := s.Server.TTFT
	near(t, "the server's mean", ttft.MeanMS, 100, 0.01)
	if *ttft.ClientBeforeMS < 200 {
		t.Errorf("%v ms before writing: four workers share ten requests a second", *ttft.ClientBeforeMS)
	}
	near(t, "what the client waited for itself", ttft.ClientBeforeMS, *ttft.DifferenceMS, 0.01)
	if !strings.Contains(ttft.Explanation, "the server counts from its own arrival") {
		t.Error(ttft.Explanation)
	}
}

func TestAnAnswerBeforeItsRequestIsWrittenWholeSpoilsNoMean(t *testing.T) {
	k := runner.Kept{Collector: results.NewCollector(results.StageInfo{}, &results.Bounds{})}
	k.Begin(&scenarios.Stage{})
	for _, sent := range []int64{2e6, 0} {
		a := results.Attempt{StartedNS: 1e6, SentNS: sent, FirstTokenNS: 9e6, DoneNS: 9e6}
		k.Add(&results.Record{Outcome: results.OK, DispatchedNS: 1e6, Attempts: []results.Attempt{a}})
	}
	mean := 7.0
	theirs := results.ServerTTFT{Count: 2, MeanMS: &mean}
	why := k.FirstTokens(&theirs)
	near(t, "difference", theirs.DifferenceMS, 1, 0.01)
	if theirs.ClientBeforeMS != nil || !strings.Contains(why, "+1.00 ms beside the server's; what lay in this client is not known") {
		t.Errorf("%v ms before writing: %s", show(theirs.ClientBeforeMS), why)
	}
}

func TestFiguresOfOtherRequestsAreNotCompared(t *testing.T) {
	s, _ := watched(t, `engine: {model: fixed, ttft: 100ms, itl: 0s}`, `
workload: {api: completions, prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 2}}
load: {closed: {concurrency: 1}, batch: {size: 3, mode: request}, requests: 30}
`)
	ttft := s.Server.TTFT
	if ttft.Count != 30 || ttft.ClientCount != 10 || ttft.DifferenceMS != nil || !strings.Contains(ttft.Explanation, "counted 30 first tokens and this run 10") {
		t.Errorf("%+v", ttft)
	}
}

func TestRandomWordsAndSpeculativeDecodingDoNotGoTogether(t *testing.T) {
	const mock = `engine: {model: fixed, ttft: 100ms, itl: 10ms, speculative: {tokens: 4, acceptance: 1}}`
	for _, c := range []struct {
		prompts string
		warned  bool
	}{
		{"{synthetic: {input_tokens: 8}}", true},
		{"{text: {words: 8}}", false},
	} {
		s, _ := watched(t, mock, "workload: {prompts: "+c.prompts+", output: {tokens: 21}}\nload: {requests: 10}")
		spec := s.Server.Speculative
		if spec == nil || *spec.Drafts != 40 || *spec.DraftTokens != 160 || *spec.AcceptedTokens != 160 || *spec.AcceptanceRatio != 1 || *spec.AcceptanceLength != 5 {
			t.Errorf("%s: %+v", c.prompts, spec)
		}
		if warned := strings.Contains(strings.Join(s.Warnings, ";"), "prompts of random words"); warned != c.warned {
			t.Errorf("%s: warned %v: %q", c.prompts, warned, s.Warnings)
		}
	}
}

func TestMetricsThatFailSpoilNoRun(t *testing.T) {
	const scenario = `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 11}}
load: {closed: {concurrency: 4}, requests: 40}
`
	s, invalid := watched(t, fullMock, scenario, 2)
	if len(invalid) > 0 || s.Requests.Succeeded != 40 || s.Server.Failed != 1 {
		t.Errorf("%v, %+v, %+v", invalid, s.Requests, s.Server)
	}
	if w := strings.Join(s.Warnings, ";"); !strings.Contains(w, "could not be read 1 of ") || !strings.Contains(w, "http://mock/metrics: it answered 503") {
		t.Error(w)
	}
	near(t, "output tokens", s.Server.OutputTokens, 40*11, 0)

	s, invalid = watched(t, fullMock, scenario, 0)
	if len(invalid) > 0 || s.Server.OutputTokens != nil || s.Server.TTFT != nil || s.Server.Running == nil {
		t.Errorf("without a start: %v, %+v", invalid, s.Server)
	}
}

// A last reading that fails must not lose the counts of all those before it: what the server made in the 3.5 s until then.
func TestALastReadingThatFailsLosesNoCounts(t *testing.T) {
	const scenario = `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 11}}
load: {closed: {concurrency: 2}, requests: 20}
`
	whole, _ := watched(t, fullMock, scenario)
	s, invalid := watched(t, fullMock, scenario, whole.Server.Readings-1)
	if len(invalid) > 0 || s.Server.OutputTokens == nil || s.Server.TTFT == nil {
		t.Fatalf("%v, %+v", invalid, s.Server)
	}
	if n := *s.Server.OutputTokens; n < 8*2*11 || n >= 20*11 || s.Server.SpanS < 3 || s.Server.SpanS >= whole.Server.SpanS {
		t.Errorf("%v tokens in %v of %v s", n, s.Server.SpanS, whole.Server.SpanS)
	}
	if w := strings.Join(s.Warnings, ";"); !strings.Contains(w, "its counts reach until the last reading, 3.5 s of 4.0 s into the stage") {
		t.Error(w)
	}
	if s.Server.TTFT.DifferenceMS != nil {
		t.Errorf("first tokens of other requests are compared: %+v", s.Server.TTFT)
	}
}

// slowPage takes its time.
type slowPage struct{ *page }

func (p slowPage) Look(ctx context.Context) promscrape.Look {
	time.Sleep(1500 * time.Millisecond) // the bubble's clock
	return p.page.Look(ctx)
}

func TestAShardWaitsForNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, `engine: {model: fixed, ttft: 20ms, itl: 2ms}`)
		defer b.close()
		part, err := plan(t, `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 5}}
load: {open: {rate: 500/s, arrivals: constant}, duration: 4s}
`).Shard(scenarios.Shard{Index: 0, Count: 2})
		if err != nil {
			t.Fatal(err)
		}
		res, err := runner.Run(t.Context(), part, shared{b}, runner.Config{
			RunID: "t", Model: "demo-8b", Start: time.Now().Add(time.Second), Dial: b.dial, Metrics: slowPage{&page{bed: b}},
		})
		if err != nil || len(res.Invalid) > 0 {
			t.Fatal(err, res.Invalid)
		}
		s := res.Stages[0]
		near(t, "dispatch delay", s.Instrument.DispatchDelayP99MS, 0, 0.1)
		if s.Server == nil || s.Server.Readings < 3 {
			t.Errorf("the server said %+v", s.Server)
		}
	})
}

func TestNoServerIsAskedUnlessItIsNamed(t *testing.T) {
	out := run(t, fullMock, "workload: {output: {tokens: 2}}\nload: {requests: 2}", 0)
	if out.Stages[0].Server != nil {
		t.Errorf("%+v", out.Stages[0].Server)
	}
	for _, p := range out.Stages[0].Series {
		if p.ServerRunning != nil || math.IsNaN(p.InFlight) {
			t.Errorf("%+v", p)
		}
	}
}
