package docs_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// TestWorkedExampleOfRanks computes the table of metrics.md from the records that it describes.
func TestWorkedExampleOfRanks(t *testing.T) {
	c := results.NewCollector(results.StageInfo{Name: "s", Load: results.Load{Mode: "closed"}}, &results.Bounds{})
	for i := range 400 {
		r := &results.Record{Outcome: results.OK, Attempts: []results.Attempt{{StartedNS: 1, DoneNS: 1 + int64(i+1)*1e6}}}
		if i >= 395 {
			r.Outcome = results.Reset
		}
		c.Add(r)
	}
	m := c.Summarize().Metrics[metric.E2E]
	for _, row := range rows(t, "metrics.md", "## Quantiles")[:5] {
		v, state := m.Quantile(row[0])
		value, unit, _ := strings.Cut(row[2], " ")
		want, err := strconv.ParseFloat(value, 64)
		switch {
		case strings.HasPrefix(row[2], "null"):
			if state != results.Failed || !m.Censored {
				t.Errorf("%s is %v (%v), the page says %s", row[0], v, state, row[2])
			}
		case err != nil || unit != "ms" || math.Abs(v-want) > want/1000:
			t.Errorf("%s is %v ms (%v), the page says %s", row[0], v, state, row[2])
		}
	}
}

func TestSampleSizesOnThePage(t *testing.T) {
	text := section(t, "metrics.md", "## Quantiles")
	want := "| requests needed |"
	for _, q := range []float64{.5, .9, .95, .99, .999} {
		n := strconv.Itoa(metric.MinSamples(q))
		if len(n) > 3 {
			n = n[:len(n)-3] + "," + n[len(n)-3:]
		}
		want += fmt.Sprintf(" %s |", n)
	}
	if !strings.Contains(text, want) {
		t.Errorf("the page lacks %q", want)
	}
}
