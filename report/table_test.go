package report_test

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func tables(t *testing.T, s *results.Summary, o report.Options) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.WriteTables(&out, s, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func plainCalls() *sample {
	s := newSample("plain")
	load := closed(4)
	load.Stream = false
	s.add(offer{name: "c=4", load: load, n: 400, ttft: 100, tpot: 5, slow: 0.1, seconds: 5, tokensPerS: 300})
	return s
}

func few(n int64) *sample {
	s := newSample("few")
	s.add(offer{name: "c=1", load: closed(1), n: n, ttft: 40, tpot: 8, slow: 0.1, seconds: float64(n), tokensPerS: 100 * float64(n)})
	return s
}

func judged() *sample {
	s := sweep()
	s.Summary.Thresholds = []results.ThresholdResult{
		{Stage: "c=1", Expr: "ttft.p95 < 500ms", Value: ptr(499.96), Unit: "ms", Verdict: results.Pass},
		{Stage: "c=32", Expr: "tpot.p50 < 10ms", Value: ptr(11.25), Unit: "ms", Verdict: results.Fail},
		{Stage: "outage", Expr: "success_rate >= 99%", Value: ptr(0.98996), Unit: "ratio", Verdict: results.Fail},
		{Stage: "outage", Expr: "ttft.p99 < 500ms", Unit: "ms", Verdict: results.Fail, Why: "p99 lands on failed requests"},
		{Stage: "c=1", Expr: "e2e.p99.9 < 2s", Unit: "ms", Verdict: results.Undecided, Why: "needs 2,595 more requests"},
	}
	s.Summary.Environment.SelfTest = &results.SelfTest{Date: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), Streams: 16, RatePerS: 500}
	s.Summary.Stages[0].Warnings = []string{"tokens counted by events: the server sends no usage"}
	s.Summary.Stages[1].Warnings = []string{"tokens counted by events: the server sends no usage"}
	return s
}

func foreignNames() *sample {
	s := newSample("压测-ночь")
	s.Summary.Instrument.KernelToReadP50MS, s.Summary.Instrument.UnstampedReads = nil, nil // as elsewhere than on Linux
	s.add(offer{name: "短提示词", load: closed(1), n: 400, ttft: 40, tpot: 8, slow: 0.1, seconds: 4, tokensPerS: 100})
	s.add(offer{name: "длинный контекст", load: closed(2), n: 400, ttft: 60, tpot: 9, slow: 0.1, seconds: 4, tokensPerS: 180})
	s.add(offer{name: "naïve \x1b[31mred\x1b[0m\nline", load: closed(4), n: 400, ttft: 80, tpot: 9, slow: 0.1, seconds: 4, tokensPerS: 300})
	return s
}

func broken() *sample {
	s := sweep()
	s.Summary.Valid = false
	s.Summary.Run.Interrupted = true
	s.Summary.InvalidReasons = []string{
		"client-bound: dispatch delay p99 was 38 ms: lower the load or use a machine with more cores",
		"the books do not balance: report this",
	}
	s.Summary.Conservation.Holds = false
	s.Summary.Conservation.Broken = "3 requests have no outcome"
	s.Summary.Conservation.Outcomes -= 3
	s.Summary.Conservation.ServerAttempts = nil
	s.Summary.Instrument = results.Instrument{}
	return s
}

var goldens = []struct {
	name, what string
	sample     *sample
	options    report.Options
}{
	{"sweep", "a sweep with batches and a stage whose p99 lands on failures", sweep(), report.Options{Unicode: true}},
	{"all_failed", "no success: rates of zero, no latency, and why the run is invalid", allFailed(), report.Options{Unicode: true}},
	{"one_request", "one request resolves no quantile", few(1), report.Options{Unicode: true}},
	{"no_request", "nothing issued is neither success nor failure", few(0), report.Options{Unicode: true}},
	{"no_stage", "a run that ended before its first stage", newSample("early"), report.Options{Unicode: true}},
	{"open", "open loop counts from the intended arrival and says so", openLoop(), report.Options{Unicode: true}},
	{"plain", "plain calls have no column for what only streams have", plainCalls(), report.Options{Unicode: true}},
	{"thresholds", "verdicts, their reasons, and warnings once with their stages", judged(), report.Options{Unicode: true}},
	{"foreign", "names beyond ASCII stay aligned and cannot move the cursor", foreignNames(), report.Options{Unicode: true}},
	{"width80", "a narrow terminal gets blocks, not wrapped lines", judged(), report.Options{Unicode: true, Width: 80}},
	{"ascii", "a terminal without Unicode", few(10), report.Options{}},
	{"color", "colours mark the verdicts", judged(), report.Options{Unicode: true, Color: true}},
	{"broken", "an invalid, interrupted run whose books do not balance", broken(), report.Options{Unicode: true}},
}

