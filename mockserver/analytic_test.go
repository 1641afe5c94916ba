package mockserver_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

type analytic struct {
	Model    string
	Version  int64
	Analytic struct {
		WorkNS         int64   `json:"work_ns"`
		HeldNS         int64   `json:"held_ns"`
		MaxSeqs        int     `json:"max_seqs"`
		SaturationRate float64 `json:"saturation_rate"`
		Running        float64
	}
	Measured *struct {
		ServedRate float64 `json:"served_rate"`
	}
	OverNS float64 `json:"measured_over_ns"`
}

func TestAnalyticSaysWhatTheEngineCanServe(t *testing.T) {
	for _, c := range []struct {
		name, config, query string
		saturation          float64
		maxSeqs             int
		served              float64 // of the virtual run; 0: none
		over                float64 // seconds
	}{
		// W = 20us*512 + 127*(20us + 60ns*(512+64)) = 17.169 ms; S = 128; Nmax = 64: 1/(W + 6ms*128/64)
		{"step", "{model: step, c0: 6ms, prefill_per_token: 20us, decode_per_seq: 20us, kv_per_token: 60ns, kv_tokens: 467280}", "in=512&out=128&rate=10", 34.283, 64, 10, 600},
		{"step, half cached", "{model: step, c0: 6ms, prefill_per_token: 20us, decode_per_seq: 20us, kv_per_token: 60ns}", "in=512&out=128&rate=10&cached=256", 41.581, 64, 10, 600},
		{"step, beyond what it can serve", "{model: step, c0: 6ms, prefill_per_token: 20us, decode_per_seq: 20us, kv_per_token: 60ns}", "in=512&out=128&rate=100", 34.283, 64, 34.283, 200},
		{"step, without a rate", "{model: step, c0: 6ms}", "in=512&out=128", 83.333, 64, 0, 0},
		{"fixed", "{ttft: 200ms, itl: 20ms}", "in=512&out=41&rate=10", 64, 64, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got analytic
			w := admin(serve(t, "engine: "+c.config), "GET", "/admin/analytic?"+c.query, "")
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
				t.Fatalf("%d %s, %v", w.Code, w.Body, err)
			}
			if math.Abs(got.Analytic.SaturationRate/c.saturation-1) > 1e-4 || got.Analytic.MaxSeqs != c.maxSeqs || got.OverNS != c.over*1e9 {
				t.Errorf("got %s", w.Body)
			}
			if (got.Measured != nil) != (c.served > 0) || got.Measured != nil && math.Abs(got.Measured.ServedRate/c.served-1) > 0.05 {
				t.Errorf("measured %s", w.Body)
			}
		})
	}
}

// A draft whose tokens are all accepted makes five a step: what was the time of
// a step is the time of five tokens.
func TestTheMeasuredRunIsSpeculativeAsItsServerIs(t *testing.T) {
	const query = "/admin/analytic?in=100&out=101&rate=2"
	gap := func(more string) float64 {
		var got struct {
			Measured struct {
				MeanGapNS float64 `json:"mean_gap_ns"`
			}
		}
		w := admin(serve(t, "engine: {model: step, c0: 10ms"+more+"}"), "GET", query, "")
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
			t.Fatalf("%d %s, %v", w.Code, w.Body, err)
		}
		return got.Measured.MeanGapNS / 1e6
	}
	if alone, five := gap(""), gap(", speculative: {tokens: 4, acceptance: 1}"); math.Abs(alone-10) > 0.01 || math.Abs(five-2) > 0.05 {
		t.Errorf("%.3f ms a token, and with speculation %.3f; want 10 and 2", alone, five)
	}
}

func TestAnalyticIsOfTheConfigAsItIs(t *testing.T) {
	s := serve(t, "engine: {ttft: 100ms, itl: 0s, max_num_seqs: 4, stagger: 100ms}")
	patch(s, "{engine.max_num_seqs: 6}")
	var got analytic
	if err := json.Unmarshal(admin(s, "GET", "/admin/analytic?in=1&out=1&rate=20", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	// Held for 100 ms and half of the stagger: 6/0.15; at 20 a second 3 run.
	if got.Version != 2 || got.Analytic.MaxSeqs != 6 || got.Analytic.SaturationRate != 40 || got.Analytic.Running != 3 || got.Analytic.HeldNS != 150e6 {
		t.Errorf("got %+v", got)
	}
}

func TestWhatCannotBeWorkedOutIsSaid(t *testing.T) {
	for _, c := range []struct{ config, query, want string }{
		{"{}", "", "in=: write the tokens of a request, for example in=512"},
		{"{}", "in=0&out=x&rate=-1&cached=2", `in=0: want a whole number, 1 to 10000000\nout=x: want a whole number, 1 to 1000000\nrate=-1: want requests a second, above 0 to 1000000\ncached=2: more than in`},
		{"{}", "in=1&out=1&rate=NaN", "rate=NaN: want requests a second"},
		{"{model: none}", "in=1&out=1", "model none takes no time"},
	} {
		w := admin(serve(t, "engine: "+c.config), "GET", "/admin/analytic?"+c.query, "")
		if w.Code != 400 || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s", c.query, w.Code, w.Body)
		}
	}
}
