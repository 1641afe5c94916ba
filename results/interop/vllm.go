package interop

import (
	"fmt"
	"strconv"
	"time"

	"github.com/llmload/llmload/results"
)

// vllmResult is the file of `vllm bench serve --save-result --save-detailed` (vllm/benchmarks/serve.py). The lists have an
// entry a request; older versions lack latencies, start_times and queue_times.
type vllmResult struct {
	Date           string      `json:"date"`
	Backend        string      `json:"backend"`
	Label          *string     `json:"label"`
	Model          string      `json:"model_id"`
	RequestRate    any         `json:"request_rate"` // a number, or "inf"
	Burstiness     *float64    `json:"burstiness"`
	MaxConcurrency *int        `json:"max_concurrency"`
	Duration       float64     `json:"duration"`
	Completed      int         `json:"completed"`
	InputLens      []int       `json:"input_lens"`
	OutputLens     []int       `json:"output_lens"`
	TTFTs          []float64   `json:"ttfts"`
	ITLs           [][]float64 `json:"itls"`
	Latencies      []float64   `json:"latencies"`
	StartTimes     []float64   `json:"start_times"`
	QueueTimes     []float64   `json:"queue_times"`
	Errors         []string    `json:"errors"`
}

func vllmFile(f file) (*Import, error) {
	var v vllmResult
	if err := f.decode(&v); err != nil {
		return nil, err
	}
	if len(v.TTFTs) == 0 {
		return nil, fmt.Errorf("%s holds no requests: run vllm bench serve again with --save-result --save-detailed", f.name)
	}
	if err := v.check(f.name); err != nil {
		return nil, err
	}
	st := &stage{load: v.load(), end: ns(v.Duration)}
	st.name = stageName(st.load)
	st.unknown = fromIntended
	if st.load.Mode == "open" && v.QueueTimes != nil {
		st.unknown = fromIntended[1:2] // the wait for the concurrency cap is in queue_times, the timer's lateness nowhere
	}
	st.warnings = v.warnings(st.load)
	zero := v.zero()
	for i := range v.TTFTs {
		st.records = append(st.records, v.record(i, zero))
	}
	began, err := time.ParseInLocation("20060102-150405", v.Date, time.UTC)
	if err != nil {
		return nil, fmt.Errorf("%s: date %q: want a time such as 20260102-150405", f.name, v.Date)
	}
	began = began.Add(-time.Duration(st.end)) // it is written at the end
	in := build(f, "vllm bench serve", "", began, []*stage{st})
	in.Summary.Target.Model = v.Model
	if v.Label != nil {
		in.Summary.Run.Name = *v.Label
	}
	if st := &in.Summary.Stages[0]; v.StartTimes == nil {
		st.Series = nil
	}
	return in, nil
}

// check holds the lists against each other: a request has an entry in each.
func (v *vllmResult) check(name string) error {
	n := len(v.TTFTs)
	for _, list := range []struct {
		key      string
		n        int
		optional bool
	}{
		{"itls", len(v.ITLs), false},
		{"input_lens", len(v.InputLens), false},
		{"output_lens", len(v.OutputLens), false},
		{"errors", len(v.Errors), false},
		{"latencies", len(v.Latencies), true},
		{"start_times", len(v.StartTimes), true},
		{"queue_times", len(v.QueueTimes), true},
	} {
		if list.n != n && (!list.optional || list.n > 0) {
			return fmt.Errorf("%s: %s has %d entries where ttfts has %d: the file is not whole, or of a version that is not known here", name, list.key, list.n, n)
		}
	}
	if v.Duration <= 0 {
		return fmt.Errorf("%s: duration is %v s: want more than 0", name, v.Duration)
	}
	for i := range n {
		if v.TTFTs[i] < 0 || v.InputLens[i] < 0 || v.OutputLens[i] < 0 {
			return fmt.Errorf("%s: request %d has a negative time or length", name, i)
		}
		for _, gap := range v.ITLs[i] {
			if gap < 0 {
				return fmt.Errorf("%s: itls of request %d has %v s: want none below 0", name, i, gap)
			}
		}
	}
	return nil
}

