package report_test

import (
	"strings"
	"testing"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
)

// twoRuns have one stage in common and one of their own each, and one name.
func twoRuns() []*results.Summary {
	stage := func(name string) results.StageSummary {
		v := 1.5
		return results.StageSummary{
			Name: name, Load: results.Load{Mode: "closed", Concurrency: 8}, Requests: results.Requests{Issued: 10, Succeeded: 10},
			Success: &v, Outcomes: map[results.Outcome]int64{results.OK: 10}, Throughput: results.Throughput{RequestsPerS: &v, OutputTokensPerS: &v},
		}
	}
	run := func(id string, names ...string) *results.Summary {
		s := &results.Summary{Valid: true, Run: results.Run{ID: id, Name: "same"}}
		for _, name := range names {
			s.Stages = append(s.Stages, stage(name))
		}
		return s
	}
	return []*results.Summary{run("first", "c=8", "only here | `a*`"), run("second", "größer", "c=8")}
}

func written(t *testing.T, runs []*results.Summary, o report.Options) string {
	t.Helper()
	var out strings.Builder
	if err := report.WriteRuns(&out, runs, o); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestStagesOfOneNameStandTogether(t *testing.T) {
	var rows []string
	for line := range strings.Lines(written(t, twoRuns(), report.Options{})) {
		if f := strings.Fields(line); len(f) > 4 && (f[0] == "first" || f[0] == "second") {
			rows = append(rows, f[0]+" "+f[1])
		}
	}
	want := "first c=8,second c=8,first only,second größer"
	if got := strings.Join(rows, ","); got != want+","+want { // stages, then outcomes
		t.Errorf("rows %s", got)
	}
}

// In a narrow terminal each block of the table repeats which run and stage a row is of, and no line is longer.
func TestEachBlockNamesRunAndStage(t *testing.T) {
	out := written(t, twoRuns(), report.Options{Width: 48})
	if n := strings.Count(out, "run     stage"); n < 3 {
		t.Errorf("%d blocks in\n%s", n, out)
	}
	for line := range strings.Lines(out) {
		if len([]rune(strings.TrimSuffix(line, "\n"))) > 48 {
			t.Errorf("too long: %s", line)
		}
	}
}

func TestMarkdownReadsNamesAsText(t *testing.T) {
	out := written(t, twoRuns(), report.Options{Markdown: true, Width: 20, Color: true})
	if !strings.Contains(out, `| first | only here \| \`+"`a\\*\\`"+` |`) {
		t.Errorf("in\n%s", out)
	}
	if strings.Contains(out, "\x1b") || strings.Contains(out, "\n\n\n") {
		t.Errorf("colour or a gap in\n%q", out)
	}
}

func TestOneRunIsWrittenAsEver(t *testing.T) {
	var alone strings.Builder
	if err := report.WriteTables(&alone, twoRuns()[0], report.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := written(t, twoRuns()[:1], report.Options{}); got != alone.String() {
		t.Errorf("%s\nwant\n%s", got, alone.String())
	}
}
