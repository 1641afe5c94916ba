// Command llmload measures LLM endpoints: see README.md.
package main

import (
	"os"

	"github.com/llmload/llmload/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args, cli.IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, LookupEnv: os.LookupEnv}))
}