func (v *vllmResult) load() results.Load {
	l := results.Load{Mode: "closed", API: vllmAPI(v.Backend), Stream: true, Concurrency: len(v.TTFTs), BatchSize: 1}
	if v.MaxConcurrency != nil {
		l.Concurrency = *v.MaxConcurrency
	}
	if rate, ok := v.RequestRate.(float64); ok && rate > 0 {
		l.Mode, l.Rate, l.MaxInFlight, l.Concurrency = "open", rate, l.Concurrency, 0
		l.Arrivals = "poisson"
		if v.Burstiness != nil && *v.Burstiness != 1 {
			l.Arrivals = "gamma(" + strconv.FormatFloat(*v.Burstiness, 'g', -1, 64) + ")"
		}
		if v.MaxConcurrency == nil {
			l.MaxInFlight = 0
		}
	}
	return l
}

func vllmAPI(backend string) string {
	switch backend {
	case "openai-chat":
		return "chat"
	case "vllm", "openai", "lmdeploy", "scalellm", "sglang":
		return "completions"
	}
	return backend
}

// zero is the first moment of the file's clock: when the first request began to wait.
func (v *vllmResult) zero() int64 {
	first := int64(0)
	for i, s := range v.StartTimes {
		at := ns(s)
		if v.QueueTimes != nil {
			at = ns(s - v.QueueTimes[i])
		}
		if i == 0 || at < first {
			first = at
		}
	}
	return first
}

func (v *vllmResult) record(i int, zero int64) *results.Record {
	r := &results.Record{ID: strconv.Itoa(i), Prompts: 1, Outcome: results.OK}
	a := results.Attempt{Outcome: results.OK}
	if v.StartTimes != nil {
		a.StartedNS = ns(v.StartTimes[i]) - zero
	}
	r.DispatchedNS, r.SlotNS, r.IntendedNS = a.StartedNS, a.StartedNS, a.StartedNS
	if v.load().Mode == "open" && v.QueueTimes != nil {
		r.IntendedNS -= ns(v.QueueTimes[i])
	}
	r.Tokens = results.Tokens{Input: v.InputLens[i], Output: v.OutputLens[i]}
	if v.Errors[i] != "" || v.TTFTs[i] == 0 {
		r.Error = quoted(lastLine(v.Errors[i]))
		r.Outcome, r.Status = failure(0, r.Error)
		a.Outcome, a.Status, a.DoneNS = r.Outcome, r.Status, a.StartedNS
		if v.Latencies != nil {
			a.DoneNS += ns(v.Latencies[i])
		}
	} else {
		v.arrivals(i, &a)
		r.Status, a.Status = 200, 200
	}
	r.DoneNS, r.Attempts = a.DoneNS, []results.Attempt{a}
	return r
}

// arrivals are the chunks. A count of tokens equal to that of chunks says one each.
func (v *vllmResult) arrivals(i int, a *results.Attempt) {
	a.Arrivals.DtNS = []int64{ns(v.TTFTs[i])}
	for _, gap := range v.ITLs[i] {
		a.Arrivals.DtNS = append(a.Arrivals.DtNS, ns(gap))
	}
	at := a.StartedNS
	for _, dt := range a.Arrivals.DtNS {
		at += dt
		a.Arrivals.Events = append(a.Arrivals.Events, 1)
	}
	if v.OutputLens[i] == len(a.Arrivals.DtNS) {
		a.Arrivals.K = a.Arrivals.Events
	}
	a.FirstTokenNS = a.StartedNS + a.Arrivals.DtNS[0]
	a.FirstOutNS, a.DoneNS = a.FirstTokenNS, at
	if a.DoneNS == 0 {
		a.DoneNS = 1
	}
}

func (v *vllmResult) warnings(l results.Load) []string {
	w := []string{
		"imported from vllm bench serve: e2e ends with the last content, not with the end marker; rates are over the whole benchmark, its start and its drain included; " +
			"the server's address, cached tokens, and when failed requests ended are not in the file",
		"the file's date names no time zone: it is taken as UTC",
	}
	switch {
	case v.StartTimes == nil:
		w = append(w, "the file has no start_times: when each request left, and the course over time, are not known")
	case l.Mode == "open" && v.QueueTimes == nil:
		w = append(w, "the file has no queue_times: what waited for --max-concurrency is in no latency")
	case l.Mode == "open":
		w = append(w, "response_ttft and response_e2e hold the wait for --max-concurrency, not how late vllm's own timer was")
	}
	return w
}

// stageName names a load as sweeps do.
func stageName(l results.Load) string {
	switch {
	case l.Mode == "open":
		return "rate=" + strconv.FormatFloat(l.Rate, 'g', -1, 64) + "/s"
	case l.Mode == "closed":
		return "c=" + strconv.Itoa(l.Concurrency)
	}
	return "imported"
}
