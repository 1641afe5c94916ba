package report_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/report/compare"
)

func num(v float64) compare.Number { return compare.Number{V: &v} }

// compared has a row of each verdict, and names that want to break out.
func compared() *compare.Result {
	failed := compare.Number{Failed: true}
	rows := []compare.Row{
		{Stage: "c=8", Metric: "tpot.p50", Unit: "ms", Base: num(12), New: num(12.61), Change: num(0.051), Lo: num(0.042), Hi: num(0.059), Level: 0.95, N: 10, Of: "pairs", Verdict: compare.Worse},
		{Stage: "c=8", Metric: "ttft.p50", Unit: "ms", Base: num(40), New: num(38), Change: num(-0.05), Lo: num(-0.11), Hi: num(-0.0004), Level: 0.95, N: 10, Of: "pairs", Verdict: compare.Better},
		{Stage: "c=8", Metric: "ttft.p99", Unit: "ms", Base: num(90), New: failed, Level: 0.95, Verdict: compare.Worse},
		{Stage: "c=8", Metric: "e2e.p50", Unit: "ms", Base: num(1234), New: num(1240), Change: num(0.0049), Hi: num(1.5), Level: 0.95, Verdict: compare.Undecided, Why: "needs 4 more pairs"},
		{Stage: "c=8", Metric: "success_rate", Unit: "ratio", Points: true, Base: num(1), New: num(0.995), Change: num(-0.005), Lo: num(-0.009), Hi: num(0.001), Level: 0.95, Verdict: compare.Same},
		{Stage: "größe | *x*\x1b[31m", Metric: "tpot.p50", Unit: "ms", Verdict: compare.Undecided, Why: "new: the run is invalid: <script>alert(1)</script>\n# title, see https://example.org @all"},
	}
	gate := rows[0]
	gate.Verdict = compare.Outside
	return &compare.Result{
		Base: compare.Side{Endpoint: "http://127.0.0.1:8000", Model: "demo-8b"}, New: compare.Side{Endpoint: "http://127.0.0.1:8001", Model: "demo-8b"},
		Paired: true, Observations: 10, Margin: 0.03, Rows: rows, Gates: []compare.GateResult{{Gate: "tpot.p50 < +3%", Row: gate}, {Gate: "x: e2e.p50 < +3%", Row: rows[5]}},
		Notes: []string{"pair 7 is left out: new: c=8: llmload was woken 20 ms late"}, Advisory: "the runs are of different machines (host: a and b)",
	}
}

func TestComparisonsStayAsTheyAre(t *testing.T) {
	nothing := &compare.Result{Margin: 0.03, Paired: true}
	single := &compare.Result{
		Base: compare.Side{ID: "a"}, New: compare.Side{ID: "b"}, Margin: 0.05, Draws: 4000, Seed: 1,
		Blocks: []compare.Blocks{{Stage: "c=8", Base: compare.Cut{Count: 34, Length: 7}, New: compare.Cut{Count: 33, Length: 7}}},
		Rows:   []compare.Row{{Stage: "c=8", Metric: "tpot.p50", Unit: "ms", Base: num(10), New: num(10), Change: num(0), Lo: num(-0.01), Hi: num(0.01), Level: 0.95, N: 240, Of: "requests", Verdict: compare.Same}},
	}
	markdown := report.Options{Unicode: true, Markdown: true}
	text := func(r *compare.Result, o report.Options) func(io.Writer) error {
		return func(w io.Writer) error { return report.WriteComparison(w, r, o) }
	}
	for name, write := range map[string]func(io.Writer) error{
		"comparison.txt":         text(compared(), report.Options{Unicode: true}),
		"comparison_color.txt":   text(compared(), report.Options{Color: true}),
		"comparison_narrow.txt":  text(compared(), report.Options{Unicode: true, Width: 60}),
		"comparison_nothing.txt": text(nothing, report.Options{Unicode: true}),
		"comparison_single.txt":  text(single, report.Options{Unicode: true}),
		"comparison.md": func(w io.Writer) error {
			return report.WriteComparison(w, compared(), markdown)
		},
		"run.md":         func(w io.Writer) error { return report.WriteTables(w, judged().Summary, markdown) },
		"run_foreign.md": func(w io.Writer) error { return report.WriteTables(w, foreignNames().Summary, markdown) },
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s changed; run with -update if it should (%v)\ngot:\n%s", name, err, got.Bytes())
		}
	}
}

func TestNothingBreaksOutOfMarkdown(t *testing.T) {
	var out bytes.Buffer
	if err := report.WriteComparison(&out, compared(), report.Options{Unicode: true, Markdown: true}); err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"<script", "\n#", "https://", " @all", "\x1b", "| *x*"} {
		if strings.Contains(out.String(), not) {
			t.Errorf("%q got through:\n%s", not, out.String())
		}
	}
}
