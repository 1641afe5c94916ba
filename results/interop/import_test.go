package interop_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/metric"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/dialect"
	"github.com/llmload/llmload/results/interop"
)

// beside answers with the figures that lie in testdata under the name of the records.
func beside(path string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if name != "profile_export_aiperf.json" {
			return nil, errors.New("asked for " + name)
		}
		return os.ReadFile(strings.TrimSuffix(path, ".jsonl") + ".json")
	}
}

func imported(t *testing.T, name string) *interop.Import {
	t.Helper()
	path := filepath.Join("testdata", name)
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := interop.Read(path, src, beside(path))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// The files are of real runs against llmload's mock: 21 of 24, or 14 of 16, requests succeeded (testdata/README.md).
func TestImportsTellWhatTheirFilesTell(t *testing.T) {
	tests := []struct {
		file, tool, version, stage string
		load                       results.Load
		issued, ok, warm           int64
		outcome                    results.Outcome // of what failed
		model                      string
		has, lacks                 []metric.Name
	}{
		{
			"vllm/closed.json", "vllm bench serve", "", "c=4",
			results.Load{Mode: "closed", API: "chat", Stream: true, Concurrency: 4, BatchSize: 1},
			24, 21, 0, "http_500", "demo-8b",
			[]metric.Name{"ttft", "tpot", "e2e", "itl", "icl", "max_gap"},
			[]metric.Name{"response_ttft", "dispatch_delay", "queue_delay", "logical_e2e"},
		},
		{
			"vllm/open.json", "vllm bench serve", "", "rate=20/s",
			results.Load{Mode: "open", API: "chat", Stream: true, Rate: 20, Arrivals: "poisson", MaxInFlight: 2, BatchSize: 1},
			16, 14, 0, "http_500", "demo-8b",
			[]metric.Name{"ttft", "response_ttft", "queue_delay"},
			[]metric.Name{"dispatch_delay", "logical_e2e"},
		},
		{
			"guidellm/closed.json", "GuideLLM", "0.8.1", "c=4",
			results.Load{Mode: "closed", Stream: true, Concurrency: 4, BatchSize: 1},
			24, 21, 0, "http_500", "",
			[]metric.Name{"ttft", "tpot", "e2e"},
			[]metric.Name{"response_ttft", "icl", "itl", "max_gap"},
		},
		{
			"guidellm/open.json", "GuideLLM", "0.8.1", "rate=20/s",
			results.Load{Mode: "open", Stream: true, Rate: 20, Arrivals: "constant", MaxInFlight: 10240, BatchSize: 1},
			16, 14, 0, "http_500", "",
			[]metric.Name{"ttft", "tpot", "response_ttft", "dispatch_delay"},
			[]metric.Name{"icl", "itl", "max_gap"},
		},
		{
			"aiperf/closed.jsonl", "AIPerf", "0.13.0", "c=4",
			results.Load{Mode: "closed", API: "chat", Stream: true, Concurrency: 4, BatchSize: 1},
			24, 21, 0, "http_500", "demo-8b",
			[]metric.Name{"ttft", "tpot", "e2e", "icl", "itl", "dispatch_delay"},
			[]metric.Name{"queue_delay", "logical_e2e"},
		},
		{
			"aiperf/open.jsonl", "AIPerf", "0.13.0", "rate=40/s",
			results.Load{Mode: "open", API: "chat", Stream: true, Rate: 40, Arrivals: "poisson", BatchSize: 1},
			16, 14, 3, "http_500", "demo-8b",
			[]metric.Name{"ttft", "response_ttft"},
			[]metric.Name{"queue_delay"},
		},
	}
	for _, test := range tests {
		in := imported(t, test.file)
		s := &in.Summary.Stages[0]
		if got := *in.Summary.Run.Imported; got != (results.Imported{Tool: test.tool, Version: test.version, File: filepath.Base(test.file)}) {
			t.Errorf("%s: imported %+v", test.file, got)
		}
		if s.Name != test.stage || s.Load != test.load || in.Summary.Target.Model != test.model {
			t.Errorf("%s: stage %s of %+v, model %q", test.file, s.Name, s.Load, in.Summary.Target.Model)
		}
		if s.Requests.Issued != test.issued || s.Requests.Succeeded != test.ok || s.Requests.Warmup != test.warm || s.Outcomes[test.outcome] != test.issued-test.ok {
			t.Errorf("%s: requests %+v, outcomes %v", test.file, s.Requests, s.Outcomes)
		}
		for _, name := range test.has {
			if s.Metrics[name] == nil || s.Metrics[name].Count == 0 {
				t.Errorf("%s: %s is missing", test.file, name)
			}
		}
		for _, name := range test.lacks {
			if s.Metrics[name] != nil || in.Histograms[0].Metrics[name] != nil {
				t.Errorf("%s: the file cannot tell %s", test.file, name)
			}
		}
		if !in.Summary.Valid || len(s.Warnings) == 0 || !strings.HasPrefix(s.Warnings[0], "imported from ") || in.Summary.Instrument.LagP99MS != nil {
			t.Errorf("%s: valid %v, warnings %q", test.file, in.Summary.Valid, s.Warnings)
		}
	}
}

// figures are what a tool's own file says, by the tool's own names and statistics.
func figures(t *testing.T, path string) map[string]any {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("testdata", path))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(src, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func at(t *testing.T, doc any, keys ...string) float64 {
	t.Helper()
	for _, key := range keys {
		m, ok := doc.(map[string]any)
		if !ok {
			t.Fatalf("no %v", keys)
		}
		doc = m[key]
	}
	v, ok := doc.(float64)
	if !ok {
		t.Fatalf("%v is %v", keys, doc)
	}
	return v
}

// The dialects compute, from the records of an imported run, what the tools printed of it.
func TestDialectsAgreeWithTheToolsThemselves(t *testing.T) {
	vllmOf := map[string]string{"TTFT": "ttft", "TPOT": "tpot", "ITL": "itl", "E2EL": "e2el"}
	for _, test := range []struct {
		records, figures, tool string
		of                     func(doc map[string]any, name, stat string) float64
	}{
		{"vllm/closed.json", "vllm/closed.json", "vllm", func(doc map[string]any, name, stat string) float64 {
			return at(t, doc, stat+"_"+vllmOf[name]+"_ms")
		}},
		{"vllm/open.json", "vllm/open.json", "vllm", func(doc map[string]any, name, stat string) float64 {
			return at(t, doc, stat+"_"+vllmOf[name]+"_ms")
		}},
		{"guidellm/closed.json", "guidellm/closed.json", "guidellm", guidellmFigure(t)},
		{"guidellm/open.json", "guidellm/open.json", "guidellm", guidellmFigure(t)},
		{"aiperf/closed.jsonl", "aiperf/closed.json", "aiperf", aiperfFigure(t)},
		{"aiperf/open.jsonl", "aiperf/open.json", "aiperf", aiperfFigure(t)},
	} {
		tool, err := dialect.Lookup(test.tool)
		if err != nil {
			t.Fatal(err)
		}
		in, doc := imported(t, test.records), figures(t, test.figures)
		stages, err := tool.Compute((&sample{records: in.Records}).each)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range stages[0].Times {
			for stat, got := range map[string]float64{"mean": one.Mean, "p50": one.P50, "p90": one.P90, "p99": one.P99} {
				want := test.of(doc, one.Name, stat)
				if one.Name == "inter_chunk_latency" && stat == "p99" {
					continue // AIPerf's is of a t-digest
				}
				// Times of the Unix clock in seconds are exact to half a microsecond.
				if math.Abs(got-want) > 0.002 {
					t.Errorf("%s: %s %s is %v, the tool says %v", test.records, one.Name, stat, got, want)
				}
			}
		}
		for i, want := range rates(t, test.tool, doc) {
			// The tools' own clocks of the whole run are not in the records: they start some ms before the first of 0.5 s, and in an
			// open loop by the first gap between arrivals.
			if got := stages[0].Rates[i].V; math.Abs(got/want-1) > 0.08 {
				t.Errorf("%s: %s is %v, the tool says %v", test.records, stages[0].Rates[i].Name, got, want)
			}
		}
	}
}

func guidellmFigure(t *testing.T) func(map[string]any, string, string) float64 {
	return func(doc map[string]any, name, stat string) float64 {
		of := doc["benchmarks"].([]any)[0].(map[string]any)["metrics"].(map[string]any)[name]
		scale := 1.0
		if name == "request_latency" {
			scale = 1000
		}
		if stat == "mean" {
			return scale * at(t, of, "successful", "mean")
		}
		return scale * at(t, of, "successful", "percentiles", stat)
	}
}

func aiperfFigure(t *testing.T) func(map[string]any, string, string) float64 {
	return func(doc map[string]any, name, stat string) float64 {
		if stat == "mean" {
			stat = "avg"
		}
		return at(t, doc, name, stat)
	}
}

func rates(t *testing.T, tool string, doc map[string]any) []float64 {
	t.Helper()
	switch tool {
	case "vllm":
		return []float64{at(t, doc, "request_throughput"), at(t, doc, "output_throughput"), at(t, doc, "total_token_throughput")}
	case "aiperf":
		return []float64{at(t, doc, "request_throughput", "avg"), at(t, doc, "output_token_throughput", "avg"), at(t, doc, "total_token_throughput", "avg")}
	}
	var all []float64
	for _, name := range []string{"requests_per_second", "output_tokens_per_second", "tokens_per_second"} {
		of := doc["benchmarks"].([]any)[0].(map[string]any)["metrics"].(map[string]any)[name]
		all = append(all, at(t, of, "successful", "mean"))
	}
	return all
}

// Where requests failed, AIPerf's figures cannot tell a quantile of all issued.
func TestFiguresAloneAreARunWithoutRecords(t *testing.T) {
	in := imported(t, "aiperf/closed.json")
	s := &in.Summary.Stages[0]
	ttft := s.Metrics["ttft"]
	if len(in.Records) != 0 || s.Requests.Succeeded != 21 || s.Requests.Failed != 3 || *s.Success != 21.0/24 || s.Load.Concurrency != 4 {
		t.Errorf("%d records, %+v", len(in.Records), s)
	}
	if ttft.P50 != nil || ttft.OKP50 == nil || math.Abs(*ttft.OKP50-37.903895) > 1e-9 || ttft.OKP90 != nil || ttft.Failed != 3 {
		t.Errorf("ttft %+v", ttft)
	}
	if *s.Throughput.RequestsPerS != 30.322516698653263 || math.Abs(s.Window.DurationS-0.692555) > 1e-9 {
		t.Errorf("%+v in %+v", s.Throughput, s.Window)
	}
}

func TestWhatIsNotBesideIsUnknown(t *testing.T) {
	src, err := os.ReadFile("testdata/aiperf/closed.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	none := func(string) ([]byte, error) { return nil, fs.ErrNotExist }
	in, err := interop.Read("profile_export.jsonl", src, none)
	if err != nil {
		t.Fatal(err)
	}
	s := in.Summary.Stages[0]
	if s.Load.Mode != "" || s.Name != "imported" || !strings.Contains(strings.Join(s.Warnings, "\n"), "what load was offered is not known") {
		t.Errorf("stage %s of %+v, warnings %q", s.Name, s.Load, s.Warnings)
	}
}

func TestBadFilesAreRefusedWithTheirPlace(t *testing.T) {
	vllm := `{"backend":"openai-chat","date":"20260102-150405","duration":1,"ttfts":[0.1],"itls":[[0.1]],"input_lens":[1],"output_lens":[2],"errors":[""]}`
	tests := []struct{ about, src, want string }{
		{"an empty file", "", "f:1:1: unexpected end of JSON input"},
		{"half a file", vllm[:40], "f:1:41: unexpected end of JSON input"},
		{"another tool's", `{"results":{}}`, "f: no result file that is known here: vllm"},
		{"a list", `[1]`, "f:1:2: "},
		{"vllm's without detail", `{"backend":"vllm","request_throughput":1}`, "f holds no requests: run vllm bench serve again with --save-result --save-detailed"},
		{"lists of different lengths", strings.Replace(vllm, `"itls":[[0.1]]`, `"itls":[]`, 1), "f: itls has 0 entries where ttfts has 1"},
		{"a text for a number", strings.Replace(vllm, `[0.1],`, `["x"],`, 1), "f:1:76: ttfts is a string, want float64"},
		{"a negative gap", strings.Replace(vllm, `[[0.1]]`, `[[-0.1]]`, 1), "f: itls of request 0 has -0.1 s"},
		{"no time", strings.Replace(vllm, `20260102-150405`, `today`, 1), `f: date "today": want a time such as 20260102-150405`},
		{"GuideLLM's without requests", `{"benchmarks":[{"requests":{"successful":null}}]}`, "f: no request has info.timings.request_start"},
		{"GuideLLM's of nothing", `{"benchmarks":[]}`, "f: benchmarks is empty"},
		{"GuideLLM's without a measured part", `{"benchmarks":[{"requests":{"errored":[{"info":{"timings":{"request_start":5}}}]}}]}`, "f: benchmarks[0]: start_time and end_time"},
		{"a line that is no record", `{"metadata":{"request_start_ns":1},"metrics":{}}` + "\n{}\n", "f:2: metadata.request_start_ns or metrics is missing"},
		{"a line that is no JSON", `{"metadata":{"request_start_ns":1},"metrics":{}}` + "\n" + `{"metadata":{"request_start_ns":2},"metrics":{}}` + "\n{,}\n", "f:3:2: invalid character"},
		{"a time in tokens", `{"metadata":{"request_start_ns":1},"metrics":{"request_latency":{"value":1,"unit":"tokens"}}}`, `f: request 1: request_latency is in "tokens": want a time`},
		{"figures of nothing", `{"aiperf_version":"0.13.0"}`, "f: neither request_count nor error_request_count"},
	}
	none := func(string) ([]byte, error) { return nil, fs.ErrNotExist }
	for _, test := range tests {
		if _, err := interop.Read("f", []byte(test.src), none); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v\nwant %s", test.about, err, test.want)
		}
	}
}

// Python writes NaN and Infinity, and a file whose every request failed is a run of no success.
func TestEveryRequestFailed(t *testing.T) {
	src := `{"backend":"vllm","date":"20260102-150405","duration":1.5,"model_id":"größer \"NaN\"","ttfts":[0.0],"itls":[[]],"input_lens":[1],"output_lens":[0],
"mean_ttft_ms": NaN, "x": [-Infinity, Infinity], "errors":["Traceback:\n  File x\nConnectionRefusedError: http://me:pw@host/v1?key=sk-planted refused"]}`
	in, err := interop.Read("f", []byte(src), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := in.Summary
	if s.Valid || s.InvalidReasons[0] != "stage c=1: no request succeeded" || s.Stages[0].Outcomes[results.Refused] != 1 || s.Target.Model != `größer "NaN"` {
		t.Errorf("valid %v %q, outcomes %v, model %s", s.Valid, s.InvalidReasons, s.Stages[0].Outcomes, s.Target.Model)
	}
	if got := in.Records[0].Error; strings.Contains(got, "planted") || strings.Contains(got, "pw") || !strings.Contains(got, "ConnectionRefusedError") {
		t.Errorf("error %q", got)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"vllm/open.json", "guidellm/open.json", "aiperf/open.jsonl", "aiperf/closed.json"} {
		src, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	none := func(string) ([]byte, error) { return nil, fs.ErrNotExist }
	f.Fuzz(func(t *testing.T, src []byte) {
		in, err := interop.Read("f", src, none)
		if err != nil {
			return
		}
		if _, err := json.Marshal(in.Summary); err != nil {
			t.Error(err)
		}
		if n := int64(len(in.Records)); n > 0 && in.Summary.Conservation.Issued != n {
			t.Errorf("%d issued of %d records", in.Summary.Conservation.Issued, n)
		}
	})
}
