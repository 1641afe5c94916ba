package runner_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// serve serves a stage first come first served, by so many servers whose answers take as long as service draws. It returns
// how many requests were offered when the stage was stopped, and why; none if it was not.
func serve(s *scenarios.Stage, servers int, service func(*rand.Rand) float64, arrivals int) (offered int, why string) {
	in := runner.NewIntake(s, 0, 0, nil)
	r := rand.New(rand.NewPCG(9, uint64(servers)))
	free := make([]float64, servers)
	var ends []float64
	for i := range arrivals {
		a, _, _ := in.Next(0)
		now := a.At.Seconds()
		for len(ends) > 0 && ends[0] <= now {
			in.Ended(a)
			ends = ends[1:]
		}
		for range a.Size {
			end := max(now, free[0]) + service(r)
			free = insert(free[1:], end)
			ends = insert(ends, end)
		}
		if in.Due(a); in.Stopped() != "" {
			return i + 1, in.Stopped()
		}
	}
	return 0, ""
}

func insert(sorted []float64, v float64) []float64 {
	at, _ := slices.BinarySearch(sorted, v)
	return slices.Insert(sorted, at, v)
}

var services = []struct {
	name string
	draw func(*rand.Rand) float64 // mean 1
}{
	{"even", func(*rand.Rand) float64 { return 1 }},
	{"exponential", func(r *rand.Rand) float64 { return r.ExpFloat64() }},
	{"lognormal", func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64() - 0.5) }},
}

func saturable(t *testing.T, rate float64, arrivals string, seed int) *scenarios.Stage {
	t.Helper()
	p := plan(t, fmt.Sprintf("seed: %d\nload: {open: {rate: %f/s, arrivals: %s}, requests: 1000000, stop: {saturated: true}}", seed, rate, arrivals))
	return &p.Stages[0]
}

func TestAStableLoadIsNeverSaturated(t *testing.T) {
	for _, arrivals := range []string{"constant", "poisson", "gamma(0.25)"} {
		for _, service := range services {
			for _, servers := range []int{1, 8, 64, 1000} {
				for _, use := range []float64{0.1, 0.5, 0.8, 0.9, 0.95} {
					s := saturable(t, use*float64(servers), arrivals, servers)
					if at, why := serve(s, servers, service.draw, 8000); at > 0 {
						t.Errorf("%s arrivals, %s service by %d at %v of what they can: stopped after %d: %s", arrivals, service.name, servers, use, at, why)
					}
				}
			}
		}
	}
}

func TestAnOverloadIsSaturation(t *testing.T) {
	for _, arrivals := range []string{"constant", "poisson", "gamma(0.25)"} {
		for _, service := range services {
			for _, c := range []struct {
				servers  int
				use      float64
				offered  int // latest, of even and Poisson arrivals
				forBurst int // latest, of bursts
			}{{1, 1.2, 10_000, 16_000}, {1, 2, 600, 2000}, {8, 1.2, 10_000, 16_000}, {8, 2, 600, 2000}, {8, 20, 10_000, 20_000}, {64, 1.5, 1200, 4000}} {
				s := saturable(t, c.use*float64(c.servers), arrivals, 1)
				most := c.offered
				if strings.HasPrefix(arrivals, "gamma") {
					most = c.forBurst
				}
				at, why := serve(s, c.servers, service.draw, most)
				if at == 0 || !strings.HasPrefix(why, "saturated: of the last ") {
					t.Errorf("%s arrivals, %s service by %d at %v of what they can: not stopped within %d", arrivals, service.name, c.servers, c.use, most)
				}
			}
		}
	}
}

