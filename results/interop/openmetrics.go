package interop

import (
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// OpenMetrics writes the summary as OpenMetrics text: gauges labelled by run and stage, in seconds, tokens and requests. A quantile
// that lands on failed requests is +Inf, for they rank above every success; one that the sample cannot resolve, like every
// figure that is not known, is left out.
func OpenMetrics(w io.Writer, s *results.Summary) error {
	var m families
	if !s.Valid || s.Run.Imported == nil { // of another tool's run that is not known
		m.add("llmload_run_valid", "Whether the run's figures may be used: 1, or 0.", truth(s.Valid), "run", s.Run.ID)
	}
	m.add("llmload_run_start_time_seconds", "When the run began.", float64(s.Run.StartedAt.UnixNano())/1e9, "run", s.Run.ID)
	for i := range s.Stages {
		m.stage(s.Run.ID, &s.Stages[i])
	}
	for _, f := range m.list {
		if _, err := expfmt.MetricFamilyToOpenMetrics(w, f); err != nil {
			return err
		}
	}
	_, err := expfmt.FinalizeOpenMetrics(w)
	return err
}

// families collects metrics under their names, in the order in which names come first.
type families struct {
	list  []*dto.MetricFamily
	index map[string]*dto.MetricFamily
}

// add takes one value; pairs are names and values of labels.
func (m *families) add(name, help string, v float64, pairs ...string) {
	f := m.index[name]
	if f == nil {
		f = &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum()}
		if m.index == nil {
			m.index = map[string]*dto.MetricFamily{}
		}
		m.index[name] = f
		m.list = append(m.list, f)
	}
	one := &dto.Metric{Gauge: &dto.Gauge{Value: &v}}
	for i := 0; i < len(pairs); i += 2 {
		one.Label = append(one.Label, &dto.LabelPair{Name: &pairs[i], Value: &pairs[i+1]})
	}
	f.Metric = append(f.Metric, one)
}

func (m *families) stage(run string, s *results.StageSummary) {
	own := []string{"run", run, "stage", s.Name}
	with := func(pairs ...string) []string { return append(slices.Clone(own), pairs...) }
	for _, outcome := range slices.Sorted(maps.Keys(s.Outcomes)) {
		m.add("llmload_requests", "Measured requests by how they ended.", float64(s.Outcomes[outcome]), with("outcome", string(outcome))...)
	}
	m.add("llmload_window_seconds", "Length of the measured window.", s.Window.DurationS, own...)
	for _, info := range metric.All() {
		if !info.Distribution {
			if v, state := s.Scalar(info.Name); state == results.Value {
				m.add("llmload_"+string(info.Name), info.Title+".", v, own...)
			}
			continue
		}
		d := s.Metrics[info.Name]
		if d == nil {
			continue
		}
		name := "llmload_" + string(info.Name) + "_seconds"
		for _, q := range []string{"p50", "p90", "p95", "p99", "p99.9"} {
			v, state := d.Quantile(q)
			switch state {
			case results.Value:
				v /= 1000
			case results.Failed:
				v = math.Inf(1)
			default:
				continue
			}
			m.add(name, info.Title+", over all issued requests.", v, with("quantile", fraction(q))...)
		}
		if v, state := d.Quantile("mean"); state == results.Value {
			m.add("llmload_"+string(info.Name)+"_mean_seconds", info.Title+", mean of successes.", v/1000, own...)
		}
	}
}

// fraction writes p99.9 as 0.999.
func fraction(quantile string) string {
	percent, _ := strconv.ParseFloat(quantile[1:], 64) // one of the five above
	return strconv.FormatFloat(math.Round(percent*10)/1000, 'f', -1, 64)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
