// Package metric is the one table of what is measured: the names, their units, and the grammar of thresholds on them.
//
// Goals: a scenario, a summary and a report mean the same thing by ttft; a value has one base unit inside (nanoseconds,
// a second, a share of one) and is scaled once, when it is printed; a threshold says how many samples it needs.
//
// Non-goals: computing the metrics, storing them, or deciding a verdict from samples.
package metric
