package cli

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/llmload/llmload/mockserver"
)

// listFaults prints the mock's fault catalogue: wrapped to a terminal's width, elsewhere a line an action.
func listFaults(sys IO) error {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Format = table.FormatOptions{}
	width, terminal := terminalWidth(sys.Out)
	style.Options = table.Options{SeparateHeader: terminal}
	style.Box.PaddingLeft, style.Box.PaddingRight, style.Box.MiddleHorizontal = "", "  ", "─"
	t.SetStyle(style)
	t.AppendHeader(table.Row{"action", "with", "what it does", "what a good client does"})
	for _, e := range mockserver.Catalogue() {
		t.AppendRow(table.Row{e.Action, strings.Join(e.Keys, ", "), e.Does, e.Client})
	}
	if terminal {
		const action, with = 22, 12
		rest := max(width-action-with-4*len(style.Box.PaddingRight), 40)
		var configs []table.ColumnConfig
		for i, most := range []int{action, with, rest * 4 / 7, rest * 3 / 7} {
			configs = append(configs, table.ColumnConfig{Number: i + 1, WidthMax: most, WidthMaxEnforcer: text.WrapSoft})
		}
		t.SetColumnConfigs(configs)
	}
	for line := range strings.Lines(t.Render()) {
		if _, err := fmt.Fprintln(sys.Out, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}
