package runner_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/llmload/llmload/results"
	"github.com/llmload/llmload/scenarios"
	"github.com/llmload/llmload/scenarios/runner"
)

// starvedVariable makes this test's process the client: its value is the server's address, and how many busy loops share the
// client's only core.
const starvedVariable = "LLMLOAD_TEST_STARVED"

// far is a server of another process, which tells nothing.
type far string

func (f far) Endpoint() string                                 { return string(f) }
func (far) BeginStage(context.Context, *scenarios.Stage) error { return nil }
func (far) Seen(context.Context) (runner.Seen, error)          { return runner.Seen{}, nil }

type starvedRun struct {
	Invalid []string
	Stage   results.StageSummary
}

// TestAStarvedClientIsInvalidAndNotASlowServer takes the client's core from it with busy loops. The client is a process of
// its own, so that the server keeps its plan; the kernel, which received every token in time, convicts the client. With no
// busy loop it acquits it.
func TestAStarvedClientIsInvalidAndNotASlowServer(t *testing.T) {
	if text := os.Getenv(starvedVariable); text != "" {
		starve(t, text)
		return
	}
	b := newBed(t, `engine: {model: fixed, ttft: 50ms, itl: 40ms}`)
	defer b.close()
	server := httptest.NewServer(b.Server)
	defer server.Close()

	starved := clientProcess(t, server.URL, 4)
	by := starved.Stage.Instrument.KernelToReadP50MS
	if by == nil || *by < 1 {
		t.Fatalf("with busy loops half of the data lay %v ms in the kernel", show(by))
	}
	if why := strings.Join(starved.Invalid, "\n"); !strings.Contains(why, "after the kernel had") {
		t.Errorf("the kernel saw %v ms (p50), and the run is invalid because of %q", *by, starved.Invalid)
	}
	fed := clientProcess(t, server.URL, 0)
	if before := fed.Stage.Instrument.KernelToReadP50MS; before == nil || *before >= *by {
		t.Errorf("the kernel saw %v ms without busy loops and %v with them", show(before), *by)
	}
}

// clientProcess runs this test as a process with one core for Go and n busy loops on it.
func clientProcess(t *testing.T, endpoint string, n int) (out starvedRun) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), starvedVariable+"="+strings.Repeat("!", n)+endpoint, "GOMAXPROCS=1")
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if err := json.Unmarshal([]byte(line), &out); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return out
}

// starve is the client: as many busy loops as the text has exclamation marks.
func starve(t *testing.T, text string) {
	endpoint := strings.TrimLeft(text, "!")
	for range len(text) - len(endpoint) {
		go func() {
			for { // to the end of this process; preempted by the scheduler alone
				runtime.KeepAlive(endpoint)
			}
		}()
	}
	p := plan(t, `
target: {endpoint: "`+endpoint+`"}
workload: {prompts: {synthetic: {input_tokens: 8}}, output: {tokens: 12}}
load: {closed: {concurrency: 6}, requests: 40}
`)
	res, err := runner.Run(t.Context(), p, far(endpoint), runner.Config{RunID: "t", Model: "demo-8b"})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(starvedRun{res.Invalid, res.Stages[0]})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stdout.Write(append(body, '\n')); err != nil {
		t.Fatal(err)
	}
}
