// Package store keeps runs in folders: plan.yaml, summary.json, requests.jsonl.zst and histograms.hlog.
//
// Goals: a kill at any moment leaves a readable folder with every record up to one second before; recording never waits
// for a disk; what is lost is counted and said; newer fields do not stop an older reader.
//
// Non-goals: drawing, other tools' formats, deciding whether a run was good.
package store

// The names of a folder's files are a contract with other readers.
const (
	planFile       = "plan.yaml"
	summaryFile    = "summary.json"
	recordsFile    = "requests.jsonl.zst"
	histogramsFile = "histograms.hlog"
)
