package scenarios_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/llmload/llmload/scenarios"
)

// take returns the first n arrivals of a stage, or all if there are fewer.
func take(s *scenarios.Stage, n int, tick time.Duration) (out []scenarios.Arrival) {
	schedule := s.Schedule()
	for i := range n {
		a, ok := schedule.Next(time.Duration(i) * tick)
		if !ok {
			break
		}
		out = append(out, a)
	}
	return out
}

func TestConstantArrivalsDoNotDrift(t *testing.T) {
	t.Parallel()
	for _, rate := range []int64{7, 600_000} {
		s := mustPlan(t, fmt.Sprintf("load: {open: {rate: %d/s, arrivals: constant}, requests: 1000000}", rate)).Stages[0]
		arrivals := take(&s, 1_000_001, 0)
		for i := 0; i < len(arrivals); i += 997 {
			exact, _ := new(big.Rat).SetFrac64(int64(i)*int64(time.Second), rate).Float64()
			if off := float64(arrivals[i].At) - exact; math.Abs(off) > 0.5000001 {
				t.Fatalf("at %d/s arrival %d is intended at %d ns, %.3f ns off", rate, i, arrivals[i].At, off)
			}
		}
		if len(arrivals) != 1_000_001 || !arrivals[1_000_000].Tail || arrivals[999_999].Tail {
			t.Errorf("at %d/s the tail does not begin behind the millionth", rate)
		}
	}
}

// TestPoissonGaps holds mean, variation and independence of the gaps within four standard errors of what theory says.
func TestPoissonGaps(t *testing.T) {
	const n = 200_000
	s := mustPlan(t, "seed: 11\nload: {open: {rate: 50/s}}").Stages[0]
	arrivals := take(&s, n, 0)
	gaps := make([]float64, n)
	var sum float64
	for i, last := 0, time.Duration(0); i < n; i++ {
		gaps[i] = (arrivals[i].At - last).Seconds()
		last = arrivals[i].At
		sum += gaps[i]
	}
	mean := sum / n
	var square, lagged float64
	for i, g := range gaps {
		square += (g - mean) * (g - mean)
		if i > 0 {
			lagged += (g - mean) * (gaps[i-1] - mean)
		}
	}
	cv, correlation := math.Sqrt(square/n)/mean, lagged/square
	bound := 4 / math.Sqrt(n)
	if math.Abs(mean*50-1) > bound {
		t.Errorf("mean gap %v s at 50/s", mean)
	}
	if math.Abs(cv-1) > bound*math.Sqrt2 { // the kurtosis of the exponential makes it wider
		t.Errorf("coefficient of variation %v, want 1", cv)
	}
	if math.Abs(correlation) > bound {
		t.Errorf("a gap correlates with the one before by %v", correlation)
	}
	slices.Sort(gaps)
	for _, q := range []float64{0.1, 0.5, 0.9, 0.99} {
		want := -math.Log(1-q) / 50
		if got := gaps[int(q*n)]; math.Abs(got/want-1) > 0.03 {
			t.Errorf("quantile %v of the gaps is %v s, want %v", q, got, want)
		}
	}
}

// TestPoissonRoundsFairly holds that the highest rate, where a gap is a thousand nanoseconds, is as fast as it says: the
// same draws a million times slower show what rounding did. Cutting off would gain a part in two thousand.
func TestPoissonRoundsFairly(t *testing.T) {
	const n = 200_000
	end := func(rate string) float64 {
		s := mustPlan(t, "load: {open: {rate: "+rate+"}}").Stages[0]
		return take(&s, n, 0)[n-1].At.Seconds()
	}
	if ratio := end("1000000/s") * 1e6 / end("1/s"); math.Abs(ratio-1) > 1e-5 {
		t.Errorf("gaps are %v of what was drawn", ratio)
	}
}

