package capacity_test

import (
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
	"github.com/llmload/llmload/report/capacity"
)

// TestNoNumberIsInvented: where no rate is the answer, the answer says so and holds none.
func TestNoNumberIsInvented(t *testing.T) {
	slow := func() *engine.Step {
		e := h100()
		e.C0 = 600 * time.Millisecond // the first token alone takes longer than the SLO allows
		return e
	}
	small := shape{512, 128}
	tests := map[string]struct {
		server server
		slo    string
		bounds capacity.Bounds
		state  capacity.State
		why    string
		probes int // at most
	}{
		"every request fails": {
			server{shape: small, engine: h100, fails: 1}, "ttft.p99=500ms", capacity.Bounds{}, capacity.NothingHolds, "no request succeeded", 1,
		},
		"the first token is late even alone": {
			server{shape: small, engine: slow}, "ttft.p99=500ms", capacity.Bounds{}, capacity.NothingHolds, "ttft.p99 <= 500ms is broken", 5,
		},
		"it never saturates within the bound": {
			server{shape: small, engine: h100}, "ttft.p99=500ms", capacity.Bounds{MaxRate: 20}, capacity.Beyond, "20/s, the bound on the rate, holds", 5,
		},
		"5% fail at any rate, and 1% may": {
			server{shape: small, engine: h100, fails: 0.05}, "ttft.p99=500ms", capacity.Bounds{}, capacity.Flaky, "of requests fail", 8,
		},
		"5% fail at any rate, and 1% may, by attainment": {
			server{shape: small, engine: h100, fails: 0.05}, "ttft=500ms", capacity.Bounds{}, capacity.Flaky, "of requests fail", 8,
		},
		"the time is up before it breaks": {
			server{shape: small, engine: h100}, "ttft.p99=500ms", capacity.Bounds{Time: 25 * time.Second}, capacity.Undecided, "time is used up", 4,
		},
		"the tokens are used up": {
			server{shape: small, engine: h100}, "ttft.p99=500ms", capacity.Bounds{Tokens: 100_000}, capacity.Undecided, "tokens is used up", 4,
		},
		"three stages do not suffice": {
			server{shape: small, engine: h100}, "ttft.p99=500ms", capacity.Bounds{Stages: 3}, capacity.Undecided, "stages is used up", 3,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.server.seed = 3
			a := test.server.search(&capacity.Search{SLO: slo(t, test.slo), Bounds: test.bounds})
			if a.State != test.state || !strings.Contains(a.Why, test.why) {
				t.Errorf("%s: %s", a.State, a.Why)
			}
			if a.Estimate != nil || a.Confirm.Confirmed() {
				t.Errorf("a number is invented: %+v", a.Estimate)
			}
			if len(a.Probes) > test.probes {
				t.Errorf("%d probes, want at most %d", len(a.Probes), test.probes)
			}
		})
	}
}

// TestTheTimeIsShared: a search of 40 seconds, too short for its full probes, still gets to both of its longer runs, and
// one that is ended from outside says by what.
func TestTheTimeIsShared(t *testing.T) {
	v := &server{shape: shape{64, 16}, engine: h100, seed: 1}
	a := v.search(&capacity.Search{SLO: slo(t, "ttft.p90=100ms"), Bounds: capacity.Bounds{Start: 40, Time: 40 * time.Second}})
	if a.Confirm.Holds == nil || a.Confirm.Breaks == nil {
		t.Errorf("%s %s after %d probes, confirmed %v", a.State, a.Why, len(a.Probes), a.Confirm)
	}
	for _, o := range a.Probes {
		if o.Kind == capacity.Bracket && o.Requests > 16 && float64(o.Requests) > o.Rate*40/9 {
			t.Errorf("a bracket of %d requests at %v/s takes over a ninth of the time", o.Requests, o.Rate)
		}
	}
	s := &capacity.Search{SLO: slo(t, "ttft.p90=100ms")}
	s.Next()
	s.End("the budget is used up")
	if _, more := s.Next(); more || s.Answer().Why != "the budget is used up" {
		t.Errorf("more %v, %q", more, s.Answer().Why)
	}
}

