package store

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// nsPerMS scales a log's time stamps.
const nsPerMS = int64(time.Millisecond)

// WriteHistograms writes a HdrHistogram log (version 1.3): one interval a stage and metric, values in nanoseconds, the
// tag STAGE/METRIC with the stage path-escaped, since a tag takes neither comma nor space. started is the run's start.
func WriteHistograms(w io.Writer, started time.Time, stages []results.StageHistograms) error {
	log := hdrhistogram.NewHistogramLogWriter(w)
	startMS := started.UnixMilli()
	for _, header := range []func() error{
		log.OutputLogFormatVersion,
		func() error { return log.OutputStartTime(startMS) },
		log.OutputLegend,
	} {
		if err := header(); err != nil {
			return err
		}
	}
	for _, s := range stages {
		for _, m := range metric.All() {
			h := s.Metrics[m.Name]
			if h == nil || h.Count() == 0 {
				continue
			}
			packed, err := toPacked(h)
			if err != nil {
				return fmt.Errorf("stage %q, %s: %w", s.Stage, m.Name, err)
			}
			packed.SetTag(url.PathEscape(s.Stage) + "/" + string(m.Name))
			packed.SetStartTimeMs(startMS + s.StartNS/nsPerMS)
			packed.SetEndTimeMs(startMS + s.EndNS/nsPerMS)
			if err := log.OutputIntervalPackedHistogram(packed); err != nil {
				return fmt.Errorf("stage %q, %s: %w", s.Stage, m.Name, err)
			}
		}
	}
	return nil
}

// toPacked copies the buckets into the library's form, 1 ns to 1 h at three digits as the recording histogram has it.
func toPacked(h *results.Histogram) (*hdrhistogram.PackedHistogram, error) {
	packed := hdrhistogram.NewPacked(1, int64(time.Hour), 3)
	for ns, count := range h.Buckets {
		if err := packed.RecordValues(ns, count); err != nil {
			return nil, err
		}
	}
	return packed, nil
}

// readHistograms reads what WriteHistograms wrote. A log holds buckets alone: min, max, mean and standard deviation are
// those of the bucket edges, within 0.1%. Intervals that are not ours are passed over.
func readHistograms(r io.Reader, started time.Time) ([]results.StageHistograms, error) {
	log := hdrhistogram.NewHistogramLogReader(r)
	stages := []results.StageHistograms{}
	for {
		dense, err := log.NextIntervalHistogram()
		if err != nil || dense == nil {
			return stages, err
		}
		stage, name, ok := splitTag(dense.Tag())
		if !ok {
			continue
		}
		if n := len(stages); n == 0 || stages[n-1].Stage != stage {
			stages = append(stages, results.StageHistograms{
				Stage:   stage,
				StartNS: (dense.StartTimeMs() - started.UnixMilli()) * nsPerMS,
				EndNS:   (dense.EndTimeMs() - started.UnixMilli()) * nsPerMS,
				Metrics: map[metric.Name]*results.Histogram{},
			})
		}
		stages[len(stages)-1].Metrics[name] = fromDense(dense)
	}
}

func splitTag(tag string) (stage string, name metric.Name, ok bool) {
	escaped, m, ok := strings.Cut(tag, "/")
	if !ok {
		return "", "", false
	}
	stage, err := url.PathUnescape(escaped)
	_, known := metric.Lookup(m)
	return stage, metric.Name(m), err == nil && known
}

func fromDense(dense *hdrhistogram.Histogram) *results.Histogram {
	h := new(results.Histogram)
	for _, bar := range dense.Distribution() {
		h.RecordN(bar.To, bar.Count)
	}
	return h
}
