package interop

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// hgrmTicks is how many lines halve what is left of the distribution, the number that HdrHistogram's own tools use.
const hgrmTicks = 5

// Percentiles writes one metric of one stage in HdrHistogram's percentile format (.hgrm), in milliseconds, which the stock
// plotter (HdrHistogram's plotFiles.html) reads. It is of successes alone: the format has no place for a request without a
// value, and a comment in its first line says how many there were.
func Percentiles(w io.Writer, hs results.StageHistograms, name metric.Name, failed int64) error {
	h := hs.Metrics[name]
	dense := hdrhistogram.New(1, int64(time.Hour), 3)
	for ns, count := range h.Buckets {
		if err := dense.RecordValues(ns, count); err != nil {
			return err
		}
	}
	stage := strings.Join(strings.Fields(hs.Stage), " ") // a line break would end the comment
	if _, err := fmt.Fprintf(w, "#[%s of stage %s in ms: %d values of successes; requests that failed, above all of them: %d]\n",
		name, stage, h.Count(), failed); err != nil {
		return err
	}
	_, err := dense.PercentilesPrint(w, hgrmTicks, float64(time.Millisecond))
	return err
}
