package docs_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/mockserver"
	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/results/store"
)

// The functions of this file are the Go snippets of the pages; TestSnippetsAreCompiled compares them.

func Example_readRunFolder() {
	dir, err := writeRun()
	if err == nil {
		defer os.RemoveAll(dir)
		err = firstTokens(dir)
	}
	if err != nil {
		fmt.Println(err)
	}
	// Output: run-0 1.5ms
}

func firstTokens(dir string) error {
	run, err := store.Open(dir)
	if err != nil {
		return err
	}
	for r, err := range run.Records() {
		if err != nil {
			return err
		}
		if ttft, ok := r.Value("ttft"); ok && r.Outcome == results.OK {
			fmt.Printf("%s %s\n", r.ID, time.Duration(ttft))
		}
	}
	return nil
}

// writeRun makes a folder with a success and a failure.
func writeRun() (dir string, err error) {
	parent, err := os.MkdirTemp("", "llmload-docs-*")
	if err != nil {
		return "", err
	}
	w, err := store.Create(filepath.Join(parent, "run"), nil, &results.Summary{SchemaVersion: results.SchemaVersion})
	if err != nil {
		return parent, err
	}
	for _, r := range []*results.Record{
		{ID: "run-0", DispatchedNS: 500_000, Outcome: results.OK, Attempts: []results.Attempt{{FirstTokenNS: 2_000_000}}},
		{ID: "run-1", DispatchedNS: 500_000, Outcome: results.Reset, Attempts: []results.Attempt{{FirstTokenNS: 2_000_000}}},
	} {
		if err := w.Append(r); err != nil {
			return parent, err
		}
	}
	return filepath.Join(parent, "run"), w.Close()
}

func Example_mockInATest() {
	if err := busyHalfOfTheTime(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 200
	// 429
}

func busyHalfOfTheTime() error {
	mock, err := mockserver.New(mockserver.Config{
		Engine: mockserver.Engine{TTFT: 5 * time.Millisecond, ITL: time.Millisecond},
		Faults: []mockserver.Fault{{
			When:   mockserver.When{Every: 2},
			Action: mockserver.Action{Status: 429, RetryAfter: time.Second},
		}},
	})
	if err != nil {
		return err
	}
	defer mock.Close()
	server := httptest.NewServer(mock)
	defer server.Close()
	for range 2 {
		resp, err := http.Post(server.URL+"/v1/chat/completions", "application/json",
			strings.NewReader(`{"model": "demo-8b", "messages": [{"role": "user", "content": "Hello"}]}`))
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		fmt.Println(resp.StatusCode)
	}
	return nil
}

func TestSnippetsAreCompiled(t *testing.T) {
	compiled := flat(read(t, "example_test.go"))
	for _, page := range []string{"run-folder.md", "mock.md"} {
		_, block, found := strings.Cut(read(t, page), "```go\n")
		block, _, _ = strings.Cut(block, "```")
		if !found || !strings.Contains(compiled, flat(block)) {
			t.Errorf("%s: this snippet is not in example_test.go:\n%s", page, block)
		}
	}
}

// flat takes indentation off, which differs between a page and a function.
func flat(code string) string {
	lines := strings.Split(code, "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
