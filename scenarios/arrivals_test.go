package scenarios_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/llmload/llmload/scenarios"
)

func TestArrivalsAreWrittenInOneForm(t *testing.T) {
	for _, c := range []struct{ sentence, load, want string }{
		{"gamma", "open: {rate: 5/s, arrivals: gamma(0.50)}", "rate=5/s: rate: 5/s arrivals: gamma(0.5) max_in_flight: 2000"},
		{"a ramp's rate is its mean", `open: {arrivals: "ramp(60/m,3/s)"}, duration: 1m`, "ramp=1/s..3/s: rate: 2/s arrivals: ramp(1/s, 3/s) max_in_flight: 2000"},
		{"steps last as long as they hold", `open: {arrivals: "steps(1/s 30s, 4/s 60s)"}`, "steps: rate: 3/s arrivals: steps(1/s 30s, 4/s 1m0s) max_in_flight: 2000"},
		{"a trace is as long as it is", "open: {arrivals: trace(azure.csv)}", "trace: rate: 2/s arrivals: trace(azure.csv)"},
		{"and may go faster", `open: {arrivals: "trace(azure.csv, 2)"}`, "trace,speed=2: rate: 4/s arrivals: trace(azure.csv, 2)"},
		{"rate in an entry replaces a ramp", "open: {arrivals: \"ramp(1/s, 3/s)\"}, duration: 9s}\nstages: [{load: {open: {rate: 5/s}}}]\nslo: {", "rate=5/s: rate: 5/s arrivals: poisson"},
		{"and keeps a gamma", "open: {rate: 1/s, arrivals: gamma(4)}}\nstages: [{load: {open: {rate: 5/s}}}]\nslo: {", "rate=5/s: rate: 5/s arrivals: gamma(4)"},
		{"a ramp in an entry replaces a rate", "open: {rate: [1/s, 2/s]}, duration: 9s}\nstages: [{load: {open: {arrivals: \"ramp(2/s, 4/s)\"}}}]\nslo: {", "ramp=2/s..4/s: rate: 3/s arrivals: ramp(2/s, 4/s)"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			p := mustPlan(t, "load: {"+c.load+"}")
			s := p.Stages[0]
			got := s.Name + ": " + strings.Join(strings.Fields(text(t, p)), " ")
			name, rest, _ := strings.Cut(c.want, ": ")
			if s.Name != name || !strings.Contains(got, rest) {
				t.Errorf("no %q in %s", c.want, got)
			}
		})
	}
	steps := mustPlan(t, `load: {open: {arrivals: "steps(1/s 30s, 4/s 60s)"}}`).Stages[0]
	if steps.Duration != 90*time.Second || steps.Requests != 0 {
		t.Errorf("steps for %v or %d requests", steps.Duration, steps.Requests)
	}
	if trace := mustPlan(t, "load: {open: {arrivals: trace(azure.csv)}, warmup: {requests: 1}}").Stages[0]; trace.Requests != 3 {
		t.Errorf("%d requests are left of 4 behind a warm-up of one", trace.Requests)
	}
}

// Each process has the mean gap of its rate and the coefficient of variation of its kind, within five standard errors;
// gaps are independent. The exact quantiles of gamma distributions: 0.5: a chi-square with one degree; 4: with eight.
func TestGapsAreThoseOfTheirProcess(t *testing.T) {
	const n, rate = 200_000, 50
	for _, c := range []struct {
		arrivals string
		cv       float64
		median   float64 // of the gap / its mean
		p99      float64
	}{
		{"constant", 0, 1, 1},
		{"poisson", 1, math.Ln2, 4.60517},
		{"gamma(1)", 1, math.Ln2, 4.60517},
		{"gamma(0.25)", 2, 0.174695, 9.735542},
		{"gamma(0.5)", math.Sqrt2, 0.454936, 6.634897},
		{"gamma(4)", 0.5, 0.918015, 2.511280},
		{"gamma(100)", 0.1, 0.996669, 1.247226},
	} {
		s := mustPlan(t, fmt.Sprintf("seed: 5\nload: {open: {rate: %d/s, arrivals: %s}}", rate, c.arrivals)).Stages[0]
		gaps, mean := gapsOf(take(&s, n+1, 0))
		var square, fourth, lagged float64
		for i, g := range gaps {
			square += (g - mean) * (g - mean)
			fourth += math.Pow(g-mean, 4)
			if i > 0 {
				lagged += (g - mean) * (gaps[i-1] - mean)
			}
		}
		variance := square / n
		cv := math.Sqrt(variance) / mean
		kurtosis := 3.
		if variance > 1e-12 {
			kurtosis = fourth / n / variance / variance
			if r := lagged / square; math.Abs(r) > 5/math.Sqrt(n) {
				t.Errorf("%s: a gap correlates with the one before by %v", c.arrivals, r)
			}
		}
		if off := mean*rate - 1; math.Abs(off) > 5*c.cv/math.Sqrt(n)+1e-6 {
			t.Errorf("%s: mean gap %v s at %d/s", c.arrivals, mean, rate)
		}
		if math.Abs(cv-c.cv) > 5*c.cv*math.Sqrt(kurtosis/n)/2+1e-6 {
			t.Errorf("%s: coefficient of variation %v, want %v", c.arrivals, cv, c.cv)
		}
		slices.Sort(gaps)
		for q, want := range map[float64]float64{0.5: c.median, 0.99: c.p99} {
			if got := gaps[int(q*n)] / mean; math.Abs(got/want-1) > 0.03 {
				t.Errorf("%s: quantile %v of the gaps is %v means, want %v", c.arrivals, q, got, want)
			}
		}
	}
}

