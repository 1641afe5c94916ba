package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/scenarios/runner"
)

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// terminalWidth is the width of w where it is a terminal.
func terminalWidth(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	return width, err == nil
}

func (sys IO) tableOptions() report.Options {
	width, terminal := terminalWidth(sys.Out)
	_, noColor := sys.LookupEnv("NO_COLOR")
	return report.Options{Width: width, Color: terminal && !noColor, Unicode: true}
}

// Progress is told this often: on a terminal one line is written over, elsewhere lines are added.
const (
	terminalEvery = 200 * time.Millisecond
	plainEvery    = 5 * time.Second
)

// watch prints progress on stderr until the function that it returns is called.
func (sys IO) watch(live *runner.Live, stages int) (stop func()) {
	width, terminal := terminalWidth(sys.Err)
	every := plainEvery
	if terminal {
		every = terminalEvery
	}
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				if terminal {
					fmt.Fprint(sys.Err, "\r\x1b[K")
				}
				return
			case <-tick.C:
				line := progressLine(live.Look(), stages)
				if terminal {
					fmt.Fprintf(sys.Err, "\r\x1b[K%.*s", max(0, width-1), line)
				} else {
					fmt.Fprintln(sys.Err, line)
				}
			}
		}
	})
	return func() { close(quit); wg.Wait() }
}

func progressLine(p runner.Progress, stages int) string {
	elapsed := time.Since(p.Begin).Round(100 * time.Millisecond)
	of := ""
	switch {
	case p.Total > 0:
		of = fmt.Sprintf("/%d", p.Total)
	case p.Duration > 0:
		of = fmt.Sprintf(" in %s of %s", elapsed, p.Duration)
	}
	line := fmt.Sprintf("[%d/%d] %s: %d%s done, %d in flight, %d failed, %d tokens, %s",
		p.Index+1, stages, p.Stage, p.Done, of, p.Sent-p.Done, p.Failed, p.Tokens, elapsed)
	return line
}

// buffered writes through a buffer: encoders write a line, or a field, at a time.
func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 1<<16)
	return errors.Join(write(b), b.Flush())
}
