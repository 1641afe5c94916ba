package docs_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/cli"
)

var (
	codeSpan = regexp.MustCompile("`(llmload [^`]+)`")
	// promptLine is a command line inside a fence, with or without a prompt and a path.
	promptLine = regexp.MustCompile(`(?m)^\s*(?:\$ )?(?:timeout \S+ )?(?:\./)?(?:bin/)?(llmload .+)$`)
	flagWord   = regexp.MustCompile(`^--?[A-Za-z][A-Za-z-]*`)
	helpFlag   = regexp.MustCompile(`(?:^|[\s,])(--?[A-Za-z][A-Za-z-]*)`)
)

// TestEveryCommandLineIsKnown holds the commands and flags of each page against the help of the program.
func TestEveryCommandLineIsKnown(t *testing.T) {
	flags := map[string][]string{}
	checked := 0
	for page, text := range pages(t) {
		for _, line := range commandLines(text) {
			words := strings.Fields(line)[1:]
			if len(words) == 0 || strings.HasPrefix(words[0], "-") {
				continue
			}
			command := words[0]
			if _, seen := flags[command]; !seen {
				flags[command] = helpOf(command)
			}
			if flags[command] == nil {
				t.Errorf("%s: `%s`: there is no command %s", page, line, command)
				continue
			}
			for _, word := range words[1:] {
				name := flagWord.FindString(word)
				if name == "" {
					continue
				}
				checked++
				if len(name) == len("--a") {
					name = strings.TrimPrefix(name, "-") // the help writes a letter's flag with one dash; either is taken
				}
				if !slices.Contains(flags[command], name) {
					t.Errorf("%s: `%s`: %s has no flag %s", page, line, command, name)
				}
			}
		}
	}
	if checked < 10 {
		t.Errorf("only %d flags were found on all pages: the test no longer sees them", checked)
	}
}

// commandLines are the command lines of a page, comments and pipes behind them cut off.
func commandLines(text string) (lines []string) {
	for _, block := range fence.FindAllString(text, -1) {
		for _, m := range promptLine.FindAllStringSubmatch(block, -1) {
			lines = append(lines, m[1])
		}
	}
	for _, m := range codeSpan.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		lines = append(lines, m[1])
	}
	for i, line := range lines {
		lines[i] = regexp.MustCompile(`\s[|#>&].*$`).ReplaceAllString(line, "")
	}
	return lines
}

// helpOf is every flag of a command, nil where there is no such command.
func helpOf(command string) (flags []string) {
	var out bytes.Buffer
	none := func(string) (string, bool) { return "", false }
	sys := cli.IO{In: strings.NewReader(""), Out: &out, Err: &bytes.Buffer{}, LookupEnv: none}
	if cli.Main([]string{"llmload", command, "--help"}, sys) != 0 {
		return nil
	}
	_, options, _ := strings.Cut(out.String(), "OPTIONS:")
	for _, m := range helpFlag.FindAllStringSubmatch(options, -1) {
		flags = append(flags, m[1])
	}
	return flags
}