func gapsOf(arrivals []scenarios.Arrival) (gaps []float64, mean float64) {
	for i := range arrivals[1:] {
		gaps = append(gaps, (arrivals[i+1].At - arrivals[i].At).Seconds())
	}
	span := arrivals[len(arrivals)-1].At - arrivals[0].At
	return gaps, span.Seconds() / float64(len(gaps))
}

// The arrivals up to any moment of a ramp are the integral of its rate up to there, within one; the ramp begins with the
// first measured arrival, after a warm-up at its first rate.
func TestARampIsTheIntegralOfItsRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := float64(rapid.IntRange(1, 30_000).Draw(t, "from"))/100, float64(rapid.IntRange(1, 30_000).Draw(t, "to"))/100
		seconds := rapid.IntRange(1, 20).Draw(t, "seconds")
		warm := rapid.SampledFrom([]string{"", ", warmup: {requests: 7}", ", warmup: {duration: 1500ms}", ", warmup: {requests: 3, duration: 500ms}"}).Draw(t, "warm-up")
		p, err := plan(fmt.Sprintf(`load: {open: {arrivals: "ramp(%v/s, %v/s)"}, duration: %ds%s}`, from, to, seconds, warm))
		if err != nil {
			t.Fatal(err)
		}
		schedule := p.Stages[0].Schedule()
		began, n := time.Duration(-1), 0
		for i := 0; ; i++ {
			a, _ := schedule.Next(0)
			if a.Warmup {
				if want := float64(i) / from; math.Abs(a.At.Seconds()-want) > 1e-6 {
					t.Fatalf("warm-up arrival %d at %v, want %v", i, a.At, want)
				}
				continue
			}
			if began < 0 {
				began = a.At
			}
			if a.Tail {
				break
			}
			x := (a.At - began).Seconds()
			if integral := from*x + (to-from)*x*x/2/float64(seconds); math.Abs(integral-float64(n)) > 1e-4 {
				t.Fatalf("arrival %d at %v, where the integral is %v", n, a.At, integral)
			}
			n++
		}
		if want := (from + to) / 2 * float64(seconds); math.Abs(float64(n)-want) > 1.001 {
			t.Fatalf("%d arrivals, the integral is %v", n, want)
		}
	})
}

func TestStepsHoldTheirRates(t *testing.T) {
	s := mustPlan(t, `load: {open: {arrivals: "steps(2/s 10s, 100/s 1s, 10/s 5s)"}}`).Stages[0]
	count := map[string]int{}
	for _, a := range take(&s, 300, 0) {
		switch at := a.At.Seconds(); {
		case a.Tail && at < 17:
			count["the last rate goes on"]++
		case a.Tail:
		case at < 10:
			count["2/s"]++
		case at < 11:
			count["100/s"]++
		default:
			count["10/s"]++
		}
	}
	want := map[string]int{"2/s": 20, "100/s": 100, "10/s": 50, "the last rate goes on": 10}
	if fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", count, want)
	}
}

// Shards of every process unite: the schedule is a function of seed and index alone.
func TestShardsOfEveryProcessUnite(t *testing.T) {
	for _, arrivals := range []string{"rate: 9/s, arrivals: gamma(0.3)", `arrivals: "ramp(1/s, 90/s)"`, `arrivals: "steps(3/s 2s, 50/s 1s)"`, `arrivals: "trace(azure.csv, 3)"`} {
		src := "seed: 3\nload: {open: {" + arrivals + "}, duration: 10s, warmup: {requests: 3}}"
		whole := take(&mustPlan(t, src).Stages[0], 300, 0)
		var united []scenarios.Arrival
		for i := range 3 {
			for _, a := range take(&mustPlan(t, src).Stages[0], 300, 0) {
				if a.Index%3 == int64(i) {
					united = append(united, a)
				}
			}
		}
		slices.SortFunc(united, func(a, b scenarios.Arrival) int { return int(a.Index - b.Index) })
		if !slices.Equal(united, whole) {
			t.Errorf("%s: three shards differ from the whole", arrivals)
		}
	}
}
