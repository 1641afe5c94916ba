package interop

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// guidellmReport is GuideLLM's benchmarks.json (guidellm/benchmark/schemas/report.py): a benchmark a stage, times in seconds
// of the Unix clock. Of a request's tokens the times of the first and the last are in it.
type guidellmReport struct {
	Metadata struct {
		Version string `json:"guidellm_version"`
	} `json:"metadata"`
	Benchmarks []guidellmBenchmark `json:"benchmarks"`
}

type guidellmBenchmark struct {
	Config struct {
		Strategy struct {
			Type           string   `json:"type_"`
			Streams        int      `json:"streams"`
			Rate           *float64 `json:"rate"`
			MaxConcurrency *int     `json:"max_concurrency"`
		} `json:"strategy"`
	} `json:"config"`
	StartTime float64 `json:"start_time"` // of the measured part
	EndTime   float64 `json:"end_time"`
	Metrics   struct {
		Totals struct {
			Total int `json:"total"`
		} `json:"request_totals"`
	} `json:"metrics"`
	Requests struct {
		Successful []guidellmRequest `json:"successful"`
		Incomplete []guidellmRequest `json:"incomplete"` // cut off when the benchmark's time was over
		Errored    []guidellmRequest `json:"errored"`
	} `json:"requests"`
}

type guidellmRequest struct {
	ID   string `json:"request_id"`
	Info *struct {
		Turn    int     `json:"turn_index"`
		Error   *string `json:"error"`
		Timings *struct {
			Targeted    *float64 `json:"targeted_start"`
			Start       *float64 `json:"request_start"`
			FirstToken  *float64 `json:"first_token_iteration"`
			FirstOutput *float64 `json:"first_output_token_iteration"`
			LastToken   *float64 `json:"last_token_iteration"`
			End         *float64 `json:"request_end"`
			ResolveEnd  *float64 `json:"resolve_end"`
		} `json:"timings"`
	} `json:"info"`
	Input  *int `json:"prompt_tokens"`
	Output *int `json:"output_tokens"`
	Cached *int `json:"cached_tokens"`
}

// gapsUnknown are the metrics that every arrival's time is needed for.
var gapsUnknown = []metric.Name{metric.ICL, metric.ITL, metric.MaxGap}

func guidellmFile(f file) (*Import, error) {
	var g guidellmReport
	if err := f.decode(&g); err != nil {
		return nil, err
	}
	if len(g.Benchmarks) == 0 {
		return nil, fmt.Errorf("%s: benchmarks is empty", f.name)
	}
	zero := g.zero()
	if zero == 0 {
		return nil, fmt.Errorf("%s: no request has info.timings.request_start: want a benchmarks.json of GuideLLM 0.4 or newer, with its requests", f.name)
	}
	var stages []*stage
	for i := range g.Benchmarks {
		st, err := g.Benchmarks[i].stage(zero)
		if err != nil {
			return nil, fmt.Errorf("%s: benchmarks[%d]: %w", f.name, i, err)
		}
		st.name = unused(stages, st.name)
		stages = append(stages, st)
	}
	return build(f, "GuideLLM", g.Metadata.Version, time.Unix(0, zero), stages), nil
}

// unused makes a name that no stage has yet.
func unused(stages []*stage, name string) string {
	free := name
	for n := 2; slices.ContainsFunc(stages, func(s *stage) bool { return s.name == free }); n++ {
		free = fmt.Sprintf("%s #%d", name, n)
	}
	return free
}

// all yields a benchmark's requests with the outcome that their list stands for.
func (b *guidellmBenchmark) all(yield func(list string, i int, r *guidellmRequest, o results.Outcome) bool) {
	for _, group := range []struct {
		name string
		list []guidellmRequest
		o    results.Outcome
	}{
		{"successful", b.Requests.Successful, results.OK},
		{"incomplete", b.Requests.Incomplete, results.Cancelled},
		{"errored", b.Requests.Errored, results.Unknown},
	} {
		for i := range group.list {
			if !yield(group.name, i, &group.list[i], group.o) {
				return
			}
		}
	}
}

// zero is the earliest moment of the file; 0 where there is none.
func (g *guidellmReport) zero() (first int64) {
	for i := range g.Benchmarks {
		g.Benchmarks[i].all(func(_ string, _ int, r *guidellmRequest, _ results.Outcome) bool {
			if r.Info == nil || r.Info.Timings == nil {
				return true
			}
			for _, at := range []*float64{r.Info.Timings.Targeted, r.Info.Timings.Start} {
				if at != nil && *at > 0 && (first == 0 || ns(*at) < first) {
					first = ns(*at)
				}
			}
			return true
		})
	}
	return first
}

