package scaleout_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/llmload/llmload/results/store"
)

const scenario = `
name: gang
seed: 3
target: {endpoint: "http://127.0.0.1:1"}
workload: {prompts: {synthetic: {input_tokens: 32}}, output: {tokens: {mean: 16, stddev: 4}}}
load: {open: {rate: 100/s}, requests: 600, warmup: {requests: 40}}
thresholds: ["success_rate >= 0.99", "ttft.p99 < 5s"]
`

// slow are the reasons for which a machine that has other things to do spoils a run, which no test can help.
var slow = regexp.MustCompile(`llmload sent requests .* late|llmload was woken .* late|llmload used .* of its CPU|llmload read .* after the kernel|the mock server wrote its tokens .* late`)

func TestSlurm(t *testing.T) {
	if os.Getenv("LLMLOAD_SLURM") == "" {
		t.Skip("brings up a Slurm: make test-slurm")
	}
	c := newCluster(t)
	llmload := filepath.Join(c.dir, "llmload")
	build := exec.Command("go", "build", "-o", llmload, ".")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	endpoint := c.mock(t, llmload)
	file := filepath.Join(c.dir, "gang.yaml")
	c.write(t, "gang.yaml", scenario, 0o644)
	long := strings.Replace(scenario, "requests: 600", "duration: 12s", 1)
	c.write(t, "long.yaml", long, 0o644)

	t.Run("four shards make one run", func(t *testing.T) {
		out := filepath.Join(c.dir, "run")
		c.submit(t, llmload, file, endpoint, out)
		c.ended(t, out)
		r, err := store.Open(filepath.Join(out, "merged"))
		if err != nil {
			c.tell(t, out)
			t.Fatal(err)
		}
		s := r.Summary
		if len(s.Run.Shards) != 4 || s.Stages[0].Requests.Issued != 600 || s.Stages[0].Requests.Warmup != 40 {
			t.Errorf("%d shards, %+v", len(s.Run.Shards), s.Stages[0].Requests)
		}
		if other := func(why string) bool { return !slow.MatchString(why) }; slices.ContainsFunc(s.InvalidReasons, other) {
			t.Errorf("invalid: %q", s.InvalidReasons)
		}
		for i, shard := range s.Run.Shards {
			if shard.Index != i || !shard.StartAt.Equal(s.Run.Shards[0].StartAt) {
				t.Errorf("shard %d: %+v", i, shard)
			}
			t.Logf("shard %d began %.3f ms after the agreed start", i, shard.LateMS)
		}
		for _, v := range s.Thresholds {
			if v.Verdict != "pass" {
				t.Errorf("threshold %+v", v)
			}
		}
		t.Log("\n" + c.must(t, llmload, "report", filepath.Join(out, "merged")))
	})

	t.Run("a shard that is killed makes the run invalid", func(t *testing.T) {
		out := filepath.Join(c.dir, "killed")
		c.submit(t, llmload, filepath.Join(c.dir, "long.yaml"), endpoint, out)
		c.until(t, "shard 2 to have records", func() bool {
			info, err := os.Stat(filepath.Join(out, "shard-2", "requests.jsonl.zst"))
			return err == nil && info.Size() > 0
		})
		c.kill(t, out, 2)
		c.ended(t, out)
		r, err := store.Open(filepath.Join(out, "merged"))
		if err != nil {
			c.tell(t, out)
			t.Fatal(err)
		}
		why := strings.Join(r.Summary.InvalidReasons, "\n")
		if r.Summary.Valid || !strings.Contains(why, "shard 2 of 4 did not finish") || strings.Contains(why, "shard 1 of 4") {
			t.Errorf("valid %v: %s", r.Summary.Valid, why)
		}
		log, err := os.ReadFile(filepath.Join(out, "job.log"))
		if err != nil || !strings.Contains(string(log), "INVALID") {
			t.Errorf("the job's log: %s, %v", log, err)
		}
	})
}

// mock starts the server that the shards load. It ends with the test.
func (c *cluster) mock(t *testing.T, llmload string) (endpoint string) {
	t.Helper()
	cmd := exec.Command(llmload, "mock", "--while-stdin", "--addr", "127.0.0.1:0")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

func (c *cluster) submit(t *testing.T, llmload, file, endpoint, out string) {
	t.Helper()
	text := c.must(t, llmload, "submit", "slurm", file, "--nodes", "4", "--endpoint", endpoint, "--lead", "10s", "--out", out, "--go")
	if !strings.Contains(text, "Submitted batch job") {
		t.Fatal(text)
	}
}

// ended waits for the end of all jobs.
func (c *cluster) ended(t *testing.T, out string) {
	t.Helper()
	c.until(t, "the end of the job of "+out, func() bool {
		left, err := c.try("squeue", "--noheader")
		return err == nil && strings.TrimSpace(left) == ""
	})
}

// tell shows what the job said.
func (c *cluster) tell(t *testing.T, out string) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(out, "job.log"))
	t.Logf("job.log: %s %v", log, err)
	c.logs(t)
}

// kill ends the llmload of one task, found by what Slurm put into its environment.
func (c *cluster) kill(t *testing.T, out string, task int) {
	t.Helper()
	for _, p := range processes(out) {
		if strings.Contains(p.command, "llmload run ") && strings.Contains("\x00"+p.environment, fmt.Sprintf("\x00SLURM_PROCID=%d\x00", task)) {
			if err := syscall.Kill(p.pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no process of task %d in %+v", task, processes(out))
}
