// Command readme runs the quickstart and puts what it printed into README.md, and its plot and a picture of its page into
// docs/img. `make docs` calls it from the top of the repository.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	begin = "<!-- quickstart:begin, written by make docs -->\n"
	end   = "<!-- quickstart:end -->"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("readme: ")
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "llmload-readme-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "run")
	cmd := exec.Command("bin/llmload", "run", "quickstart", "--out", out)
	cmd.Stderr = os.Stderr
	printed, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("the quickstart: %w", err)
	}
	printed = bytes.Replace(printed, []byte(out), []byte("results/runs/ID"), 1)
	if err := insert("README.md", printed); err != nil {
		return err
	}
	plot, err := os.ReadFile(filepath.Join(out, "plots", "latency_vs_load.svg"))
	if err != nil {
		return err
	}
	if err := os.WriteFile("docs/img/latency_vs_load.svg", plot, 0o644); err != nil {
		return err
	}
	return picture(filepath.Join(out, "report.html"), "docs/img/report.png")
}

// browsers are the names that Chromium goes by.
var browsers = []string{"chromium", "chromium-browser", "google-chrome"}

// patience is how long a browser may take.
const patience = 2 * time.Minute

// picture takes a screenshot of the head of a page. Without a Chromium the old one stays, and that is said.
func picture(page, png string) error {
	browser := ""
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		log.Printf("no Chromium (%s): %s stays as it was", strings.Join(browsers, ", "), png)
		return nil
	}
	profile, err := os.MkdirTemp("", "llmload-readme-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(profile)
	target, err := filepath.Abs(png)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	shot := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir="+profile,
		"--window-size=1240,1560", "--screenshot="+target, "file://"+page)
	if said, err := shot.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", browser, err, said)
	}
	return nil
}

// insert replaces what stands between the marks.
func insert(file string, text []byte) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(page, []byte(begin))
	_, tail, closed := bytes.Cut(rest, []byte(end))
	if !ok || !closed {
		return errors.New(file + " has lost the marks of the quickstart")
	}
	fence := []byte("```text\n")
	page = bytes.Join([][]byte{head, []byte(begin), fence, text, fence[:3], []byte("\n" + end), tail}, nil)
	return os.WriteFile(file, page, 0o644)
}
