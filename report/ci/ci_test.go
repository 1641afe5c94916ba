package ci_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/report/ci"
	"github.com/llmload/llmload/report/compare"
	"github.com/llmload/llmload/results"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func ptr(v float64) *float64 { return &v }

// sample is a run of two rounds of one stage, and of one where nothing succeeded; names and errors try to break out.
func sample() *results.Summary {
	stage := func(name string, tpot float64) results.StageSummary {
		return results.StageSummary{
			Name: name, Load: results.Load{Mode: "closed", Stream: true}, Requests: results.Requests{Issued: 320, Succeeded: 320}, Success: ptr(1),
			Throughput: results.Throughput{OutputTokensPerS: ptr(1234.5), RequestsPerS: ptr(9.25)},
			Metrics: map[metric.Name]*results.Metric{
				metric.TPOT:          {Unit: "ms", Count: 320, P50: ptr(tpot), P90: ptr(1.5 * tpot), CI: map[string][2]float64{"p50": {tpot - 0.5, tpot + 0.5}}},
				metric.DispatchDelay: {Unit: "ms", Count: 320, P50: ptr(0.1)},
			},
		}
	}
	dead := results.StageSummary{
		Name: "größe ]]> \"x\"", Load: results.Load{Mode: "closed", Stream: true}, Requests: results.Requests{Issued: 320, Failed: 320}, Success: ptr(0),
		Metrics: map[metric.Name]*results.Metric{metric.TPOT: {Unit: "ms", Failed: 320, Censored: true}},
	}
	return &results.Summary{
		Valid: false, InvalidReasons: []string{"größe ]]> \"x\": no request succeeded; the first error: 50% off\n::error::fake"},
		Run:         results.Run{ID: "20260102T150405Z-chat-abcd", Name: "chat sweep", ToolVersion: "v1.2.3"},
		Target:      results.Target{Model: "demo-8b"},
		Environment: results.Environment{OS: "linux", Arch: "amd64", CPU: "EPYC 9654"},
		Stages:      []results.StageSummary{stage("c=8", 12), dead, stage("c=8#2", 12.25)},
		Thresholds: []results.ThresholdResult{
			{Stage: "c=8", Expr: "tpot.p50 < 20ms", Value: ptr(12), Unit: "ms", Verdict: results.Pass},
			{Stage: "größe ]]> \"x\"", Expr: "success_rate >= 0.99", Value: ptr(0), Unit: "ratio", Verdict: results.Fail},
			{Stage: "c=8", Expr: "tpot.p99 < 20ms", Unit: "ms", Verdict: results.Undecided, Why: "p99 needs 299 requests, 100 were ranked"},
		},
	}
}

func compared() *compare.Result {
	row := func(stage string, v compare.Verdict, why string) compare.Row {
		return compare.Row{Stage: stage, Metric: "tpot.p50", Change: compare.Number{V: ptr(0.051)}, Level: 0.95, Verdict: v, Why: why}
	}
	return &compare.Result{
		Base: compare.Side{ID: "a"}, New: compare.Side{ID: "b"},
		Gates: []compare.GateResult{
			{Gate: "tpot.p50 < +9%", Row: row("c=8", compare.Inside, "")},
			{Gate: "tpot.p50 < +3%", Row: row("c=8", compare.Outside, "")},
			{Gate: "tpot.p50 < +5%", Row: row("rate=5/s,x:y", compare.Undecided, "needs 4 more pairs")},
		},
	}
}

// Nobody but llmload measures what llmload's validity rests on.
func TestAnImportedRunIsNotCalledValid(t *testing.T) {
	s := &results.Summary{Valid: true}
	if c := ci.Cases(s); c[0].Name != "valid" || c[0].Verdict != results.Pass {
		t.Errorf("llmload's own: %+v", c)
	}
	s.Run.Imported = &results.Imported{Tool: "GuideLLM"}
	if c := ci.Cases(s); c[0].Verdict != results.Undecided || c[0].Text != "imported from GuideLLM: llmload did not measure it" {
		t.Errorf("GuideLLM's: %+v", c)
	}
}

