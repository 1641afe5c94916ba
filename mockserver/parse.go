package mockserver

import (
	"fmt"

	"github.com/llmload/llmload/internal/strictyaml"
)

// ParseConfig reads a mock server's config. Every error comes at once, each
// with its place. A zero node gives the default config.
func ParseConfig(n strictyaml.Node) (Config, error) {
	var in struct {
		Config Config `yaml:",inline"`
	}
	in.Config = Config{Preset: n.Get("preset").Text()}.withDefaults()
	err := n.Decode(&in)
	cfg := in.Config.resolved()
	var changes []strictyaml.Node
	for _, p := range n.Get("phases").Items() {
		changes = append(changes, p.Get("set"))
	}
	_, perr := cfg.phased(changes)
	return cfg, strictyaml.Join(err, located(n, cfg.problems()), cfg.Engine.idle(n.Get("engine"), ""), perr)
}

// resolved is a config that was read. Zeros that were written are meant, unlike
// the zeros of a Go literal.
func (c Config) resolved() Config {
	c.Engine.MaxQueue = written(c.Engine.MaxQueue)
	c.Engine.MaxNumSeqs = written(c.Engine.MaxNumSeqs)
	c.Stream.TokensPerChunk = written(c.Stream.TokensPerChunk)
	return c.withDefaults()
}

// ParseFaults reads a stage's own list of faults, in the grammar of the
// config's. An empty list is empty, not nil.
func ParseFaults(n strictyaml.Node) ([]Fault, error) {
	faults := []Fault{}
	err := n.Decode(&faults)
	return faults, strictyaml.Join(err, located(n, faultProblems("", faults)))
}

// written marks a zero that is meant. What is below 0 in a file stays wrong.
func written(n int) int {
	if n <= 0 {
		return n - 1
	}
	return n
}

func located(n strictyaml.Node, ps []problem) error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = n.Errorf(p.path, "%s", p.msg)
	}
	return strictyaml.Join(errs...)
}

// place is the path of a list's element, for the truth ledger.
func place(i int) string { return fmt.Sprintf("faults[%d]", i) }
