package results

import "github.com/llmload/llmload/internal/metric"

// Scalar returns a figure that a stage has one of: a rate, a share or goodput. The state is Absent where the stage has
// none, as a success rate of nothing issued.
func (s *StageSummary) Scalar(m metric.Name) (v float64, state State) {
	switch m {
	case metric.OutputTokensPerS:
		return known(s.Throughput.OutputTokensPerS, Absent)
	case metric.RequestsPerS:
		return known(s.Throughput.RequestsPerS, Absent)
	case metric.InputTokensPerS:
		return known(s.Throughput.InputTokensPerS, Absent)
	case metric.TotalTokensPerS:
		return known(s.Throughput.TotalTokensPerS, Absent)
	case metric.Goodput:
		return known(s.Goodput.RequestsPerS, Absent)
	case metric.Attainment:
		return known(s.Goodput.Attainment, Absent)
	case metric.SuccessRate:
		return known(s.Success, Absent)
	case metric.ErrorRate:
		return s.errorRate()
	case metric.TokSPerUser:
		return s.tokensPerUser()
	case metric.TokSPerGPU:
		return known(s.Throughput.TokensPerSPerGPU, Absent)
	}
	return 0, Absent
}

func (s *StageSummary) errorRate() (float64, State) {
	if s.Success == nil {
		return 0, Absent
	}
	return 1 - *s.Success, Value
}

// tokensPerUser is the pace of one stream: 1 / the median tpot.
func (s *StageSummary) tokensPerUser() (float64, State) {
	tpot, state := s.Metrics[metric.TPOT].Quantile("p50")
	if state != Value {
		return 0, state
	}
	if tpot <= 0 {
		return 0, Absent
	}
	return 1000 / tpot, Value
}