func TestFormatsStayAsTheyAre(t *testing.T) {
	s, valid := sample(), sample()
	valid.Valid = true
	cases := append(ci.Cases(s), ci.GateCases(compared())...)
	for _, g := range []struct {
		file  string
		write func(*bytes.Buffer) error
	}{
		{"junit.xml", func(b *bytes.Buffer) error { return ci.WriteJUnit(b, cases) }},
		{"junit-nothing.xml", func(b *bytes.Buffer) error { return ci.WriteJUnit(b, nil) }},
		{"annotations.txt", func(b *bytes.Buffer) error { return ci.WriteAnnotations(b, cases) }},
		{"bench.txt", func(b *bytes.Buffer) error { return ci.WriteBenchfmt(b, s, sample()) }},
		{"smaller.json", func(b *bytes.Buffer) error { return ci.WriteActionBenchmark(b, false, s, valid) }},
		{"bigger.json", func(b *bytes.Buffer) error { return ci.WriteActionBenchmark(b, true, s, valid) }},
	} {
		var got bytes.Buffer
		if err := g.write(&got); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", g.file)
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s changed; run with -update if it should (%v)\ngot:\n%s", g.file, err, got.Bytes())
		}
	}
}

func TestJUnitIsXMLAndCountsWhatIsNotGreen(t *testing.T) {
	var out bytes.Buffer
	if err := ci.WriteJUnit(&out, ci.Cases(sample())); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Cases    []struct {
			Name string `xml:"name,attr"`
		} `xml:"testsuite>testcase"`
	}
	if err := xml.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Tests != 4 || doc.Failures != 1 || doc.Errors != 2 || len(doc.Cases) != 4 || doc.Cases[2].Name != `größe ]]> "x": success_rate >= 0.99` {
		t.Errorf("%+v", doc)
	}
}

func TestNoTextBreaksOutOfAnAnnotation(t *testing.T) {
	var out bytes.Buffer
	if err := ci.WriteAnnotations(&out, append(ci.Cases(sample()), ci.GateCases(compared())...)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 {
		t.Errorf("%d lines of 5 that did not pass:\n%s", len(lines), out.String())
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "::error title=") && !strings.HasPrefix(line, "::warning title=") {
			t.Errorf("no command: %q", line)
		}
	}
	for _, want := range []string{"50%25 off%0A::error::fake", "title=llmload%3A rate=5/s%2Cx%3Ay%3A tpot.p50 < +5%25::undecided"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestBenchfmtReadsWhatIsWritten(t *testing.T) {
	var out bytes.Buffer
	if err := ci.WriteBenchfmt(&out, sample()); err != nil {
		t.Fatal(err)
	}
	r := benchfmt.NewReader(&out, "bench.txt")
	var names []string
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.Result:
			names = append(names, string(rec.Name))
			if v, ok := rec.Value("tpot-p50-sec"); string(rec.Name) == "Chat_sweep/c=8" && (!ok || v < 0.0119 || v > 0.0123) {
				t.Errorf("%s: tpot %v, %t", rec.Name, v, ok)
			}
		case *benchfmt.SyntaxError:
			t.Errorf("%v", rec)
		}
	}
	if want := "Chat_sweep/c=8|Chat_sweep/größe_]]>_\"x\"|Chat_sweep/c=8"; strings.Join(names, "|") != want {
		t.Errorf("%q, want %q", names, want)
	}
	if better := r.Units().GetBetter("output_tokens_per_s"); better != 1 {
		t.Errorf("more tokens a second are better, the file says %d", better)
	}
	if better := r.Units().GetBetter("tpot-p50-sec"); better != -1 {
		t.Errorf("less TPOT is better, the file says %d", better)
	}
}
