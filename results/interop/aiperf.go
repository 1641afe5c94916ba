package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// aiperfRecord is a line of AIPerf's profile_export.jsonl (aiperf/common/models/record_models.py, MetricRecordInfo): times on
// the Unix clock in ns, metrics with their unit.
type aiperfRecord struct {
	Metadata struct {
		RequestID    string `json:"x_request_id"`
		Turn         int    `json:"turn_index"`
		CreditIssued int64  `json:"credit_issued_ns"`
		Start        int64  `json:"request_start_ns"`
		OldStart     int64  `json:"timestamp_ns"` // before version 0.2
		Ack          int64  `json:"request_ack_ns"`
		End          int64  `json:"request_end_ns"`
		Phase        string `json:"benchmark_phase"`
		OldPhase     string `json:"credit_phase"`
		Cancelled    bool   `json:"was_cancelled"`
	} `json:"metadata"`
	Metrics map[string]aiperfValue `json:"metrics"`
	Error   *struct {
		Code    int    `json:"code"`
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"error"`
}

// aiperfValue is a number, or a list of them, with its unit.
type aiperfValue struct {
	Value json.RawMessage `json:"value"`
	Unit  string          `json:"unit"`
}

// aiperfRecords reads requests, and what was offered from profile_export_aiperf.json beside, where it is.
func aiperfRecords(f file, beside func(string) ([]byte, error)) (*Import, error) {
	var lines []aiperfRecord
	number := 0
	for line := range bytes.Lines(f.src) {
		number++
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var one aiperfRecord
		if err := (file{f.name, bytes.TrimSpace(line), number}).decode(&one); err != nil {
			return nil, err
		}
		if one.start() == 0 || one.Metrics == nil {
			return nil, fmt.Errorf("%s:%d: metadata.request_start_ns or metrics is missing: want a line of AIPerf's profile_export.jsonl", f.name, number)
		}
		lines = append(lines, one)
	}
	zero := lines[0].intended()
	for i := range lines {
		zero = min(zero, lines[i].intended())
	}
	st := &stage{unknown: []metric.Name{metric.QueueDelay}, warnings: []string{
		"imported from AIPerf: e2e ends with the last content, not with the end marker; rates are over all of its requests, start and drain included; " +
			"dispatch_delay and the response_ times count from credit_issued_ns, when AIPerf let a request go: the wait for that is not in the file",
	}}
	for i := range lines {
		r, err := lines[i].record(zero)
		if err != nil {
			return nil, fmt.Errorf("%s: request %d: %w", f.name, i+1, err)
		}
		st.load.Stream = st.load.Stream || len(r.Attempts) > 0 && r.Attempts[0].FirstTokenNS != 0
		if r.Measured() {
			st.start = min(nonZero(st.start, r.IntendedNS), r.IntendedNS)
			st.end = max(st.end, r.DoneNS)
		}
		st.records = append(st.records, r)
	}
	version, model, err := st.offered(f, beside)
	if err != nil {
		return nil, err
	}
	st.name = stageName(st.load)
	in := build(f, "AIPerf", version, time.Unix(0, zero), []*stage{st})
	in.Summary.Target.Model = model
	return in, nil
}

// nonZero is a, or b where a is not set yet.
func nonZero(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return a
}

func (l *aiperfRecord) start() int64    { return nonZero(l.Metadata.Start, l.Metadata.OldStart) }
func (l *aiperfRecord) intended() int64 { return nonZero(l.Metadata.CreditIssued, l.start()) }

// ms reads times of one of the metrics, in ns.
func (l *aiperfRecord) times(names ...string) (ns []int64, err error) {
	for _, name := range names {
		v, ok := l.Metrics[name]
		if !ok {
			continue
		}
		scale := map[string]float64{"ms": 1e6, "s": 1e9, "sec": 1e9, "us": 1e3, "ns": 1}[v.Unit]
		if scale == 0 {
			return nil, fmt.Errorf("%s is in %q: want a time", name, v.Unit)
		}
		var many []float64
		var one float64
		if json.Unmarshal(v.Value, &many) != nil {
			if err := json.Unmarshal(v.Value, &one); err != nil {
				return nil, fmt.Errorf("%s is no number: %w", name, err)
			}
			many = []float64{one}
		}
		for _, x := range many {
			if x < 0 {
				return nil, fmt.Errorf("%s is %v: want no time below 0", name, x)
			}
			ns = append(ns, int64(x*scale+0.5))
		}
		return ns, nil
	}
	return nil, nil
}

// count reads tokens.
func (l *aiperfRecord) count(names ...string) int {
	for _, name := range names {
		var n float64
		if v, ok := l.Metrics[name]; ok && json.Unmarshal(v.Value, &n) == nil {
			return int(n)
		}
	}
	return 0
}

func (l *aiperfRecord) record(zero int64) (*results.Record, error) {
	m := &l.Metadata
	r := &results.Record{
		ID: m.RequestID, Prompts: 1, Outcome: results.OK, Status: 200, IntendedNS: l.intended() - zero, DispatchedNS: l.start() - zero,
		Warmup: strings.EqualFold(m.Phase+m.OldPhase, "warmup"),
	}
	r.SlotNS = r.IntendedNS
	if m.Turn > 0 {
		r.Turn = m.Turn + 1
	}
	r.Tokens = results.Tokens{
		Input: l.count("input_sequence_length", "usage_prompt_tokens"), Output: l.count("output_sequence_length", "usage_completion_tokens"),
		Reasoning: l.count("reasoning_token_count"), Cached: l.count("usage_prompt_cache_read_tokens"),
	}
	if _, ok := l.Metrics["usage_completion_tokens"]; ok {
		r.Tokens.Source = results.FromUsage
	}
	a := results.Attempt{StartedNS: r.DispatchedNS, Outcome: results.OK, Status: 200, DoneNS: max(m.End-zero, r.DispatchedNS)}
	if m.Ack > 0 {
		a.HeadersNS = m.Ack - zero
	}
	if err := l.stamps(&a); err != nil {
		return nil, err
	}
	if l.Error != nil {
		r.Error = quoted(l.Error.Type + ": " + l.Error.Message)
		r.Outcome, r.Status = failure(l.Error.Code, l.Error.Type+" "+l.Error.Message)
	}
	if m.Cancelled {
		r.Outcome, r.Status = results.Cancelled, 0
	}
	a.Outcome, a.Status = r.Outcome, r.Status
	r.DoneNS, r.Attempts = a.DoneNS, []results.Attempt{a}
	return r, nil
}

// stamps fills in what is given as times from the start.
func (l *aiperfRecord) stamps(a *results.Attempt) error {
	whole, err := l.times("request_latency")
	first, err1 := l.times("time_to_first_token", "ttft")
	output, err2 := l.times("time_to_first_output_token")
	gaps, err3 := l.times("inter_chunk_latency")
	if err := errors.Join(err, err1, err2, err3); err != nil {
		return err
	}
	if len(whole) == 1 {
		a.DoneNS = a.StartedNS + whole[0]
	}
	if len(first) != 1 {
		return nil
	}
	a.FirstTokenNS = a.StartedNS + first[0]
	if len(output) == 1 {
		a.FirstOutNS = a.StartedNS + output[0]
	}
	if len(gaps) == 0 {
		a.LastTokenNS = a.DoneNS
		return nil
	}
	a.Arrivals.DtNS = append(first, gaps...)
	for range a.Arrivals.DtNS {
		a.Arrivals.Events = append(a.Arrivals.Events, 1)
	}
	if l.count("output_sequence_length", "usage_completion_tokens") == len(a.Arrivals.DtNS) {
		a.Arrivals.K = a.Arrivals.Events
	}
	return nil
}

// offered is what the figures' file says of the load.
func (st *stage) offered(f file, beside func(string) ([]byte, error)) (version, model string, err error) {
	const figures = "profile_export_aiperf.json"
	src, err := beside(figures)
	if errors.Is(err, fs.ErrNotExist) {
		st.warnings = append(st.warnings, "what load was offered is not known: "+figures+" is not beside the file")
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	var a aiperfFile
	if err := (file{filepath.Join(filepath.Dir(f.name), figures), src, 1}).decode(&a); err != nil {
		return "", "", err
	}
	stream := st.load.Stream
	st.load = a.load()
	st.load.Stream = stream
	return a.Version, a.model(), nil
}