// TestPhases holds which arrivals are warm-up (w), measured (m) and tail (t), and how many prompts each has.
func TestPhases(t *testing.T) {
	const open = "open: {rate: 10/s, arrivals: constant}"
	for _, c := range []struct {
		sentence, load string
		tick           time.Duration // of a closed loop: when a worker asks next
		want           string
	}{
		{"a closed loop ends with its requests", "requests: 3", 0, "m1 m1 m1"},
		{"the last batch may be partial", "requests: 5, batch: {size: 2}", 0, "m2 m2 m1"},
		{"so may the last of the warm-up", "requests: 3, batch: {size: 2}, warmup: {requests: 3}", 0, "w2 w1 m2 m1"},
		{"a closed loop ends with its duration", "duration: 1s", 300 * time.Millisecond, "m1 m1 m1 m1"},
		{"what comes at the end of the duration is outside", "duration: 1s", 500 * time.Millisecond, "m1 m1"},
		{"requests end it before the duration", "duration: 1s, requests: 2", 300 * time.Millisecond, "m1 m1"},
		{"duration ends it before the requests", "duration: 1s, requests: 9", 300 * time.Millisecond, "m1 m1 m1 m1"},
		{"the duration counts from the first measured", "duration: 1s, warmup: {requests: 3}", 300 * time.Millisecond, "w1 w1 w1 m1 m1 m1 m1"},
		{"a warm-up may be a time", "requests: 2, warmup: {duration: 1s}", 300 * time.Millisecond, "w1 w1 w1 w1 m1 m1"},
		{"with both, both must be reached: the time", "requests: 1, warmup: {duration: 1s, requests: 2}", 300 * time.Millisecond, "w1 w1 w1 w1 m1"},
		{"with both, both must be reached: the count", "requests: 1, warmup: {duration: 1s, requests: 6}", 300 * time.Millisecond, "w1 w1 w1 w1 w1 w1 m1"},
		{"an open loop goes on as tail", open + ", requests: 2", 0, "m1 m1 t1 t1 t1 t1 t1 t1"},
		{"and is full again in the tail", open + ", requests: 3, batch: {size: 2}", 0, "m2 m1 t2 t2 t2 t2 t2 t2"},
		{"by duration", open + ", duration: 300ms", 0, "m1 m1 m1 t1 t1 t1 t1 t1"},
		{"after a warm-up by time", open + ", duration: 200ms, warmup: {duration: 250ms}", 0, "w1 w1 w1 m1 m1 t1 t1 t1"},
		{"after a warm-up by requests", open + ", requests: 1, warmup: {requests: 2}", 0, "w1 w1 m1 t1 t1 t1 t1 t1"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := mustPlan(t, "load: {"+c.load+"}").Stages[0]
			var got []string
			prompts := int64(0)
			for i, a := range take(&s, 8, c.tick) {
				if a.Index != int64(i) || a.First != prompts {
					t.Errorf("arrival %d has index %d and first prompt %d, want %d", i, a.Index, a.First, prompts)
				}
				prompts += int64(a.Size)
				got = append(got, fmt.Sprint(phase(a), a.Size))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("got %s, want %s", strings.Join(got, " "), c.want)
			}
		})
	}
}

func phase(a scenarios.Arrival) string {
	switch {
	case a.Warmup:
		return "w"
	case a.Tail:
		return "t"
	}
	return "m"
}

// TestGoldenSchedule holds the arrivals of a seed to the byte: shards of one run may come from two builds.
func TestGoldenSchedule(t *testing.T) {
	const want = "544044872d000f19a063a42bd923b2ae6f93b247e87522c4b362558e8beb49c9"
	if got := digest(t, 42); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if digest(t, 43) == want {
		t.Error("another seed gave the same bytes")
	}
	p := mustPlan(t, "load: {open: {rate: 50/s}}\nstages: [{name: a}, {name: b}]")
	if slices.Equal(take(&p.Stages[0], 10, 0), take(&p.Stages[1], 10, 0)) {
		t.Error("two stages have the same arrivals")
	}
}

