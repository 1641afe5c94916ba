package cli

import (
	"bufio"
	"os"
	"runtime"
	"strings"

	"github.com/llmload/llmload/results"
)

func environment() results.Environment {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return results.Environment{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: cpuModel(), Cores: runtime.NumCPU(),
		GOMAXPROCS: runtime.GOMAXPROCS(0), Go: runtime.Version(), Host: host,
	}
}

// cpuModel is the processor's name where Linux tells it, else unknown.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
