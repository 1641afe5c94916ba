package client_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOutside builds and runs a program of another module that imports this
// package alone, and lists what that brings along.
func TestOutside(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program")
	}
	touch(t)
	program := filepath.Join(t.TempDir(), "outside.exe")
	goIn(t, "outside", "build", "-o", program, ".")
	srv := demoServer()
	defer srv.Close()
	out, err := exec.CommandContext(t.Context(), program, srv.URL).CombinedOutput()
	want := regexp.MustCompile(`^text:    In short: the lazy dog\.\ntokens:  18\nlatency: \S+s\n$`)
	if err != nil || !want.Match(out) {
		t.Errorf("%v:\n%s", err, out)
	}

	modules := goIn(t, "outside", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	got := slices.Compact(slices.Sorted(slices.Values(strings.Fields(modules))))
	depends := []string{"example.org/outside", "github.com/llmload/llmload", "go.yaml.in/yaml/v4", "golang.org/x/time"}
	if !slices.Equal(got, depends) {
		t.Errorf("modules %v, want %v", got, depends)
	}
	packages := goIn(t, "outside", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	t.Logf("packages:\n%s", packages)
}

// goIn runs the go command in a folder. No network: what is needed is what this
// module needs.
func goIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=readonly", "GOPROXY=off")
	var diagnostics strings.Builder
	cmd.Stderr = &diagnostics
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, diagnostics.String())
	}
	return string(out)
}

// touch reads the sources: go test keeps a result until a file changes that
// the test itself has opened, and knows nothing of what a child reads.
func touch(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"*.go", "internal/*/*.go", "../internal/strictyaml/*.go", "outside/*", "../go.mod"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			readFile(t, name)
		}
	}
}