// A pause between requests lets what has ended be counted first: a refusal takes no virtual time.
func TestFailuresStopAStageOrTheRun(t *testing.T) {
	for _, c := range []struct {
		sentence, load, faults string
		stages                 int
		issued                 int64 // measured, at most
		why                    string
	}{
		{"half of them end the stage", "closed: {concurrency: 1, think_time: 10ms}, requests: 500, stop: {error_rate: 0.5}", "every: 2", 2, 30, "error_rate: 10 of 20 requests failed"},
		{"or the run", "closed: {concurrency: 1, think_time: 10ms}, requests: 500, stop: {error_rate: 0.5, ends: run}", "every: 2", 1, 30, "error_rate: 10 of 20 requests failed"},
		{"in an open loop, too", "open: {rate: 5/s, arrivals: constant}, requests: 500, stop: {error_rate: 0.5}", "every: 2", 2, 20, "error_rate: 10 of 20 requests failed"},
		{"of the warm-up, too", "closed: {concurrency: 1, think_time: 10ms}, requests: 500, warmup: {requests: 30}, stop: {error_rate: 1}", "every: 1", 2, 0, "error_rate: 20 of 20 requests failed"},
		{"fewer do not", "closed: {concurrency: 2, think_time: 10ms}, requests: 60, stop: {error_rate: 0.5}", "every: 3", 2, 60, "requests"},
		{"nor do few requests", "closed: {concurrency: 1, think_time: 10ms}, requests: 19, stop: {error_rate: 0.5}", "every: 1", 2, 19, "requests"},
		{"what ends a stage of two bounds is named", "closed: {concurrency: 1, think_time: 10ms}, requests: 60, duration: 1s", "every: 99", 2, 60, "duration"},
		{"whichever it is", "closed: {concurrency: 1, think_time: 10ms}, requests: 4, duration: 10s", "every: 99", 2, 4, "requests"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			out := run(t, quick, "workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 1}}\nload: {"+c.load+"}\n"+
				"faults: [{when: {"+c.faults+"}, action: {status: 500}}]\nstages: [{name: a}, {name: b, load: {requests: 1}}]", 0)
			s := out.Stages[0]
			if len(out.Stages) != c.stages || s.Requests.Issued > c.issued || s.StopReason != c.why || out.Interrupted {
				t.Errorf("%d stages, the first stopped by %q after %d", len(out.Stages), s.StopReason, s.Requests.Issued)
			}
			if early := strings.Contains(c.why, ":"); early != slices.Contains(s.Warnings, "ended early, "+c.why) {
				t.Errorf("warnings %q", s.Warnings)
			}
		})
	}
}

// Answers take an hour: those under way when the stage is stopped get the drain's five seconds, those in line nothing.
func TestAStopDoesNotWaitForWhatHangs(t *testing.T) {
	out := run(t, "engine: {model: fixed, ttft: 100ms, itl: 0s}", `
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 1}}
load: {open: {rate: 10/s, arrivals: constant, max_in_flight: 5}, requests: 500, stop: {error_rate: 1}}
stages:
  - {name: a, faults: [{when: {first: 20}, action: {status: 500}}, {action: {at_token: 0, do: stall, for: 1h}}]}
  - {name: b, load: {requests: 1}}
`, 0)
	if s := out.Stages[0]; s.StopReason != "error_rate: 20 of 20 requests failed" || s.Requests.Failed != 20 {
		t.Errorf("stopped by %q, %+v", s.StopReason, s.Requests)
	}
	near(t, "the next stage's start", &out.Stages[1].Window.StartS, 1.9, 5.1)
}

// An arrival of 16 requests is one arrival: sixteen times the chance, and no saturation of its own.
func TestBatchesAreNoSaturation(t *testing.T) {
	const batches = "poisson}, batch: {size: 16"
	for seed := range 5 {
		if at, why := serve(saturable(t, 0.9*64/16, batches, seed), 64, services[1].draw, 2000); at > 0 {
			t.Errorf("seed %d: stopped after %d: %s", seed, at, why)
		}
		if at, _ := serve(saturable(t, 2*64/16., batches, seed), 64, services[1].draw, 2000); at == 0 {
			t.Errorf("seed %d: twice the load is not seen in 2000 batches", seed)
		}
	}
}
