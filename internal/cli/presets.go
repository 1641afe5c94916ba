package cli

import (
	"fmt"
	"io"

	"github.com/llmload/llmload/mockserver/presets"
)

// listPresets prints each preset as its file has it.
func listPresets(w io.Writer) error {
	for _, p := range presets.All() {
		if _, err := fmt.Fprintf(w, "# preset: %s\n%s\n", p.Name, p.YAML); err != nil {
			return err
		}
	}
	return nil
}
