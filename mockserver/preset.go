package mockserver

import (
	"embed"
	"fmt"
	"slices"
	"strings"

	"github.com/llmload/llmload/internal/strictyaml"
)

//go:embed presets/*.yaml
var presetFiles embed.FS

// A Preset is an engine after a real server, with where its figures are from.
type Preset struct {
	Name      string `yaml:"-"`
	About     string `yaml:"about"`     // what it stands for
	Source    string `yaml:"source"`    // of the figures
	Fitted    string `yaml:"fitted"`    // which of them, and how
	Uncertain string `yaml:"uncertain"` // which of them not to lean on
	Engine    Engine `yaml:"engine"`
	YAML      string `yaml:"-"` // all of this, as it is written
}

// Presets lists what Config.Preset may name, by name. They model speed, not a
// model's text.
func Presets() []Preset {
	entries, err := presetFiles.ReadDir("presets")
	must(err)
	list := make([]Preset, len(entries))
	for i, e := range entries {
		src, err := presetFiles.ReadFile("presets/" + e.Name())
		must(err)
		n, err := strictyaml.Parse(e.Name(), src, nil)
		must(err)
		list[i] = Preset{Name: strings.TrimSuffix(e.Name(), ".yaml"), YAML: string(src), Engine: Config{}.withDefaults().Engine}
		must(n.Decode(&list[i]))
	}
	return list
}

// must is for files that are part of the program.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("mockserver: presets: %v", err))
	}
}

// preset finds one by name.
func preset(name string) (p Preset, known []string, ok bool) {
	all := Presets()
	for _, p := range all {
		known = append(known, p.Name)
	}
	i := slices.Index(known, name)
	if i < 0 {
		return Preset{}, known, false
	}
	return all[i], known, true
}

func checkPreset(bad func(where, format string, args ...any), name string) {
	if name == "" {
		return
	}
	if _, known, ok := preset(name); !ok {
		bad("preset", "%q is not known; write one of %v", name, known)
	}
}
