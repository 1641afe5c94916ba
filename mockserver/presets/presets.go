// Package presets holds engines after real servers, as a mock's config may name
// them.
//
// Goals: each says what it stands for, where its figures are from, which of them
// were fitted, and which not to lean on.
//
// Non-goals: reading them, which is package mockserver's; a model's text.
package presets

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// A File is one preset.
type File struct {
	Name string // what a config calls it
	YAML string // as it is written, with its comments
}

// All lists the presets by name.
func All() []File {
	entries, err := files.ReadDir(".")
	must(err)
	list := make([]File, len(entries))
	for i, e := range entries {
		src, err := files.ReadFile(e.Name())
		must(err)
		list[i] = File{strings.TrimSuffix(e.Name(), path.Ext(e.Name())), string(src)}
	}
	return list
}

// must is for files that are part of the program.
func must(err error) {
	if err != nil {
		panic(fmt.Sprintf("presets: %v", err))
	}
}