// digest hashes the arrivals and prompts of a stage.
func digest(t *testing.T, seed int) string {
	t.Helper()
	s := mustPlan(t, fmt.Sprintf("seed: %d\nworkload: {prompts: {synthetic: {input_tokens: {mean: 30, stddev: 9}}}}\nload: {open: {rate: 50/s}}", seed)).Stages[0]
	h := sha256.New()
	for _, a := range take(&s, 1000, 0) {
		text, tokens := prompt(&s, a.First, 5)
		fmt.Fprintln(h, a, text, tokens)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// stage draws a stage that is quick to walk through.
func stage(t *rapid.T) *scenarios.Stage {
	load := fmt.Sprintf("batch: {size: %d}, requests: %d, warmup: {requests: %d, duration: %dms}",
		rapid.IntRange(1, 9).Draw(t, "batch"), rapid.IntRange(1, 300).Draw(t, "requests"),
		rapid.IntRange(0, 40).Draw(t, "warm-up requests"), rapid.IntRange(0, 500).Draw(t, "warm-up ms"))
	if rapid.Bool().Draw(t, "open") {
		load += fmt.Sprintf(", open: {rate: %d/s, arrivals: %s}",
			rapid.IntRange(1, 1_000_000).Draw(t, "rate"), rapid.SampledFrom([]string{"constant", "poisson"}).Draw(t, "arrivals"))
	}
	p, err := plan(fmt.Sprintf("seed: %d\nload: {%s}", rapid.Uint64().Draw(t, "seed"), load))
	if err != nil {
		t.Fatal(err)
	}
	return &p.Stages[0]
}

func TestSchedulesKeepTheirPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := stage(t)
		tick := time.Duration(rapid.IntRange(0, 1e9).Draw(t, "tick"))
		if s.Warmup.Duration > 0 {
			tick += time.Millisecond // a worker that asks again and again at one instant never warms up
		}
		schedule, again := s.Schedule(), s.Schedule()
		var last scenarios.Arrival
		prompts, measured := int64(0), 0
		for i := int64(0); !last.Tail; i++ {
			a, ok := schedule.Next(time.Duration(i) * tick)
			if same, _ := again.Next(time.Duration(i) * tick); same != a {
				t.Fatalf("a second walk gave %+v for %+v", same, a)
			}
			if !ok {
				break
			}
			if a.At < last.At || a.Index != i || a.First != prompts || a.Size < 1 || a.Size > s.BatchSize {
				t.Fatalf("%+v after %+v", a, last)
			}
			if a.Warmup && measured > 0 || a.Warmup && a.Tail {
				t.Fatalf("warm-up after measured load: %+v", a)
			}
			if !a.Warmup && !a.Tail {
				measured += a.Size
			}
			prompts, last = prompts+int64(a.Size), a
		}
		if measured != s.Requests {
			t.Fatalf("%d prompts measured, want %d", measured, s.Requests)
		}
		if last.Tail != s.Open() {
			t.Fatalf("tail %v", last.Tail)
		}
	})
}

// TestShardsUnite holds that n machines which each walk the schedule and send what is theirs send the whole, once.
func TestShardsUnite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := stage(t)
		const most = 200
		whole := take(s, most, time.Millisecond)
		n := rapid.IntRange(1, 7).Draw(t, "shards")
		var united []scenarios.Arrival
		for i := range n {
			for _, a := range take(s, most, time.Millisecond) {
				if a.Index%int64(n) == int64(i) {
					united = append(united, a)
				}
			}
		}
		slices.SortFunc(united, func(a, b scenarios.Arrival) int { return int(a.Index - b.Index) })
		if !slices.Equal(united, whole) {
			t.Fatalf("%d shards send %v, the whole is %v", n, united, whole)
		}
	})
}

// TestSlowestRates holds that a clock of 292 years ends an open loop instead of turning back.
func TestSlowestRates(t *testing.T) {
	t.Parallel()
	for _, arrivals := range []string{"constant", "poisson"} {
		s := mustPlan(t, "load: {open: {rate: 1/h, arrivals: "+arrivals+"}, requests: 1000000000}").Stages[0]
		schedule := s.Schedule()
		last := scenarios.Arrival{}
		n := 0
		for ; n < 4_000_000; n++ {
			a, ok := schedule.Next(0)
			if !ok {
				break
			}
			if a.At < last.At {
				t.Fatalf("%s: %v after %v", arrivals, a.At, last.At)
			}
			last = a
		}
		if years := last.At.Hours() / 24 / 365; n > 3_000_000 || years < 290 {
			t.Errorf("%s: ended after %d arrivals and %.0f years", arrivals, n, years)
		}
	}
}
