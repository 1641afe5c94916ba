package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/llmload/llmload/report"
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

// buffered writes through a buffer: encoders write a line, or a field, at a time.
func buffered(w io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(w, 1<<16)
	return errors.Join(write(b), b.Flush())
}
