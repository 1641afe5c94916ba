package docs_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/results"
)

// TestFieldTablesAreTheStructs compares the first column of each table with the tags of the struct that it describes.
func TestFieldTablesAreTheStructs(t *testing.T) {
	tests := []struct {
		page, heading, tag string
		of                 any
	}{
		{"run-folder.md", "### A record", "json", results.Record{}},
		{"run-folder.md", "### `tokens` of a record", "json", results.Tokens{}},
		{"run-folder.md", "### `attempts[]`", "json", results.Attempt{}},
		{"run-folder.md", "### `arrivals`", "json", results.Arrivals{}},
		{"run-folder.md", "### The summary", "json", results.Summary{}},
		{"run-folder.md", "### `run`", "json", results.Run{}},
		{"run-folder.md", "### `imported` of the run", "json", results.Imported{}},
		{"run-folder.md", "### `shard` of the run", "json", results.Shard{}},
		{"run-folder.md", "### `budget`", "json", results.Budget{}},
		{"run-folder.md", "### `environment`", "json", results.Environment{}},
		{"run-folder.md", "### `target`", "json", results.Target{}},
		{"run-folder.md", "### `conservation`", "json", results.Conservation{}},
		{"run-folder.md", "### `selftest` of the environment", "json", results.SelfTest{}},
		{"run-folder.md", "### `instrument`", "json", results.Instrument{}},
		{"run-folder.md", "### `stages[]`", "json", results.StageSummary{}},
		{"run-folder.md", "### `load`", "json", results.Load{}},
		{"run-folder.md", "### `slo[]`", "json", results.Limit{}},
		{"run-folder.md", "### `window`", "json", results.Window{}},
		{"run-folder.md", "### `requests`", "json", results.Requests{}},
		{"run-folder.md", "### `wasted`", "json", results.Waste{}},
		{"run-folder.md", "### `throughput`", "json", results.Throughput{}},
		{"run-folder.md", "### `goodput`", "json", results.Goodput{}},
		{"run-folder.md", "### `tokens` of a stage", "json", results.TokenTotals{}},
		{"run-folder.md", "### `metrics.NAME`", "json", results.Metric{}},
		{"run-folder.md", "### `groups[]`", "json", results.Group{}},
		{"run-folder.md", "### `series[]`", "json", results.Point{}},
		{"run-folder.md", "### `ttft` of the server", "json", results.ServerTTFT{}},
		{"run-folder.md", "### `thresholds[]`", "json", results.ThresholdResult{}},
		{"mock.md", "### Top level", "yaml", mockserver.Config{}},
		{"mock.md", "### `models[]`", "yaml", mockserver.Model{}},
		{"mock.md", "### `engine`", "yaml", mockserver.Engine{}},
		{"mock.md", "### `jitter`", "yaml", mockserver.Engine{}.Jitter},
		{"mock.md", "### `speculative`", "yaml", mockserver.Engine{}.Speculative},
		{"mock.md", "### `stream`", "yaml", mockserver.Stream{}},
		{"mock.md", "### `output`", "yaml", mockserver.Output{}},
		{"mock.md", "### `natural`", "yaml", mockserver.Lengths{}},
		{"mock.md", "### `faults[]`", "yaml", mockserver.Fault{}},
		{"mock.md", "### `match`", "yaml", mockserver.Match{}},
		{"mock.md", "### `when`", "yaml", mockserver.When{}},
		{"mock.md", "### `window`", "yaml", mockserver.Window{}},
		{"mock.md", "### `rate_limit`", "yaml", mockserver.RateLimit{}},
		{"mock.md", "### `action`", "yaml", mockserver.Action{}},
		{"mock.md", "### `phases[]`", "yaml", mockserver.Phase{}},
		{"mock.md", "### `truth`", "yaml", mockserver.Truth{}},
		{"mock.md", "### State", "json", mockserver.State{}},
		{"mock.md", "### Lateness", "json", mockserver.Lateness{}},
		{"mock.md", "### A truth record", "json", mockserver.Record{}},
	}
	for _, test := range tests {
		got, want := firstCells(rows(t, test.page, test.heading)), tags(test.of, test.tag)
		if !slices.Equal(got, want) {
			t.Errorf("%s, %q:\n  the page has %v\n  the code has %v", test.page, test.heading, got, want)
		}
	}
}

// TestTheServersFieldsAreTheStructs has two tables under one heading.
func TestTheServersFieldsAreTheStructs(t *testing.T) {
	got := firstCells(rows(t, "run-folder.md", "### `server`"))
	if want := append(tags(results.Server{}, "json"), tags(results.Speculative{}, "json")...); !slices.Equal(got, want) {
		t.Errorf("the page has\n%v\nthe code\n%v", got, want)
	}
}

func TestAdminEndpointsAreThoseOfTheServer(t *testing.T) {
	mock, err := mockserver.New(mockserver.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer mock.Close()
	w := httptest.NewRecorder()
	mock.Admin().ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/admin", nil))
	var index struct {
		Endpoints []struct{ Method, Path string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &index); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, e := range index.Endpoints {
		want = append(want, e.Method+" "+e.Path)
	}
	if got := firstCells(rows(t, "mock.md", "## Admin")); !slices.Equal(got, want) {
		t.Errorf("endpoints on the page:\n%v\nof the server:\n%v", got, want)
	}
}

func tags(of any, tag string) (names []string) {
	typ := reflect.TypeOf(of)
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get(tag), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}

func TestEveryOutcomeIsExplained(t *testing.T) {
	var want []string
	for _, v := range constants(t, "../results/record.go", "Outcome") {
		want = append(want, v)
	}
	got := firstCells(rows(t, "metrics.md", "## Outcomes"))
	got = slices.DeleteFunc(got, func(name string) bool { return strings.HasPrefix(name, "http_") })
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("outcomes on the page:\n%v\nin the code:\n%v", got, want)
	}
}

func TestLimitsOfValidityAreThoseOfTheCode(t *testing.T) {
	limits := constants(t, "../scenarios/runner/verdict.go", "")
	table := rows(t, "design.md", "## When a run is invalid")
	seen := 0
	for _, row := range table {
		name, value := row[0], row[1]
		if name == "" {
			continue
		}
		seen++
		if limits[name] != value {
			t.Errorf("limit %s is %q in the code, %q on the page", name, limits[name], value)
		}
	}
	if seen != len(limits) {
		t.Errorf("the page has %d limits, the code %d: %v", seen, len(limits), limits)
	}
}

// constants are the literal constants of a file, of one type where typ names it, as they are written; text unquoted.
func constants(t *testing.T, file, typ string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != len(spec.Names) {
			return true
		}
		if is, ok := spec.Type.(*ast.Ident); typ != "" && (!ok || is.Name != typ) {
			return true
		}
		for i, v := range spec.Values {
			literal, ok := v.(*ast.BasicLit)
			if !ok {
				continue
			}
			found[spec.Names[i].Name] = literal.Value
			if text, err := strconv.Unquote(literal.Value); err == nil {
				found[spec.Names[i].Name] = text
			}
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("%s has no constants of type %q", file, typ)
	}
	return found
}