// TestFailuresThatTheSLOAllows do not keep a search from its answer: 5% fail, 10% may.
func TestFailuresThatTheSLOAllows(t *testing.T) {
	v := &server{shape: shape{512, 128}, engine: h100, fails: 0.05, seed: 1}
	a := v.search(&capacity.Search{SLO: slo(t, "ttft.p90=500ms")})
	if a.State != capacity.Found || a.Estimate.Rate < 25 || a.Estimate.Rate > 38 {
		t.Errorf("%s %s %+v", a.State, a.Why, a.Estimate)
	}
}

// TestSpoiledProbes: what the tool itself spoiled says nothing of the server.
func TestSpoiledProbes(t *testing.T) {
	v := &server{shape: shape{512, 128}, engine: h100, seed: 1}
	s := &capacity.Search{SLO: slo(t, "ttft.p99=500ms")}
	for p, ok := s.Next(); ok; p, ok = s.Next() {
		o := v.probe(s.SLO, p)
		if p.Rate > 10 {
			o.Spoiled = "requests left late"
		}
		s.Observe(o)
	}
	if a := s.Answer(); a.State != capacity.Undecided || !strings.Contains(a.Why, "requests left late") || a.Held != 4 || a.Broken != 0 {
		t.Errorf("%s %s, held %v, broken %v", a.State, a.Why, a.Held, a.Broken)
	}
}

// TestJudge reads another SLO off probes that were measured for one.
func TestJudge(t *testing.T) {
	both := slo(t, "ttft.p99=500ms", "tpot.p90=12ms")
	v := &server{shape: shape{512, 128}, engine: h100, seed: 1}
	a := v.search(&capacity.Search{SLO: both})
	if a.Estimate == nil || a.Estimate.Binding != "tpot.p90 <= 12ms" {
		t.Fatalf("%s %s %+v", a.State, a.Why, a.Estimate)
	}
	again := capacity.Judge(both, a.Probes)
	if e := again.Estimate; e == nil || e.Lo > a.Estimate.Rate || e.Hi < a.Estimate.Rate || again.Confirm.Confirmed() {
		t.Errorf("judged again: %s %s %+v, first %+v", again.State, again.Why, e, a.Estimate)
	}
	if none := capacity.Judge(both, nil); none.State != capacity.Undecided {
		t.Errorf("no probe: %s", none.State)
	}
	if held := capacity.Judge(both, a.Probes[:1]); held.State != capacity.Beyond || held.Estimate != nil {
		t.Errorf("one probe that holds: %s", held.State)
	}
}

func TestParseSLO(t *testing.T) {
	for text, want := range map[string]string{
		"ttft.p99=500ms":          "ttft.p99<=500ms",
		"tpot.p90 < 50ms":         "tpot.p90<50ms",
		"attainment=0.95|ttft=1s": "ttft=1.00s,attainment>=0.95",
		"ttft=500ms|tpot=50ms":    "ttft=500ms,tpot=50.0ms,attainment>=0.99",
		"success_rate=99.9%":      "success_rate>=0.999",
		"tok_s_per_user=20":       "tok_s_per_user>=20",
		"e2e.mean=2s":             "e2e.mean<=2s,success_rate>=0.99",
		"ttft.ok_p99=1s":          "ttft.ok_p99<=1s,success_rate>=0.99",
		"":                        "",
	} {
		s, err := capacity.ParseSLO(strings.FieldsFunc(text, func(r rune) bool { return r == '|' }))
		if got := s.String(); err != nil || text != "" && got != want {
			t.Errorf("%q gives %q, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"ttft.p99=500":      "a duration needs a unit",
		"tftt.p99=500ms":    `did you mean "ttft"?`,
		"ttft.max=500ms":    "take a quantile",
		"attainment=0.99":   "attainment needs limits",
		"success_rate=1":    "write 0.999",
		"requests_per_s>=5": "rises with the rate",
		"ttft.p99>500ms":    "turn the sign",
		"ttft=x":            "is not a duration",
		"success_rate<=0.5": "turn the sign",
		"error_rate=0":      "write 0.001",
		"tok_s_per_user=0":  "write a number above 0",
	} {
		if _, err := capacity.ParseSLO([]string{text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives the error %v, want %q", text, err, want)
		}
	}
}
