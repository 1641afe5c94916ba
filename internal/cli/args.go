package cli

import (
	"slices"
	"strings"

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
	known := flagsOf(cmd)
	var flags, rest []string
	for i := 2; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' {
			rest = append(rest, arg)
			continue
		}
		name, _, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		takesValue, ok := known[name]
		if !ok {
			return nil, usage("unknown flag %s for %s%s; see llmload %s --help", dashed(name), cmd.Name, didYouMean(name, longNames(known)), cmd.Name)
		}
		flags = append(flags, arg)
		if takesValue && !inline {
			if i++; i == len(args) {
				return nil, usage("flag %s needs a value; see llmload %s --help", dashed(name), cmd.Name)
			}
			flags = append(flags, args[i])
		}
	}
	return slices.Concat(args[:2], flags, []string{"--"}, rest), nil
}

func checkGlobal(args []string) error {
	if len(args) < 2 || slices.Contains([]string{"-h", "--help", "-v", "--version"}, args[1]) {
		return nil
	}
	return usage("unknown flag %s; see llmload --help", args[1])
}

// flagsOf maps each name of a command's flags to whether it takes a value.
func flagsOf(cmd *cli.Command) map[string]bool {
	known := map[string]bool{"help": false, "h": false}
	for _, f := range cmd.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, name := range f.Names() {
			known[name] = !isBool
		}
	}
	return known
}

func longNames(known map[string]bool) []string {
	var out []string
	for name := range known {
		if len(name) > 1 {
			out = append(out, name)
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
