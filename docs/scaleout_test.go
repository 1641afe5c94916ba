package docs_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/llmload/llmload/results"
)

// Four shards of a run, of which one goes through a slower link: its requests take 60 ms more. What the whole run's quantiles are, the
// added histograms know; the mean of the shards' quantiles is another figure, at every quantile.
func Example_averagedPercentiles() {
	r := rand.New(rand.NewPCG(1, 2))
	var whole results.Histogram
	shards := make([]results.Histogram, 4)
	for i := range 40_000 {
		ns := int64(100e6 + 20e6*r.ExpFloat64())
		if i%4 == 3 {
			ns += 60e6
		}
		shards[i%4].Record(ns)
		whole.Record(ns)
	}
	var merged results.Histogram
	for i := range shards {
		if err := merged.Merge(&shards[i]); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println("quantile one machine    merged   averaged")
	for _, q := range []float64{0.50, 0.75, 0.90, 0.99, 0.999} {
		var sum float64
		for i := range shards {
			sum += float64(shards[i].Quantile(q))
		}
		one, added, averaged := float64(whole.Quantile(q)), float64(merged.Quantile(q)), sum/4
		fmt.Printf("p%-7g %8.1f ms %6.1f ms %7.1f ms  %+.1f%%\n", 100*q, one/1e6, added/1e6, averaged/1e6, 100*(averaged/one-1))
	}
	// Output:
	// quantile one machine    merged   averaged
	// p50         122.0 ms  122.0 ms   129.0 ms  +5.7%
	// p75         163.1 ms  163.1 ms   142.7 ms  -12.5%
	// p90         181.1 ms  181.1 ms   161.2 ms  -11.0%
	// p99         226.6 ms  226.6 ms   207.4 ms  -8.5%
	// p99.9       272.9 ms  272.9 ms   255.1 ms  -6.5%
}

// TestTheExampleOfAveragedPercentilesIsOnThePage compares what the example prints with what the page shows.
func TestTheExampleOfAveragedPercentilesIsOnThePage(t *testing.T) {
	source, err := os.ReadFile("scaleout_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, output, ok := strings.Cut(string(source), "\n\t// Output:\n")
	output, _, closed := strings.Cut(output, "\n}")
	if !ok || !closed {
		t.Fatal("the example has no output")
	}
	want := strings.ReplaceAll(output, "\t// ", "")
	if !strings.Contains(read(t, "scale-out.md"), want) {
		t.Errorf("scale-out.md does not have\n%s", want)
	}
}
