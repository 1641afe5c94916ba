package capacity_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/llmload/llmload/report/capacity"
)

// TestReport: text, Markdown and JSON hold the answer, its interval, what binds, the confirmation and the fleet.
func TestReport(t *testing.T) {
	yes, no := true, false
	a := measured()
	a.SLO, a.Confirm = "ttft.p99<=500ms", capacity.Confirmation{Holds: &yes, Breaks: &no}
	fleet, err := a.Fleet(capacity.FleetTerms{Demand: capacity.Demand{{Seconds: 1, Rate: 60}}, ReplicaHour: 2})
	if err != nil {
		t.Fatal(err)
	}
	r := capacity.Report{Answer: a, Fleet: &fleet, WhatIf: []capacity.WhatIf{{What: "ttft.p99=1s", State: capacity.Beyond, Why: "it holds"}}}
	for _, markdown := range []bool{false, true} {
		var out bytes.Buffer
		if err := r.Write(&out, markdown); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"10/s, between 8/s and 12/s with 95% confidence", "ttft.p99 <= 500ms, with probability",
			"no; the longer run at 0.95 of the answer holds, that at 1.1 HOLDS, which it must not",
			"$8760", "5 to 8", "beyond the bound: it holds",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("markdown %v lacks %q:\n%s", markdown, want, out.String())
			}
		}
	}
	text, err := json.Marshal(r)
	var back capacity.Report
	if err != nil || json.Unmarshal(text, &back) != nil || back.Estimate.Lo != 8 || back.Fleet.Replicas != fleet.Replicas {
		t.Errorf("JSON does not come back: %v, %s", err, text)
	}
}

func TestPlotMarksTheKnee(t *testing.T) {
	var out bytes.Buffer
	if err := measured().WriteSVG(&out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "the knee: 10/s, ttft.p99") {
		t.Error("the knee is not marked")
	}
	for d := xml.NewDecoder(&out); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
	if (capacity.Answer{}).WriteSVG(io.Discard) == nil {
		t.Error("a picture of nothing")
	}
}
