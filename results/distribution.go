package results

import "github.com/llmload/llmload/internal/metric"

// distribution is the index of a metric that has quantiles.
type distribution int

const (
	distQueueDelay distribution = iota
	distDispatchDelay
	distTTFT
	distResponseTTFT
	distTTFOT
	distE2E
	distResponseE2E
	distLogicalE2E
	distMaxGap
	distTPOT
	perRequest // the distributions above have one value a request, those below many
)

const (
	distICL = perRequest + iota
	distITL
	nDistributions
)

func (d distribution) name() metric.Name {
	return [nDistributions]metric.Name{
		distQueueDelay:    metric.QueueDelay,
		distDispatchDelay: metric.DispatchDelay,
		distTTFT:          metric.TTFT,
		distResponseTTFT:  metric.ResponseTTFT,
		distTTFOT:         metric.TTFOT,
		distE2E:           metric.E2E,
		distResponseE2E:   metric.ResponseE2E,
		distLogicalE2E:    metric.LogicalE2E,
		distMaxGap:        metric.MaxGap,
		distTPOT:          metric.TPOT,
		distICL:           metric.ICL,
		distITL:           metric.ITL,
	}[d]
}

// streamed reports whether only a streaming answer has the metric.
func (d distribution) streamed() bool {
	switch d {
	case distQueueDelay, distDispatchDelay, distE2E, distResponseE2E, distLogicalE2E:
		return false
	}
	return true
}
