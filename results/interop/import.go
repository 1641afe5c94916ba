package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
)

// Import is another tool's result file as a run: what it does not hold is null, or left out, and named in a warning of the
// stage. The run has no id yet, and no environment.
type Import struct {
	Summary    *results.Summary
	Records    []*results.Record // none where the file holds figures alone
	Histograms []results.StageHistograms
}

// Read reads the result file of `vllm bench serve --save-result --save-detailed`, GuideLLM (benchmarks.json) or AIPerf
// (profile_export.jsonl or profile_export_aiperf.json), whichever it is. beside opens a file of the same folder, for what one
// file of a tool leaves to another; where there is none its error is fs.ErrNotExist. An error says where in the file.
func Read(name string, src []byte, beside func(string) ([]byte, error)) (*Import, error) {
	f := file{name: name, src: src, line: 1}
	if lines := bytes.SplitN(bytes.TrimSpace(src), []byte("\n"), 3); len(lines) > 1 && json.Valid(lines[0]) && json.Valid(lines[1]) {
		return aiperfRecords(f, beside)
	}
	var head struct {
		Benchmarks  json.RawMessage `json:"benchmarks"`
		TTFTs       json.RawMessage `json:"ttfts"`
		Backend     json.RawMessage `json:"backend"`
		Throughput  json.RawMessage `json:"request_throughput"`
		AIPerf      json.RawMessage `json:"aiperf_version"`
		Metadata    json.RawMessage `json:"metadata"`
		Metrics     json.RawMessage `json:"metrics"`
		VLLMVersion json.RawMessage `json:"vllm_version"`
	}
	if err := f.decode(&head); err != nil {
		return nil, err
	}
	switch {
	case head.Benchmarks != nil:
		return guidellmFile(f)
	case head.AIPerf != nil:
		return aiperfFigures(f)
	case head.Metadata != nil && head.Metrics != nil: // a single request
		return aiperfRecords(f, beside)
	case head.TTFTs != nil || head.Backend != nil && head.Throughput != nil:
		return vllmFile(f)
	}
	return nil, fmt.Errorf("%s: no result file that is known here: vllm bench serve --save-result --save-detailed, GuideLLM's benchmarks.json, "+
		"AIPerf's profile_export.jsonl or profile_export_aiperf.json", name)
}

// file is a file with its name, for errors.
type file struct {
	name string
	src  []byte
	line int // of the file, where src begins
}

// decode reads JSON as Python writes it, with NaN and Infinity, which become null.
func (f file) decode(into any) error {
	src := withoutNaN(f.src)
	err := json.Unmarshal(src, into)
	if err == nil {
		return nil
	}
	offset := int64(-1)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
		if offset > 0 && offset < int64(len(src)) { // it has read what is wrong
			offset--
		}
	}
	if typed, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = typed.Offset
		err = fmt.Errorf("%s is a %s, want %s", typed.Field, typed.Value, typed.Type)
	}
	if offset < 0 || offset > int64(len(src)) {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	before := src[:offset]
	return fmt.Errorf("%s:%d:%d: %w", f.name, f.line+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'), err)
}

// withoutNaN puts null where Python's json writes what JSON has no word for.
func withoutNaN(src []byte) []byte {
	if !bytes.Contains(src, []byte("NaN")) && !bytes.Contains(src, []byte("Infinity")) {
		return src
	}
	out := make([]byte, 0, len(src))
	for inside := false; len(src) > 0; {
		skip := 1
		switch c := src[0]; {
		case inside && c == '\\' && len(src) > 1:
			skip = 2
		case c == '"':
			inside = !inside
		case inside:
		default:
			for _, word := range []string{"-Infinity", "Infinity", "NaN"} {
				if bytes.HasPrefix(src, []byte(word)) {
					out, src, skip = append(out, "null"...), src[len(word):], 0
					break
				}
			}
		}
		out, src = append(out, src[:skip]...), src[skip:]
	}
	return out
}

// stage is one stage on its way from a foreign file.
type stage struct {
	name     string
	load     results.Load
	end      int64 // of the window, which starts at 0 of the run; ns
	start    int64
	records  []*results.Record
	unknown  []metric.Name // that the records cannot tell, whatever their stamps say
	warnings []string
}

// fromIntended are what rest on when a request should have left.
var fromIntended = []metric.Name{metric.QueueDelay, metric.DispatchDelay, metric.ResponseTTFT, metric.ResponseE2E}

// build makes the run of its stages. began is the wall clock at 0.
func build(f file, tool, version string, began time.Time, stages []*stage) *Import {
	in := &Import{Summary: &results.Summary{
		SchemaVersion: results.SchemaVersion,
		Run: results.Run{
			Name: tool, StartedAt: began.UTC(), FinishedAt: began.UTC(), Labels: map[string]string{},
			Imported: &results.Imported{Tool: tool, Version: version, File: filepath.Base(f.name)},
		},
	}}
	in.Summary.Advisory = in.Summary.Run.Imported.String()
	for _, st := range stages {
		in.add(st, began)
	}
	return in
}

func (in *Import) add(st *stage, began time.Time) {
	b := new(results.Bounds)
	b.SetStart(st.start)
	b.SetEnd(st.end)
	c := results.NewCollector(results.StageInfo{Name: st.name, Load: st.load}, b)
	for _, r := range st.records {
		r.Seq, r.Stage = int64(len(in.Records)), st.name
		c.Add(r)
		in.Records = append(in.Records, r)
	}
	s, hs := c.Summarize(), c.Histograms()
	for _, name := range append(slices.Clone(st.unknown), metric.LogicalE2E) { // nobody else tells retries
		delete(s.Metrics, name)
		delete(hs.Metrics, name)
	}
	s.StopReason = "imported"
	s.Warnings = append(st.warnings, s.Warnings...)
	in.finish(&s)
	in.Summary.Stages = append(in.Summary.Stages, s)
	in.Histograms = append(in.Histograms, hs)
	if end := began.Add(time.Duration(st.end)).UTC(); end.After(in.Summary.Run.FinishedAt) {
		in.Summary.Run.FinishedAt = end
	}
}

// finish adds a stage to the books of the run, and says whether it counts.
func (in *Import) finish(s *results.StageSummary) {
	books := &in.Summary.Conservation
	n := s.Requests.Issued + s.Requests.Warmup + s.Requests.Tail
	books.Holds = true
	books.Issued, books.Outcomes = books.Issued+n, books.Outcomes+n
	books.Attempts, books.Dispatched, books.Written = books.Issued, books.Issued, books.Issued
	if s.Requests.Succeeded == 0 {
		in.Summary.InvalidReasons = append(in.Summary.InvalidReasons, fmt.Sprintf("stage %s: no request succeeded", s.Name))
	}
	in.Summary.Valid = len(in.Summary.InvalidReasons) == 0
}

// ns is a time in seconds, of a clock that starts anywhere.
func ns(seconds float64) int64 { return int64(seconds*1e9 + 0.5) }
