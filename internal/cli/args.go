package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/llmload/llmload/internal/strictyaml"
)

// reorder puts a command's flags before its arguments, for the parser silently ignores flags that follow one
// (urfave/cli#1177): `run x.yaml --endpoint URL` would load the mock. Unknown commands and flags are refused here, with
// the nearest known one.
func reorder(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 || strings.HasPrefix(args[1], "-") {
		return args, checkGlobal(args)
	}
	cmd := app.Command(args[1])
	if cmd == nil {
		return nil, usage("unknown command %q%s; see llmload --help", args[1], didYouMean(args[1], commandNames(app)))
	}
	line := commandLine{cmd: cmd, known: flagsOf(cmd)}
	if err := line.read(args[2:]); err != nil {
		return nil, err
	}
	return slices.Concat(args[:2], line.flags, []string{"--"}, line.rest), nil
}

// commandLine is a command's arguments, sorted into flags with their values and the rest.
type commandLine struct {
	cmd         *cli.Command
	known       map[string]cli.Flag
	flags, rest []string
}

func (l *commandLine) read(args []string) error {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			l.rest = append(l.rest, args...)
			args = nil
		case arg == "":
			return l.wrong("an argument is empty: is a variable of the shell unset?")
		case len(arg) == 1 || arg[0] != '-':
			l.rest = append(l.rest, arg)
		default:
			var err error
			if args, err = l.flag(arg, args); err != nil {
				return err
			}
		}
	}
	return nil
}

// flag takes one flag, with its value out of args where it has one there, and returns what is left.
func (l *commandLine) flag(arg string, args []string) (left []string, err error) {
	name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	f, ok := l.known[name]
	if !ok {
		return nil, l.wrong("unknown flag %s%s", dashed(name), didYouMean(dashed(name), longNames(l.known)))
	}
	l.flags = append(l.flags, arg)
	if _, isBool := f.(*cli.BoolFlag); isBool && !inline {
		return args, nil
	}
	if !inline {
		if len(args) == 0 {
			return nil, l.wrong("flag %s needs a value", dashed(name))
		}
		value, args = args[0], args[1:]
		l.flags = append(l.flags, value)
	}
	if want := wanted(f, value); want != "" {
		return nil, l.wrong("%s %q: %s", dashed(name), value, want)
	}
	return args, nil
}

func (l *commandLine) wrong(format string, args ...any) error {
	return usage("%s; see llmload %s --help", fmt.Sprintf(format, args...), l.cmd.Name)
}

// wanted says what a flag takes instead of this value; empty: it takes it. The parser's own words name no remedy, and an
// empty value, mostly a variable that is not set, would silently mean the default: the mock instead of a server.
func wanted(f cli.Flag, value string) string {
	var err error
	var want string
	switch f.(type) {
	case *cli.BoolFlag:
		_, err = strconv.ParseBool(value)
		want = "write it without a value"
	case *cli.IntFlag:
		_, err = strconv.ParseInt(value, 0, 32)
		want = "write a whole number"
	case *cli.Uint64Flag:
		_, err = strconv.ParseUint(value, 0, 64)
		want = "write a whole number that is not negative"
	case *cli.DurationFlag:
		_, err = time.ParseDuration(value)
		want = "write a time with its unit, such as 30s or 2m"
	}
	switch {
	case value == "":
		return "the value is empty: is a variable of the shell unset?"
	case err != nil:
		return want
	}
	return ""
}

func checkGlobal(args []string) error {
	if len(args) < 2 || slices.Contains([]string{"-h", "--help", "-v", "--version"}, args[1]) {
		return nil
	}
	return usage("unknown flag %s; see llmload --help", args[1])
}

// flagsOf maps each name of a command's flags to its flag.
func flagsOf(cmd *cli.Command) map[string]cli.Flag {
	help := &cli.BoolFlag{Name: "help"}
	known := map[string]cli.Flag{"help": help, "h": help}
	for _, f := range cmd.Flags {
		for _, name := range f.Names() {
			known[name] = f
		}
	}
	return known
}

func longNames(known map[string]cli.Flag) []string {
	var out []string
	for name := range known {
		if len(name) > 1 {
			out = append(out, dashed(name))
		}
	}
	slices.Sort(out)
	return out
}

func commandNames(app *cli.App) []string {
	var out []string
	for _, c := range app.Commands {
		out = append(out, c.Name)
	}
	return out
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func didYouMean(word string, known []string) string {
	if near := strictyaml.Nearest(word, known); near != "" {
		return ", did you mean " + near + "?"
	}
	return ""
}

// onlyArgs refuses more arguments than a command takes.
func onlyArgs(c *cli.Context, most int) error {
	if c.NArg() > most {
		return usage("%s takes at most %d argument(s), got %q; see llmload %s --help", c.Command.Name, most, c.Args().Slice(), c.Command.Name)
	}
	return nil
}
