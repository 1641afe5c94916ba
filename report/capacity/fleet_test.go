package capacity_test

import (
	"math"
	"testing"

	"github.com/llmload/llmload/report/capacity"
)

func near(got, want float64) bool { return math.Abs(got-want) <= 1e-9*math.Abs(want) }

// measured is an answer as a search gives it: 10/s, surely 8 to 12.
func measured() capacity.Answer {
	probe := func(rate, ttft float64) capacity.Observation {
		return capacity.Observation{Issued: 1000, Offered: rate, Input: 500, Output: 100, TTFTP50: ttft * 1e6, TTFTP99: 4 * ttft * 1e6, TPOTP50: 10e6}
	}
	return capacity.Answer{
		State: capacity.Found, Estimate: &capacity.Estimate{Rate: 10, Lo: 8, Hi: 12, Binding: "ttft.p99 <= 500ms"},
		Probes: []capacity.Observation{probe(4, 40), probe(16, 80)},
	}
}

// TestFleetOfATrace: arrivals at 60/s in the first minute, at 20/s in the second, and a second of a third.
//
//	peak 60/s, mean (60+20)/2 = 40/s; headroom 25% leaves 7.5/s a replica (6 to 9)
//	replicas: ceil(60/7.5) = 8 and one spare = 9; at 12/s ceil(60/9) = 7+1 = 8; at 8/s ceil(60/6) = 10+1 = 11
//	utilisation at the peak: 60/(9*10) = 0.667; with one lost: 60/(8*10) = 0.75
//	a replica carries 60/9 = 6.667/s: TTFT p50 between 40 and 80 ms, by the log at ln(6.667/4)/ln(16/4) = 0.3685: 54.74 ms
//	cost: 9 * 2 USD * 730 h = 13,140 USD; requests 40 * 3600 * 730 = 105.12 M of 600 tokens = 63,072 Mtok: 0.20833 USD a Mtok
//	scaled: 9 in the first minute, ceil(20/7.5)+1 = 4 in the second: 6.5 * 2 * 730 = 9,490 USD
//	API: 105.12 M * (500*0.15 + 100*0.60)/1e6 USD = 14,191.20 USD
//	quota: 3,000 RPM = 50/s; 600,000 TPM = 10,000 tokens/s / 600 = 16.67/s, which is less, and below the peak
func TestFleetOfATrace(t *testing.T) {
	var arrivals []float64
	for i := range 3600 {
		arrivals = append(arrivals, float64(i)/60)
	}
	for i := range 1200 {
		arrivals = append(arrivals, 60+float64(i)/20)
	}
	for i := range 61 {
		arrivals = append(arrivals, 120+float64(i)/60)
	}
	f, err := measured().Fleet(capacity.FleetTerms{
		Demand: capacity.DemandOf(arrivals, 60), Headroom: 0.25, Spare: 1, ReplicaHour: 2,
		APIInput: 0.15, APIOutput: 0.60, RPM: 3000, TPM: 600_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	if f.Peak != 60 || f.Mean != 40 || f.Replicas != (capacity.Range{Value: 9, Lo: 8, Hi: 11}) {
		t.Errorf("peak %v, mean %v, replicas %+v", f.Peak, f.Mean, f.Replicas)
	}
	for what, pair := range map[string][2]float64{
		"utilisation":      {f.Utilisation.Value, 60. / 90},
		"with one lost":    {f.Degraded.Value, 0.75},
		"of the low end":   {f.Utilisation.Hi, 60. / 72},
		"a month":          {f.Month.Value, 13_140},
		"a month, scaled":  {f.Scaled.Value, 9_490},
		"a million tokens": {f.MTok.Value, 13_140 / 63_072.},
		"the API":          {f.APIMonth, 14_191.20},
		"the quota":        {f.Quota.Rate, 600_000. / 60 / 600},
		"TTFT at least":    {f.TTFTP50.Lo, 40e6},
		"TTFT":             {f.TTFTP50.Value, 40e6 + 40e6*math.Log(60./9/4)/math.Log(4)},
		"TTFT p99 at most": {f.TTFTP99.Hi, 320e6},
		"TPOT":             {f.TPOTP50.Value, 10e6},
	} {
		if !near(pair[0], pair[1]) {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	if f.Quota.By != "TPM" || !f.Quota.Binds {
		t.Errorf("quota %+v", f.Quota)
	}
}

// TestDemandOfWhatFillsNoWindow: a short trace is measured over its own length, a busy end is not lost.
func TestDemandOfWhatFillsNoWindow(t *testing.T) {
	var short, busyEnd []float64
	for i := range 101 {
		short = append(short, float64(i)/10)
	}
	for i := range 60 {
		busyEnd = append(busyEnd, float64(i))
	}
	for i := range 401 {
		busyEnd = append(busyEnd, 60+float64(i)/10)
	}
	for name, test := range map[string]struct {
		arrivals   []float64
		peak, mean float64
	}{
		"10/s for ten seconds":               {short, 10, 10},
		"1/s for a minute, 10/s for 40 more": {busyEnd, 10, 4.6},
		"one arrival":                        {short[:1], 1. / 60, 1. / 60},
	} {
		if d := capacity.DemandOf(test.arrivals, 60); !near(d.Peak(), test.peak) || !near(d.Mean(), test.mean) {
			t.Errorf("%s: peak %v, mean %v, want %v and %v", name, d.Peak(), d.Mean(), test.peak, test.mean)
		}
	}
	if capacity.DemandOf(nil, 60) != nil {
		t.Error("a demand of nothing")
	}
}

func TestFleetNeedsAnAnswer(t *testing.T) {
	peak := capacity.Demand{{Seconds: 1, Rate: 60}}
	if _, err := (capacity.Answer{State: capacity.Flaky, Why: "5% fail"}).Fleet(capacity.FleetTerms{Demand: peak}); err == nil {
		t.Error("a fleet of a capacity that was not found")
	}
	if _, err := measured().Fleet(capacity.FleetTerms{}); err == nil {
		t.Error("a fleet for no demand")
	}
	if _, err := measured().Fleet(capacity.FleetTerms{Demand: peak, Headroom: 1}); err == nil {
		t.Error("a fleet that keeps everything free")
	}
	exact, err := measured().Fleet(capacity.FleetTerms{Demand: peak})
	if err != nil || exact.Replicas.Value != 6 || exact.Month != nil || exact.Quota != nil {
		t.Errorf("60/s of 10/s: %+v, %v", exact.Replicas, err)
	}
}

// TestReshaped: twice the prompt at a model of prefill alone is half the capacity.
func TestReshaped(t *testing.T) {
	prefill := capacity.Fit{Model: capacity.Model{Prefill: 20e3}}
	a, err := measured().Reshaped(prefill, 1000, 100) // measured with 500 tokens in and 100 out
	if err != nil || !near(a.Estimate.Rate, 5) || !near(a.Estimate.Lo, 4) || a.Confirm.Confirmed() || a.Why == "" {
		t.Errorf("%+v, %v, %q", a.Estimate, err, a.Why)
	}
	if measured().Estimate.Rate != 10 {
		t.Error("the answer itself was changed")
	}
	if _, err := (capacity.Answer{State: capacity.Undecided}).Reshaped(prefill, 1, 1); err == nil {
		t.Error("nothing was scaled")
	}
}