func TestTablesGolden(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			got := tables(t, g.sample.Summary, g.options)
			path := filepath.Join("testdata", g.name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s: the table changed; run with -update if it should.\ngot:\n%s\nwant:\n%s", g.what, got, want)
			}
		})
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	for _, g := range goldens {
		for width := 40; width <= 200; width += 7 {
			o := g.options
			o.Width = width
			for line := range strings.Lines(tables(t, g.sample.Summary, o)) {
				if w := text.StringWidthWithoutEscSequences(strings.TrimRight(line, "\n")); w > width {
					t.Errorf("%s at width %d: %d columns: %q", g.name, width, w, line)
				}
			}
		}
	}
}

func TestNarrowTablesLoseNoFigure(t *testing.T) {
	wide := strings.Fields(tables(t, sweep().Summary, report.Options{}))
	narrow := tables(t, sweep().Summary, report.Options{Width: 60})
	for _, word := range wide {
		if strings.ContainsAny(word, "0123456789") && !strings.Contains(narrow, word) {
			t.Errorf("%q stands in the wide tables and not in the narrow ones", word)
		}
	}
}

func TestControlCodesOnlyWhenAskedFor(t *testing.T) {
	hostile := foreignNames().Summary
	hostile.Run.Name, hostile.Run.ID = "a\x1b]0;title\x07", "b\r\nc"
	hostile.Target = results.Target{Endpoint: "\x1b[2J", Model: "m\u202egnp"}
	hostile.Valid, hostile.InvalidReasons = false, []string{"\x1b[1A"}
	hostile.Conservation.Holds, hostile.Conservation.Broken = false, "\x1b[1A"
	hostile.Stages[0].Warnings = []string{"\x1b[1A"}
	hostile.Stages[0].Outcomes["\x1b[1A"] = 1
	hostile.Thresholds = []results.ThresholdResult{{Stage: "\x1b", Expr: "\x1b", Unit: "\x1b", Why: "\x1b", Verdict: "\x1b", Value: ptr(1)}}
	out := tables(t, hostile, report.Options{Unicode: true})
	for _, r := range out {
		if r != '\n' && (r < ' ' || r == 0x7f || r == '\u202e') {
			t.Fatalf("control character %q in %q", r, out)
		}
	}
}

// The parts of a stage have the stage's columns, below it, and only where there are some.
func TestPartsOfAStage(t *testing.T) {
	s := few(40).Summary
	whole := tables(t, s, report.Options{})
	stage := &s.Stages[0]
	for _, name := range []string{"chat", "code"} {
		stage.Groups = append(stage.Groups, results.Group{
			By: "workload", Value: name, Requests: results.Requests{Issued: 1234}, Success: ptr(0.5), Throughput: stage.Throughput, Metrics: stage.Metrics,
		})
	}
	got := tables(t, s, report.Options{})
	head, part, found := strings.Cut(got, "\npart ")
	if !found || !strings.HasPrefix(whole, head) {
		t.Fatalf("no parts below the stages in\n%s", got)
	}
	for _, name := range []string{"chat", "code"} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(stage.Name) + `, workload ` + name + ` +1,234 +50.0%`).MatchString(part) {
			t.Errorf("no row of %s in\n%s", name, part)
		}
	}
}

