//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/santhosh-tekuri/jsonschema/v6"
	vegeta "github.com/tsenart/vegeta/v12/lib"
	"go.yaml.in/yaml/v4"

	"github.com/llmload/llmload/fixtures"
	"github.com/llmload/llmload/internal/cli"
)

var update = flag.Bool("update", false, "write the golden files anew")

// v1 is a run folder of schema version 1, as the first llmload wrote it. It must stay readable, unchanged.
var v1 = filepath.Join("testdata", "v1")

// llmload runs a command line in this process.
func llmload(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	sys := cli.IO{In: strings.NewReader(""), Out: &out, Err: &errs, LookupEnv: func(string) (string, bool) { return "", false }}
	code = cli.Main(append([]string{"llmload"}, args...), sys)
	return out.String(), errs.String(), code
}

// TestVersionOneStaysReadable holds every format of report and export against a golden file: stages with failures, without
// any success, of one request, with names that are not ASCII.
func TestVersionOneStaysReadable(t *testing.T) {
	plots := t.TempDir()
	for name, args := range map[string][]string{
		"report.txt":            {"report", v1, "--plots", plots},
		"report.md":             {"report", v1, "--plots", plots, "--format", "markdown"},
		"report.csv":            {"report", v1, "--format", "csv"},
		"overlay.txt":           {"report", v1, v1, "--plots", plots},
		"dialect-vllm.txt":      {"report", v1, "--plots", plots, "--dialect", "vllm"},
		"dialect-guidellm.txt":  {"report", v1, "--plots", plots, "--dialect", "guidellm"},
		"dialect-aiperf.txt":    {"report", v1, "--plots", plots, "--dialect", "aiperf"},
		"dialect-inference.txt": {"report", v1, "--plots", plots, "--dialect", "inference-perf"},
		"requests.csv":          {"export", v1, "--format", "csv"},
		"openmetrics.txt":       {"export", v1, "--format", "openmetrics"},
		"histograms.hlog":       {"export", v1, "--format", "hlog"},
		"response_e2e.hgrm":     {"export", v1, "--format", "hgrm", "--stage", "größer, 負荷"},
	} {
		out, errs, code := llmload(t, args...)
		if code != 0 || errs != "" {
			t.Fatalf("%v: exit code %d, stderr %s", args, code, errs)
		}
		goldenFile(t, name, strings.ReplaceAll(out, plots, "PLOTS"))
	}
	drawn, err := filepath.Glob(filepath.Join(plots, "*.svg"))
	if err != nil || len(drawn) < 3 {
		t.Errorf("plots %v, %v", drawn, err)
	}
}

func goldenFile(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test ./internal/cli -run TestVersionOne -update writes it anew); got:\n%s", path, got)
	}
}

func TestVersionOneInVegeta(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.bin")
	if _, errs, code := llmload(t, "export", v1, "--format", "vegeta", "-o", file); code != 0 {
		t.Fatal(errs)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var m vegeta.Metrics
	dec := vegeta.DecoderFor(bytes.NewReader(src))
	for {
		var r vegeta.Result
		if err := dec.Decode(&r); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		m.Add(&r)
	}
	m.Close()
	if m.Requests != 81 || m.Success != 65.0/81 { // 40 + 30 + 1 + 10, of which 40 + 24 + 1 succeeded
		t.Errorf("vegeta reads %d requests, success %v", m.Requests, m.Success)
	}
}

func schema(t *testing.T, what string) *jsonschema.Schema {
	t.Helper()
	text, errs, code := llmload(t, "schema", what)
	if code != 0 {
		t.Fatal(errs)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mem:///schema", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("mem:///schema")
}

func parsed(t *testing.T, text []byte) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestSummaryFitsItsSchema(t *testing.T) {
	rules := schema(t, "summary")
	old, err := os.ReadFile(filepath.Join(v1, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := rules.Validate(parsed(t, old)); err != nil {
		t.Errorf("version 1: %v", err)
	}
	foreign := filepath.Join(t.TempDir(), "run")
	if _, errs, code := llmload(t, "import", filepath.Join("..", "..", "results", "interop", "testdata", "vllm", "open.json"), "--out", foreign); code != 0 {
		t.Fatal(errs)
	}
	out, _, _ := llmload(t, "report", foreign, "--json")
	if err := rules.Validate(parsed(t, []byte(out))); err != nil {
		t.Errorf("imported: %v", err)
	}
	var broken map[string]any
	if err := json.Unmarshal(old, &broken); err != nil {
		t.Fatal(err)
	}
	for key, wrong := range map[string]any{"valid": "yes", "run": nil, "stages": []any{map[string]any{}}} {
		was := broken[key]
		broken[key] = wrong
		if rules.Validate(broken) == nil {
			t.Errorf("%s: %v fits", key, wrong)
		}
		broken[key] = was
	}
}

func TestRecordsFitTheirSchema(t *testing.T) {
	rules := schema(t, "record")
	f, err := os.Open(filepath.Join(v1, "requests.jsonl.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	n := 0
	for lines := bufio.NewScanner(z); lines.Scan(); n++ {
		if err := rules.Validate(parsed(t, lines.Bytes())); err != nil {
			t.Fatalf("record %d: %v", n+1, err)
		}
	}
	if n != 83 {
		t.Errorf("%d records", n)
	}
}

// The scenarios that are built in, and those of the page that explains them, fit the schema that editors get.
func TestScenariosFitTheirSchema(t *testing.T) {
	rules := schema(t, "scenario")
	fits := func(src []byte) error {
		var doc any
		if err := yaml.Unmarshal(src, &doc); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		return rules.Validate(parsed(t, text))
	}
	for _, name := range fixtures.Scenarios() {
		src, _ := fixtures.Scenario(name)
		if err := fits(src); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "scenario.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, block := range fence.FindAllStringSubmatch(string(page), -1) {
		if block[1] == "yaml" {
			seen++
			if err := fits([]byte(block[2])); err != nil {
				t.Errorf("docs/scenario.md: %v in\n%s", err, block[2])
			}
		}
	}
	if seen < 3 {
		t.Errorf("the page has %d scenarios", seen)
	}
	for _, wrong := range []string{"lod: {}", "load: {closd: {}}", "stages: [{nam: a}]", "seed: []", "workload: {prompts: {cach: cold}}"} {
		if fits([]byte(wrong)) == nil {
			t.Errorf("%q fits", wrong)
		}
	}
}
