//go:build unix

package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme runs every llmload command of README.md, on its scenario, against a mock server in the place of the address
// that the page uses. The two make commands are what CI runs.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := readmeScript(t, string(page))
	if err := os.WriteFile(filepath.Join(dir, "readme.txtar"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	runScripts(t, dir)
}

var (
	fence    = regexp.MustCompile("(?s)```(sh|yaml)\n(.*?)```")
	longTime = regexp.MustCompile(`-d \d+s`)
)

// readmeScript turns the page's commands into a script. The first run is the one that `report results/runs/ID` shows.
func readmeScript(t *testing.T, page string) string {
	t.Helper()
	script := []string{"mock m --config fast.yaml", "exits 0 llmload run conversations --endpoint $m --out results/runs/ID"}
	scenario := ""
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		if block[1] == "yaml" {
			scenario = strings.ReplaceAll(block[2], "http://127.0.0.1:8000", "${M}")
			continue
		}
		for line := range strings.Lines(block[2]) {
			command, _, _ := strings.Cut(strings.TrimSpace(line), "  #")
			if strings.HasPrefix(command, "llmload ") {
				script = append(script, readmeLine(strings.TrimSpace(command)))
			}
		}
	}
	if len(script) < 10 || scenario == "" {
		t.Fatalf("found only %d commands, and a scenario of %d bytes: %q", len(script), len(scenario), script)
	}
	return strings.Join(script, "\n") + "\n-- chat.yaml --\n" + scenario + "-- fast.yaml --\nengine: {model: none}\n"
}

// readmeLine is a command as a test runs it: a free port, a short time, the mock's address.
func readmeLine(command string) string {
	if strings.HasPrefix(command, "llmload mock --addr ") {
		return "mock other " + strings.Replace(strings.TrimPrefix(command, "llmload mock "), "127.0.0.1:8000", "127.0.0.1:0", 1)
	}
	if command == "llmload selftest" {
		return "exits 0 llmload selftest --streams 8 --rates none -n 8\nstdout '8 requests matched'"
	}
	command = strings.NewReplacer("http://127.0.0.1:8000", "$m", "http://127.0.0.1:8001", "$m").Replace(command)
	command = longTime.ReplaceAllString(command, "-d 1s")
	return fmt.Sprintf("env M=$m\nexits 0 %s", command)
}
