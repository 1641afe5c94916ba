//go:build unix

package runner_test

import (
	"testing"
	"time"

	"github.com/llmload/llmload/scenarios/runner"
)

func TestTheProcessKnowsWhatCPUItUsed(t *testing.T) {
	before, _ := runner.ProcessCPU()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if now, ok := runner.ProcessCPU(); ok && now > before {
			return
		}
	}
	t.Error("10 s of work took no CPU")
}
