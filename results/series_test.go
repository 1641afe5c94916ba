package results_test

import (
	"testing"

	"github.com/llmload/llmload/results"
)

// course adds records to a collector and returns the series.
func course(records ...*results.Record) []results.Point {
	c := results.NewCollector(closed, window(0, 1))
	for _, r := range records {
		c.Add(r)
	}
	return c.Summarize().Series
}

func TestSeries(t *testing.T) {
	stream := streamed() // in flight 106 to 460; tokens 3, 2, 2, 2 at 300, 340, 420, 460
	got := course(&stream, plain(150, 250, results.Reset))
	want := []results.Point{
		{TS: 0.1, DurationS: 0.1, InFlight: 1.44},
		{TS: 0.2, DurationS: 0.1, InFlight: 1.5, FailedPerS: 10},
		{TS: 0.3, DurationS: 0.1, InFlight: 1, OutputTokensPerS: 50},
		{TS: 0.4, DurationS: 0.1, InFlight: 0.6, OutputTokensPerS: 40, RequestsPerS: 10},
	}
	if len(got) != len(want) {
		t.Fatalf("%d points, want %d", len(got), len(want))
	}
	for i := range want {
		samePoint(t, got[i], want[i])
	}
}

func samePoint(t *testing.T, got, want results.Point) {
	t.Helper()
	for _, f := range [][2]float64{
		{got.TS, want.TS},
		{got.DurationS, want.DurationS},
		{got.InFlight, want.InFlight},
		{got.FailedPerS, want.FailedPerS},
		{got.OutputTokensPerS, want.OutputTokensPerS},
		{got.RequestsPerS, want.RequestsPerS},
	} {
		if !near(f[0], f[1], 1e-9) {
			t.Errorf("point %+v, want %+v", got, want)
			return
		}
	}
}

// A long stage has wider points and the same totals: tokens, requests, request-seconds in flight.
func TestSeriesKeepsItsTotals(t *testing.T) {
	for _, hours := range []int64{0, 1, 24} {
		length := max(hours*3600, 30) * 1000
		records := []*results.Record{plain(100, length, results.OK), plain(length/2, length/2+70, "http_500")}
		for at := int64(0); at < length; at += length / 100 {
			r := plain(at, at+length/7, results.OK)
			r.Tokens.Output = 7
			records = append(records, r)
		}
		var tokens, ok, failed, busy float64
		points := course(records...)
		for i, p := range points {
			tokens += p.OutputTokensPerS * p.DurationS
			ok += p.RequestsPerS * p.DurationS
			failed += p.FailedPerS * p.DurationS
			busy += p.InFlight * p.DurationS
			if i > 0 && !near(p.TS, points[i-1].TS+p.DurationS, 1e-9) {
				t.Fatalf("a hole before %g s", p.TS)
			}
		}
		var wantBusy float64
		for _, r := range records {
			wantBusy += float64(r.DoneNS-r.DispatchedNS) / 1e9
		}
		n := len(records)
		if !near(tokens, float64(7*(n-2)), 1e-6) || !near(ok, float64(n-1), 1e-6) || !near(failed, 1, 1e-6) || !near(busy, wantBusy, 1e-6) {
			t.Errorf("%d h: %g tokens, %g ok, %g failed, %g s in flight; want %d, %d, 1, %g", hours, tokens, ok, failed, busy, 7*(n-2), n-1, wantBusy)
		}
		if len(points) > 600 || len(points) < 300 {
			t.Errorf("%d h: %d points, want 300 to 600", hours, len(points))
		}
	}
}

func TestSeriesReachesBackwards(t *testing.T) {
	got := course(plain(900, 950, results.OK), plain(100, 150, results.OK))
	if len(got) != 9 || !near(got[0].TS, 0.1, 1e-9) || !near(got[0].RequestsPerS, 10, 1e-9) || !near(got[8].InFlight, 0.5, 1e-9) {
		t.Errorf("%d points, first %+v", len(got), got[0])
	}
}