func TestFiguresOfATable(t *testing.T) {
	for _, c := range []struct {
		what, got, want string
	}{
		{"nothing is 0", report.Digits(0), "0"},
		{"three digits below one", report.Digits(0.4126), "0.413"},
		{"no fourth decimal", report.Digits(0.01234), "0.012"},
		{"small values stay visible", report.Digits(0.000123), "0.00012"},
		{"three digits", report.Digits(12.345), "12.3"},
		{"rounding up drops a decimal", report.Digits(99.96), "100"},
		{"and into the thousands", report.Digits(999.6), "1,000"},
		{"thousands have commas", report.Digits(1234567.8), "1,234,568"},
		{"what no table can hold", report.Digits(1.5e12), "1.5e+12"},
		{"negative values", report.Digits(-12.345), "-12.3"},
		{"a whole", report.Percent(1), "100%"},
		{"almost a whole is none", report.Percent(0.99999), ">99.9%"},
		{"almost nothing is something", report.Percent(0.00001), "<0.1%"},
		{"nothing", report.Percent(0), "0%"},
		{"one decimal", report.Percent(0.9254), "92.5%"},
		{"counts are exact", report.Count(1234567), "1,234,567"},
		{"three digits need no comma", report.Count(-999), "-999"},
		{"a comma after the sign", report.Count(-1000), "-1,000"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
}

// hostile is what no run should bring forth but a file may hold.
func hostile() *results.Summary {
	s := sweep().Summary
	nan, inf := math.NaN(), math.Inf(1)
	m := &results.Metric{Count: -5, Failed: -7, P50: &nan, P99: &inf, Mean: &nan}
	s.Stages[0].Metrics = map[metric.Name]*results.Metric{metric.TTFT: m, metric.TPOT: nil, metric.E2E: {Count: math.MaxInt64, Failed: math.MaxInt64}}
	s.Stages[0].Throughput = results.Throughput{RequestsPerS: &inf, OutputTokensPerS: &nan}
	s.Stages[0].Success = &nan
	s.Stages[1] = results.StageSummary{}
	s.Stages[2].Series = []results.Point{{TS: nan}, {TS: inf}, {TS: 1e300, OutputTokensPerS: 1e308}, {TS: -1e308, OutputTokensPerS: -1}}
	s.Stages[2].Window = results.Window{StartS: inf, DurationS: nan}
	s.Stages[3].Load.Concurrency = -1
	s.Stages[3].Outcomes = map[results.Outcome]int64{"ok": math.MaxInt64, "http_500": math.MaxInt64, "reset": -1}
	s.Stages[4].Load = results.Load{Mode: "open", Rate: nan}
	s.Stages[5].Load = results.Load{Mode: "open", Rate: inf, BatchSize: -1}
	s.Stages[5].Window = results.Window{StartS: -1e308, DurationS: 1e308}
	tiny := 5e-324
	s.Stages[6].Metrics[metric.TPOT] = &results.Metric{Count: 1000, P50: &tiny, P99: &tiny}
	s.Stages[7].Name = strings.Repeat("\x00\xff<&\"'名", 1000)
	s.Thresholds = []results.ThresholdResult{{Value: &inf}}
	return s
}

func TestHostileSummariesAreReported(t *testing.T) {
	for _, s := range []*results.Summary{hostile(), {}, {Stages: []results.StageSummary{{}, {}}}} {
		out := tables(t, s, report.Options{Width: 80})
		if strings.Contains(out, "NaN") || strings.Contains(out, "Inf") {
			t.Errorf("a number that is none:\n%s", out)
		}
		if _, err := report.WritePlots(t.TempDir(), report.Run{Summary: s}, report.Run{}); err != nil {
			t.Error(err)
		}
	}
}

func TestShardsAreNamedWithTheirClocks(t *testing.T) {
	ms := func(v float64) *float64 { return &v }
	for _, row := range []struct {
		run  results.Run
		want string
	}{
		{results.Run{}, ""},
		{results.Run{Shard: &results.Shard{Count: 1}}, ""},
		{
			results.Run{Shard: &results.Shard{Index: 1, Count: 4, LateMS: 0.25, ClockErrorMS: ms(3)}},
			"shard 1 of 4: a part of the load; late for the common start by 0.250 ms; clocks right within 3.00 ms by their own account",
		},
		{
			results.Run{Shards: []results.Shard{{Count: 2, Host: "a", LateMS: 1}, {Index: 1, Count: 2, Host: "b", ClockErrorMS: ms(3)}}},
			"2 of 2 shards on a, b; late for the common start by 1.00 ms; no word of how right the clock is on shard 0: its arrivals may lie shifted against the others'",
		},
		{results.Run{Shards: []results.Shard{{Count: 3, Host: "a"}, {Index: 2, Count: 3, Host: "a"}}}, "2 of 3 shards on a; late for the common start by 0 ms at most; one clock"},
	} {
		var out strings.Builder
		if err := report.WriteTables(&out, &results.Summary{Run: row.run, Valid: true}, report.Options{}); err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(out.String(), "shard"); has != (row.want != "") || !strings.Contains(out.String(), row.want) {
			t.Errorf("no %q in\n%s", row.want, out.String())
		}
	}
}
