// Package cli is the command line: one file a command, from flags to calls of the packages to printing.
//
// Goals: results on stdout, progress and diagnostics on stderr, an exit code that a script can trust, an error that says
// what to type instead. Non-goals: measuring and judging, which are the packages' own.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

// The exit codes of docs/design.md, section 2. Where several hold: 130, 1, 4, 3, 99.
const (
	exitOK          = 0
	exitRun         = 1 // the run could not be done
	exitUsage       = 2 // nothing was sent
	exitInvalid     = 3 // invalid or undecided
	exitThreshold   = 99
	exitInterrupted = 130
)

// IO is what a command reads from and writes to.
type IO struct {
	In        io.Reader
	Out, Err  io.Writer
	LookupEnv func(string) (string, bool)

	note func(name string, text []byte) // hears of the scenario and of each file that it names; nil: nobody does
}

// exitError ends a command with a code; a nil err prints nothing more.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// Main runs a command line and returns its exit code.
func Main(args []string, sys IO) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A second interrupt ends the process at once: the first one's handler is gone by then.
	defer context.AfterFunc(ctx, stop)()
	app := newApp(sys)
	ordered, err := reorder(app, args)
	if err == nil {
		err = app.RunContext(ctx, ordered)
	}
	return sys.report(interrupted(ctx, err))
}

// interrupted gives an error that came of an interrupt its exit code.
func interrupted(ctx context.Context, err error) error {
	var exit *exitError
	if err == nil || ctx.Err() == nil || errors.As(err, &exit) {
		return err
	}
	return &exitError{exitInterrupted, errors.New("interrupted before anything was measured")}
}

// report prints an error and returns its code.
func (sys IO) report(err error) int {
	if err == nil {
		return exitOK
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{exitRun, err}
	}
	if exit.err != nil {
		fmt.Fprintf(sys.Err, "llmload: %v\n", exit.err)
	}
	return exit.code
}

func newApp(sys IO) *cli.App {
	app := &cli.App{
		Name: "llmload", Usage: "measure LLM endpoints, and say how wrong the measurement may be",
		Version: version(), Reader: sys.In, Writer: sys.Out, ErrWriter: sys.Err,
		HideHelpCommand: true, DisableSliceFlagSeparator: true, Metadata: map[string]any{},
		Commands: []*cli.Command{
			benchCommand(sys), runCommand(sys), planCommand(sys), reportCommand(sys), compareCommand(sys), abCommand(sys), capacityCommand(sys), mergeCommand(sys), submitCommand(sys), mockCommand(sys), selftestCommand(sys),
			exportCommand(sys), importCommand(sys), initCommand(sys), schemaCommand(sys), completionCommand(sys),
		},
		// Errors are printed, and turned into exit codes, by Main alone.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   badUsage,
		Description:    "Start with `llmload bench URL`, or `llmload bench` for the bundled mock server.",
	}
	for _, c := range app.Commands {
		c.OnUsageError = badUsage // a command does not inherit the app's
	}
	return app
}

func badUsage(_ *cli.Context, err error, _ bool) error { return &exitError{exitUsage, err} }

// version is the module's version, or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	if v == "" || v == "(devel)" {
		return "devel"
	}
	return v
}

// example is the usage text of a command: one line a case.
func example(lines ...string) string { return "Examples:\n  " + strings.Join(lines, "\n  ") }
