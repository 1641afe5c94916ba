package docs_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/cli"
)

// TestCapacityPageIsPrinted runs the page's example, which is in virtual time and so prints the same everywhere.
func TestCapacityPageIsPrinted(t *testing.T) {
	page := read(t, "capacity.md")
	_, rest, found := strings.Cut(page, "```sh\nllmload ")
	command, rest, _ := strings.Cut(rest, "\n```")
	_, rest, printed := strings.Cut(rest, "```text\n")
	want, _, _ := strings.Cut(rest, "```")
	if !found || !printed {
		t.Fatal("the page has lost its example")
	}
	var out, diagnostics bytes.Buffer
	sys := cli.IO{In: strings.NewReader(""), Out: &out, Err: &diagnostics, LookupEnv: func(string) (string, bool) { return "", false }}
	if code := cli.Main(append([]string{"llmload"}, strings.Fields(command)...), sys); code != 0 {
		t.Errorf("exit code %d: %s", code, diagnostics.String())
	}
	if out.String() != want {
		t.Errorf("`llmload %s` prints\n%s\nand the page says\n%s", command, out.String(), want)
	}
}
