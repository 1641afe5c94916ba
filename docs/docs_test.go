// Package docs_test keeps the documentation true: what a table, a link, a command line or a snippet says is compared with
// the code.
package docs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/llmload/llmload/internal/metric"
)

// pages are all Markdown files that people read, by their paths from here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.md", "../*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			found[name] = read(t, name)
		}
	}
	return found
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is the text from a heading to the next heading of any level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, page), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no heading %q", page, heading)
	}
	fenced := false
	var lines []string
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if !fenced && strings.HasPrefix(line, "#") {
			break
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "")
}

// rows are the cells of the section's tables, headings and rules left out, backquotes taken off.
func rows(t *testing.T, page, heading string) (all [][]string) {
	t.Helper()
	lines := strings.Split(section(t, page, heading), "\n")
	for i, line := range lines {
		head := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|-")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|-") || head {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "|"), "|") {
			cell = strings.Trim(strings.TrimSpace(cell), "`")
			cells = append(cells, strings.ReplaceAll(cell, "\x00", "|"))
		}
		all = append(all, cells)
	}
	if len(all) == 0 {
		t.Fatalf("%s: no table under %q", page, heading)
	}
	return all
}

func firstCells(table [][]string) (names []string) {
	for _, row := range table {
		names = append(names, row[0])
	}
	return names
}

func TestMetricsPageListsEveryMetric(t *testing.T) {
	table := rows(t, "metrics.md", "## All metrics")
	var want []string
	for i, m := range metric.All() {
		want = append(want, string(m.Name))
		if unit, _ := m.Unit.Scale(); i < len(table) && table[i][1] != unit {
			t.Errorf("%s is in %s, the page says %s", m.Name, unit, table[i][1])
		}
	}
	if got := firstCells(table); !slices.Equal(got, want) {
		t.Errorf("metrics on the page:\n%v\nin the code:\n%v", got, want)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	for page, text := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if err := resolve(page, m[1]); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
}

func resolve(page, target string) error {
	path, anchor, _ := strings.Cut(target, "#")
	file := page
	if path != "" {
		file = filepath.Join(filepath.Dir(page), path)
	}
	if _, err := os.Stat(file); err != nil || anchor == "" {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(string(text), ""), -1) {
		if slug(m[1]) == anchor {
			return nil
		}
	}
	return errors.Join(fs.ErrNotExist, errors.New("no such heading"))
}

// slug is a heading's anchor as GitHub makes it.
func slug(title string) string {
	title = strings.ToLower(strings.ReplaceAll(title, "`", ""))
	title = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`).ReplaceAllString(title, "")
	return strings.ReplaceAll(strings.TrimSpace(title), " ", "-")
}
