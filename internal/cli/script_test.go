//go:build unix

package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/llmload/llmload/internal/cli"
)

// TestMain makes this binary the llmload that the scripts run, as a process of its own: exit codes, signals and the mock
// server's child process are those of the real command.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"llmload": func() {
			os.Exit(cli.Main(os.Args, cli.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, LookupEnv: os.LookupEnv}))
		},
	})
}

// TestScript runs testdata/script: a feature a file. The commands beside testscript's own stand in command_test.go.
func TestScript(t *testing.T) { runScripts(t, filepath.Join("testdata", "script")) }

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":    exits,
			"settles":  settles,
			"start":    start,
			"finish":   finish,
			"mock":     mock,
			"serve":    serve,
			"answers":  answers,
			"refused":  refused,
			"awaits":   awaits,
			"soon":     soon,
			"json":     jsonIs,
			"jsonenv":  jsonEnv,
			"lastline": lastLine,
			"lastis":   lastIs,
			"absent":   absent,
		},
		Condition: condition,
		Setup: func(env *testscript.Env) error {
			env.Values[runningKey{}] = map[string]*background{}
			env.Setenv("GORACE", "atexit_sleep_ms=0") // else each llmload of a -race test lingers for a second
			return nil
		},
	})
}

// condition knows [root], whom no folder is closed to, and [tmpfs], where a small disk can be had without privileges.
func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "tmpfs":
		err := exec.Command("unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", os.TempDir()).Run()
		return err == nil, nil
	}
	return false, fmt.Errorf("no condition %s", name)
}
