//go:build unix

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// waitLimit ends every wait of a script: nothing here takes so long unless it hangs.
const waitLimit = 30 * time.Second

// exits CODE COMMAND...: runs a command that must end with this code. Where the machine was too slow for a valid run,
// which no test can help, 0 and 99 may turn out as 3; that is logged.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want := number(ts, args[0])
	got := code(ts, ts.Exec(args[1], args[2:]...))
	slow := spoiled(ts.ReadFile("stdout")) || strings.Contains(ts.ReadFile("stderr"), "llmload: do not trust times of this machine")
	if got == 3 && (want == 0 || want == 99) && slow {
		ts.Logf("this machine was too slow for a valid run: exit code %d was not seen", want)
		return
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// settles COMMAND...: runs a search, which ends with 0, or with 3 where the machine or the luck of its probes left no
// confirmed answer.
func settles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: settles COMMAND...")
	}
	if got := code(ts, ts.Exec(args[0], args[1:]...)); got != 0 && got != 3 {
		ts.Fatalf("exit code %d, want 0 or 3", got)
	}
}

func code(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	ts.Fatalf("%v", err)
	return -1
}

var (
	reasonLine = regexp.MustCompile(`(?m)^(?:- |note: pair \d+ is left out: )(.*)$`)
	slowReason = regexp.MustCompile(`the mock server wrote its tokens .* late|llmload sent requests .* late|llmload was woken .* late|llmload used .* of its CPU|llmload read .* after the kernel`)
)

// spoiled reports whether a run is invalid for the machine's lateness and nothing else.
func spoiled(stdout string) bool {
	var reasons []string
	var doc struct {
		InvalidReasons []string `json:"invalid_reasons"`
	}
	if json.Unmarshal([]byte(stdout), &doc) == nil {
		reasons = doc.InvalidReasons
	} else {
		reasons = reasonLine.FindAllString(stdout, -1)
	}
	other := func(reason string) bool { return !slowReason.MatchString(reason) }
	return len(reasons) > 0 && !slices.ContainsFunc(reasons, other)
}

// background is a command that start began: its output goes to NAME.out and NAME.err.
type background struct {
	cmd  *exec.Cmd
	done chan error
}

// runningKey finds a script's background commands by name.
type runningKey struct{}

func commands(ts *testscript.TestScript) map[string]*background {
	return ts.Value(runningKey{}).(map[string]*background)
}

// start NAME COMMAND...: begins a command. finish NAME CODE ends it; what a script leaves running is killed.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME COMMAND...")
	}
	launch(ts, args[0], nil, args[1:])
}

func launch(ts *testscript.TestScript, name string, stdin *os.File, args []string) {
	cmd := exec.Command(lookPath(ts, args[0]), args[1:]...)
	cmd.Args[0] = args[0]
	cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as a shell does, so that INT can go to all of it
	if stdin != nil {
		cmd.Stdin = stdin
	}
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer out.Close()
	errs, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	defer errs.Close()
	cmd.Stdout, cmd.Stderr = out, errs
	ts.Check(cmd.Start())
	b := &background{cmd: cmd, done: make(chan error, 1)}
	go func() { b.done <- cmd.Wait(); close(b.done) }()
	ts.Defer(func() {
		_ = cmd.Process.Kill() // most have ended long ago
		<-b.done
	})
	commands(ts)[name] = b
}

// lookPath finds a command on the script's own PATH.
func lookPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
			return path
		}
	}
	ts.Fatalf("no command %s", name)
	return ""
}

func environ(ts *testscript.TestScript) []string {
	var out []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "NO_COLOR", "GORACE", "M", "SLURM_PROCID", "SLURM_NTASKS", "JOB_COMPLETION_INDEX", "LLMLOAD_SHARDS"} {
		if v := ts.Getenv(name); v != "" {
			out = append(out, name+"="+v)
		}
	}
	return out
}

// finish NAME CODE [SIGNAL]: sends a signal if asked to, and waits for the command to end with this code; a killed
// command's code is -1. INT goes to the command and its children, as Ctrl-C does; TERM and KILL go to the command alone.
func finish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: finish NAME CODE [INT|TERM|KILL]")
	}
	b := commands(ts)[args[0]]
	if b == nil {
		ts.Fatalf("%s was not started", args[0])
	}
	if len(args) > 2 {
		pid := b.cmd.Process.Pid
		switch args[2] {
		case "INT":
			ts.Check(syscall.Kill(-pid, syscall.SIGINT))
		case "TERM":
			ts.Check(syscall.Kill(pid, syscall.SIGTERM))
		case "KILL":
			ts.Check(syscall.Kill(pid, syscall.SIGKILL))
		}
	}
	select {
	case err := <-b.done:
		got, want := code(ts, err), number(ts, args[1])
		if got == 3 && want == 0 && spoiled(ts.ReadFile(args[0]+".out")) {
			ts.Logf("this machine was too slow for a valid run: exit code 0 of %s was not seen", args[0])
		} else if got != want {
			ts.Fatalf("%s ended with exit code %d, want %d\n%s", args[0], got, want, ts.ReadFile(args[0]+".err"))
		}
	case <-time.After(waitLimit):
		ts.Fatalf("%s did not end within %s", args[0], waitLimit)
	}
}

// soon SECONDS: sets $soon to a moment so far ahead, as --start-at takes it.
func soon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: soon SECONDS")
	}
	ts.Setenv("soon", strconv.FormatInt(time.Now().Unix()+int64(number(ts, args[0])), 10))
}

// awaits FILE [PATTERN]: waits until the file is there and, with a pattern, holds a match, unpacked if it is packed.
func awaits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: awaits FILE [PATTERN]")
	}
	pattern := regexp.MustCompile(strings.Join(args[1:], ""))
	until(ts, args[0]+" to hold "+pattern.String(), func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && pattern.Match(plainText(text))
	})
}

func until(ts *testscript.TestScript, what string, ok func() bool) {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			ts.Fatalf("waited %s in vain for %s", waitLimit, what)
		case <-poll.C:
		}
	}
}

// lastline VAR: sets VAR to the last line of stdout.
func lastLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lastline VAR")
	}
	out := strings.TrimSuffix(ts.ReadFile("stdout"), "\n")
	ts.Setenv(args[0], out[strings.LastIndexByte(out, '\n')+1:])
}

// lastis PATTERN: all of the last line of stdout matches.
func lastIs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lastis PATTERN")
	}
	lastLine(ts, false, []string{"last"})
	if !regexp.MustCompile(`^(` + args[0] + `)$`).MatchString(ts.Getenv("last")) {
		ts.Fatalf("the last line is %q", ts.Getenv("last"))
	}
}

// absent TEXT PATH...: none of the files, and no file in the folders, holds the text, compressed or not. Of stdout and
// stderr there is the last command's.
func absent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: absent TEXT PATH...")
	}
	for _, path := range args[1:] {
		if path == "stdout" || path == "stderr" {
			lacks(ts, path, []byte(ts.ReadFile(path)), args[0])
			continue
		}
		ts.Check(filepath.WalkDir(ts.MkAbs(path), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(file)
			lacks(ts, file, plainText(text), args[0])
			return err
		}))
	}
}

func lacks(ts *testscript.TestScript, name string, text []byte, secret string) {
	if bytes.Contains(text, []byte(secret)) {
		ts.Fatalf("%s holds %q", name, secret)
	}
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}
