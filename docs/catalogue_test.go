package docs_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// TestFaultCatalogue sends a request into each action of the catalogue, streamed and plain.
func TestFaultCatalogue(t *testing.T) {
	for _, row := range rows(t, "mock.md", "### What llmload makes of each") {
		for i, stream := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s stream=%v", row[0], stream), func(t *testing.T) {
				t.Parallel()
				want := map[results.Outcome]int64{results.Outcome(row[2+i]): 1}
				if got := outcomes(t, row[0], stream); !reflect.DeepEqual(got, want) {
					t.Errorf("got %v, the page says %v", got, want)
				}
			})
		}
	}
}

// TestFaultCatalogueIsTheCodes compares the page's list with the program's, and looks for each action among the rows that are run.
func TestFaultCatalogueIsTheCodes(t *testing.T) {
	page := rows(t, "mock.md", "## The fault catalogue")
	var want [][]string
	run := strings.Join(firstCells(rows(t, "mock.md", "### What llmload makes of each")), "\n")
	for _, e := range mockserver.Catalogue() {
		want = append(want, []string{e.Action, strings.Join(e.Keys, ", "), e.Does, e.Client})
		if !strings.Contains(run, "{"+e.Action) {
			t.Errorf("no row runs %s", e.Action)
		}
	}
	for i := range max(len(page), len(want)) {
		if i >= len(page) || i >= len(want) || !slices.Equal(page[i], want[i]) {
			t.Fatalf("row %d: the page has\n%q\nthe code\n%q", i+1, page[min(i, len(page)-1)], want[min(i, len(want)-1)])
		}
	}
}

// outcomes is what a run makes of one request whose answer is spoiled by action.
func outcomes(t *testing.T, action string, stream bool) map[results.Outcome]int64 {
	t.Helper()
	limits := section(t, "mock.md", "### What llmload makes of each")
	_, limits, _ = strings.Cut(limits, "`client: ")
	limits, _, _ = strings.Cut(limits, "`")
	spec, err := scenarios.Parse("row", fmt.Appendf(nil, `
target: {endpoint: "http://127.0.0.1"}
workload: {stream: %v, prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 8}}
load: {requests: 1}
client: %s
`, stream, limits), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := spec.Plan()
	if err != nil {
		t.Fatal(err)
	}
	res, err := runner.Run(t.Context(), plan, spoiled(t, action), runner.Config{RunID: "doc", Model: "demo-8b"})
	if err != nil {
		t.Fatal(err)
	}
	return res.Stages[0].Outcomes
}

// target is a mock server as the runner sees it.
type target struct {
	endpoint string
	mock     *mockserver.Server
}

func (t target) Endpoint() string                                   { return t.endpoint }
func (t target) BeginStage(context.Context, *scenarios.Stage) error { return nil }

func (t target) Seen(context.Context) (runner.Seen, error) {
	n := t.mock.State().Attempts
	return runner.Seen{Attempts: &n}, nil
}

func spoiled(t *testing.T, action string) target {
	t.Helper()
	node, err := strictyaml.Parse("row", []byte("engine: {ttft: 2ms, itl: 1ms}\nfaults: [{action: "+action+"}]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := mockserver.ParseConfig(node)
	if err != nil {
		t.Fatal(err)
	}
	mock, err := mockserver.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(mock)
	server.Listener = mock.Listen(server.Listener)
	server.Start()
	t.Cleanup(func() {
		if err := mock.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return target{server.URL, mock}
}

// TestMockDefaultsAreWrittenOut parses the defaults of the page and compares them with those of an empty config.
func TestMockDefaultsAreWrittenOut(t *testing.T) {
	_, block, _ := strings.Cut(section(t, "mock.md", "## Config"), "```yaml\n")
	block, _, _ = strings.Cut(block, "```")
	got, want := mockConfig(t, block), mockConfig(t, "")
	got.Faults, got.Phases = want.Faults, want.Phases // an empty list and none are the same
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the page:\n%+v\nthe code:\n%+v", got, want)
	}
	_, example, _ := strings.Cut(section(t, "mock.md", "## Try it"), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if cfg := mockConfig(t, example); len(cfg.Faults) != 1 {
		t.Errorf("the example has %d faults", len(cfg.Faults))
	}
}

func mockConfig(t *testing.T, text string) mockserver.Config {
	t.Helper()
	node, err := strictyaml.Parse("mock.md", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := mockserver.ParseConfig(node)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}
