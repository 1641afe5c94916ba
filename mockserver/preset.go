package mockserver

import (
	"fmt"

	"github.com/llmload/llmload/internal/strictyaml"
	"github.com/llmload/llmload/mockserver/presets"
)

// preset reads the engine that a name stands for.
func preset(name string) (e Engine, known []string, ok bool) {
	e = Config{}.withDefaults().Engine
	for _, f := range presets.All() {
		known = append(known, f.Name)
		if f.Name != name {
			continue
		}
		var in struct {
			About     string `yaml:"about"`     // what it stands for
			Source    string `yaml:"source"`    // of the figures
			Fitted    string `yaml:"fitted"`    // which of them, and how
			Uncertain string `yaml:"uncertain"` // which of them not to lean on
			Engine    Engine `yaml:"engine"`
		}
		in.Engine = e
		n, err := strictyaml.Parse(f.Name, []byte(f.YAML), nil)
		if err == nil {
			err = n.Decode(&in)
		}
		if err != nil {
			panic(fmt.Sprintf("mockserver: presets: %v", err)) // a part of the program
		}
		e, ok = in.Engine, true
	}
	return e, known, ok
}

func checkPreset(bad func(where, format string, args ...any), name string) {
	if name == "" {
		return
	}
	if _, known, ok := preset(name); !ok {
		bad("preset", "%q is not known; write one of %v", name, known)
	}
}
