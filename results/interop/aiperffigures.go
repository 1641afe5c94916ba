package interop

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// aiperfFile is AIPerf's profile_export_aiperf.json (aiperf/common/models/export_models.py, JsonExportData): figures of a whole
// run, and what was asked for.
type aiperfFile struct {
	Version   string `json:"aiperf_version"`
	StartTime string `json:"start_time"`
	EndTime   string `json:"end_time"`
	Cancelled bool   `json:"was_cancelled"`
	Config    struct {
		Models   json.RawMessage `json:"models"`
		Endpoint struct {
			Type      string `json:"type"`
			Streaming bool   `json:"streaming"`
		} `json:"endpoint"`
		Phases []struct {
			Kind        string   `json:"kind"`
			Type        string   `json:"type"`
			Concurrency *int     `json:"concurrency"`
			Rate        *float64 `json:"rate"`
		} `json:"phases"`
	} `json:"input_config"`

	TTFT          *aiperfStats `json:"time_to_first_token"`
	TTFOT         *aiperfStats `json:"time_to_first_output_token"`
	Latency       *aiperfStats `json:"request_latency"`
	ITL           *aiperfStats `json:"inter_token_latency"`
	ICL           *aiperfStats `json:"inter_chunk_latency"`
	Requests      *aiperfStats `json:"request_count"`
	Errors        *aiperfStats `json:"error_request_count"`
	PerSecond     *aiperfStats `json:"request_throughput"`
	OutputRate    *aiperfStats `json:"output_token_throughput"`
	InputRate     *aiperfStats `json:"input_token_throughput"`
	TotalRate     *aiperfStats `json:"total_token_throughput"`
	OutputTokens  *aiperfStats `json:"total_osl"`
	InputTokens   *aiperfStats `json:"total_isl"`
	BenchmarkTime *aiperfStats `json:"benchmark_duration"`
}

// aiperfStats is one metric's figures; those of a single value stand under avg.
type aiperfStats struct {
	Unit  string   `json:"unit"`
	Avg   *float64 `json:"avg"`
	Min   *float64 `json:"min"`
	Max   *float64 `json:"max"`
	Std   *float64 `json:"std"`
	P50   *float64 `json:"p50"`
	P90   *float64 `json:"p90"`
	P95   *float64 `json:"p95"`
	P99   *float64 `json:"p99"`
	Count *int64   `json:"count"`
}

func (s *aiperfStats) one() *float64 {
	if s == nil {
		return nil
	}
	return s.Avg
}

func (s *aiperfStats) whole() int64 {
	if v := s.one(); v != nil {
		return int64(*v)
	}
	return 0
}

// load is that of the last phase that is no warm-up.
func (a *aiperfFile) load() results.Load {
	l := results.Load{API: a.Config.Endpoint.Type, Stream: a.Config.Endpoint.Streaming, BatchSize: 1}
	for _, p := range a.Config.Phases {
		if p.Kind == "warmup" {
			continue
		}
		l.Mode, l.Rate, l.Arrivals, l.Concurrency, l.MaxInFlight = "", 0, "", 0, 0
		switch {
		case p.Rate != nil:
			l.Mode, l.Rate, l.Arrivals = "open", *p.Rate, p.Type
			if p.Concurrency != nil {
				l.MaxInFlight = *p.Concurrency
			}
		case p.Concurrency != nil:
			l.Mode, l.Concurrency = "closed", *p.Concurrency
		}
	}
	return l
}

func (a *aiperfFile) model() string {
	var m struct {
		Items []struct {
			Name string `json:"name"`
		} `json:"items"`
	}
	if json.Unmarshal(a.Config.Models, &m) != nil || len(m.Items) != 1 {
		return ""
	}
	return m.Items[0].Name
}

// aiperfFigures makes a run of figures alone: there are no records and no histograms, and quantiles are AIPerf's own.
func aiperfFigures(f file) (*Import, error) {
	var a aiperfFile
	if err := f.decode(&a); err != nil {
		return nil, err
	}
	if a.Requests == nil && a.Errors == nil {
		return nil, fmt.Errorf("%s: neither request_count nor error_request_count is there: the file is not whole", f.name)
	}
	began, err := aiperfTime(a.StartTime)
	ended, err2 := aiperfTime(a.EndTime)
	if err := cmp.Or(err, err2); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	in := build(f, "AIPerf", a.Version, began, nil)
	in.Summary.Run.FinishedAt, in.Summary.Run.Interrupted = ended, a.Cancelled
	in.Summary.Target.Model = a.model()
	s := a.stage()
	s.Window = results.Window{DurationS: ended.Sub(began).Seconds()}
	in.finish(&s)
	in.Summary.Stages = []results.StageSummary{s}
	return in, nil
}

func aiperfTime(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999"} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("start_time or end_time is %q: want a time such as 2026-01-02T15:04:05", text)
}

func (a *aiperfFile) stage() results.StageSummary {
	ok, failed := a.Requests.whole(), a.Errors.whole()
	s := results.StageSummary{
		Load: a.load(), StopReason: "imported", Outcomes: map[results.Outcome]int64{}, Metrics: map[metric.Name]*results.Metric{},
		Requests: results.Requests{Issued: ok + failed, Succeeded: ok, Failed: failed}, Attempts: ok + failed,
		Tokens: results.TokenTotals{Input: a.InputTokens.whole(), Output: a.OutputTokens.whole()},
		Throughput: results.Throughput{
			RequestsPerS: a.PerSecond.one(), OutputTokensPerS: a.OutputRate.one(), InputTokensPerS: a.InputRate.one(), TotalTokensPerS: a.TotalRate.one(),
		},
		Warnings: []string{
			"imported from AIPerf's figures: its own quantiles, interpolated over successes; the requests, their course over time and the response_ times are not in the file",
			"its times name no time zone: they are taken as UTC",
		},
	}
	s.Name = stageName(s.Load)
	for outcome, n := range map[results.Outcome]int64{results.OK: ok, results.Unknown: failed} {
		if n > 0 {
			s.Outcomes[outcome] = n
		}
	}
	if n := ok + failed; n > 0 {
		share := float64(ok) / float64(n)
		s.Success = &share
	}
	for name, stats := range map[metric.Name]*aiperfStats{
		metric.TTFT: a.TTFT, metric.TTFOT: a.TTFOT, metric.E2E: a.Latency, metric.TPOT: a.ITL, metric.ICL: a.ICL,
	} {
		if stats != nil && stats.Unit == "ms" {
			s.Metrics[name] = stats.metric(ok, failed)
		}
	}
	return s
}

// metric takes AIPerf's quantiles as those of successes; as those of all issued only where nothing failed. Too small a sample
// resolves neither.
func (s *aiperfStats) metric(ok, failed int64) *results.Metric {
	m := &results.Metric{Unit: "ms", Count: ok, Failed: failed, Min: s.Min, Mean: s.Avg, Stddev: s.Std, Max: s.Max, CI: map[string][2]float64{}}
	if s.Count != nil {
		m.Count = *s.Count
	}
	for _, q := range []struct {
		q       float64
		v       *float64
		of, all **float64
	}{{0.5, s.P50, &m.OKP50, &m.P50}, {0.9, s.P90, &m.OKP90, &m.P90}, {0.95, s.P95, &m.OKP95, &m.P95}, {0.99, s.P99, &m.OKP99, &m.P99}} {
		if int(m.Count) < metric.MinSamples(q.q) {
			continue
		}
		*q.of = q.v
		if failed == 0 {
			*q.all = q.v
		}
	}
	return m
}