func (b *guidellmBenchmark) stage(zero int64) (*stage, error) {
	st := &stage{load: b.load(), start: ns(b.StartTime) - zero, end: ns(b.EndTime) - zero}
	if b.StartTime <= 0 || b.EndTime <= b.StartTime {
		return nil, errors.New("start_time and end_time are no measured part")
	}
	st.name = stageName(st.load)
	open := st.load.Mode == "open"
	st.unknown = append(slices.Clone(gapsUnknown), fromIntended...)
	if open {
		st.unknown = gapsUnknown
	}
	var err error
	b.all(func(list string, i int, r *guidellmRequest, o results.Outcome) bool {
		var rec *results.Record
		if rec, err = r.record(zero, o, open); err != nil {
			err = fmt.Errorf("requests.%s[%d]: %w", list, i, err)
			return false
		}
		// Its warm-up and cool-down are what does not touch the measured part.
		rec.Warmup = rec.DoneNS < st.start
		rec.Tail = rec.DispatchedNS > st.end
		st.records = append(st.records, rec)
		return true
	})
	slices.SortStableFunc(st.records, func(a, b *results.Record) int { return int(a.IntendedNS - b.IntendedNS) })
	st.warnings = b.warnings(len(st.records), open)
	return st, err
}

func (b *guidellmBenchmark) load() results.Load {
	s := b.Config.Strategy
	l := results.Load{API: "", BatchSize: 1, Mode: "closed"}
	for _, r := range b.Requests.Successful {
		l.Stream = l.Stream || r.Info != nil && r.Info.Timings != nil && r.Info.Timings.FirstToken != nil
	}
	switch {
	case s.Rate != nil:
		l.Mode, l.Rate, l.Arrivals = "open", *s.Rate, s.Type
		if s.MaxConcurrency != nil {
			l.MaxInFlight = *s.MaxConcurrency
		}
	case s.Type == "synchronous":
		l.Concurrency = 1
	case s.Streams > 0:
		l.Concurrency = s.Streams
	case s.MaxConcurrency != nil:
		l.Concurrency = *s.MaxConcurrency
	}
	return l
}

func (r *guidellmRequest) record(zero int64, o results.Outcome, open bool) (*results.Record, error) {
	if r.Info == nil || r.Info.Timings == nil {
		return nil, errors.New("info.timings is missing")
	}
	t := r.Info.Timings
	at := func(seconds *float64) int64 {
		if seconds == nil {
			return 0
		}
		return max(ns(*seconds)-zero, 1)
	}
	rec := &results.Record{ID: r.ID, Prompts: 1, Outcome: o, DispatchedNS: at(t.Start)}
	rec.IntendedNS = rec.DispatchedNS
	if open && t.Targeted != nil || t.Start == nil {
		rec.IntendedNS = at(t.Targeted)
	}
	rec.SlotNS = rec.IntendedNS
	if r.Info.Turn > 0 {
		rec.Turn = r.Info.Turn + 1
	}
	for _, n := range []struct{ from, to *int }{{r.Input, &rec.Tokens.Input}, {r.Output, &rec.Tokens.Output}, {r.Cached, &rec.Tokens.Cached}} {
		if n.from != nil {
			*n.to = *n.from
		}
	}
	if r.Info.Error != nil && o != results.Cancelled {
		rec.Error = quoted(*r.Info.Error)
		rec.Outcome, rec.Status = failure(statusIn(*r.Info.Error), *r.Info.Error)
	}
	if t.Start == nil {
		rec.DoneNS = max(at(t.ResolveEnd), rec.IntendedNS)
		return rec, nil
	}
	a := results.Attempt{
		StartedNS: rec.DispatchedNS, FirstTokenNS: at(t.FirstToken), FirstOutNS: at(t.FirstOutput), LastTokenNS: at(t.LastToken),
		DoneNS: max(at(t.End), at(t.LastToken)), Outcome: rec.Outcome, Status: rec.Status,
	}
	if t.End == nil {
		a.DoneNS = at(t.ResolveEnd)
	}
	if a.DoneNS < a.StartedNS {
		return nil, errors.New("it ends before it starts")
	}
	if o == results.OK {
		rec.Status, a.Status = 200, 200
	}
	rec.DoneNS, rec.Attempts = a.DoneNS, []results.Attempt{a}
	return rec, nil
}

func (b *guidellmBenchmark) warnings(have int, open bool) []string {
	w := []string{"imported from GuideLLM: of a request's tokens only the first and the last have a time, so icl, itl and max_gap are not known; " +
		"the API and the server's address are not taken over"}
	if open {
		w = append(w, "dispatch_delay and the response_ times count from GuideLLM's targeted_start: its own lateness and the wait for a place are in one")
	}
	if total := b.Metrics.Totals.Total; total > have {
		w = append(w, fmt.Sprintf("the file keeps %d of %d requests (sample_size): the figures are of those", have, total))
	}
	return w
}
