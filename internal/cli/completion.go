package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// shells are those that completion knows.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func completionCommand(sys IO) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print a script that completes commands and flags in a shell",
		ArgsUsage: strings.Join(shells, "|"),
		Description: example(
			"source <(llmload completion bash)                            in ~/.bashrc",
			"source <(llmload completion zsh)                             in ~/.zshrc, after compinit",
			"llmload completion fish > ~/.config/fish/completions/llmload.fish",
			"llmload completion powershell | Out-String | Invoke-Expression   in $PROFILE",
		),
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			if c.NArg() != 1 || !slices.Contains(shells, shell) {
				return usage("completion for which shell? write one of %s", strings.Join(shells, ", "))
			}
			return writeCompletion(sys.Out, c.App, shell)
		},
	}
}

func writeCompletion(w io.Writer, app *cli.App, shell string) error {
	if shell == "fish" {
		script, err := app.ToFishCompletion()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, script)
		return err
	}
	var cases strings.Builder
	for _, c := range app.Commands {
		words := strings.Join(longNames(flagsOf(c)), " ")
		if shell == "powershell" {
			fmt.Fprintf(&cases, "        '%s' { '%s' }\n", c.Name, words)
		} else {
			fmt.Fprintf(&cases, "    %s) words=\"%s\" ;;\n", c.Name, words)
		}
	}
	script := map[string]string{"bash": bashCompletion, "zsh": "autoload -Uz bashcompinit && bashcompinit\n" + bashCompletion, "powershell": powershellCompletion}[shell]
	_, err := fmt.Fprintf(w, script, strings.Join(commandNames(app), " "), cases.String())
	return err
}

// Words are completed from what the program itself knows; a word that begins with no dash after the command is a file.
const bashCompletion = `_llmload() {
  local cur="${COMP_WORDS[COMP_CWORD]}" words="%[1]s"
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "${COMP_WORDS[1]}" in
%[2]s    *) words="" ;;
    esac
    case "$cur" in
    -*) ;;
    *) COMPREPLY=($(compgen -f -- "$cur")); return ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o filenames -F _llmload llmload
`

const powershellCompletion = `Register-ArgumentCompleter -Native -CommandName llmload -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $elements = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
    $words = '%[1]s'
    if ($elements.Count -gt 2 -or ($elements.Count -eq 2 -and $wordToComplete -eq '')) {
        $words = switch ($elements[1]) {
%[2]s        }
    }
    $words -split ' ' | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
`
