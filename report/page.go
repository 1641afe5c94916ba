package report

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// page collects the output of one report and knows what the terminal can show.
type page struct {
	Options
	out  strings.Builder
	sink func([]column) // takes the tables instead of out, where there is one
	// lead is how many columns at the left name the rows, beside the first.
	lead int
}

// column is one column of a table: two lines of head, then a cell a row.
type column struct {
	head, unit string
	left       bool
	stay       bool // in the block of the column before it
	cells      []string
}

const gap = 2 // blanks between columns

// informs reports whether any cell says more than the mark of absence.
func (c column) informs(absence string) bool {
	for _, cell := range c.cells {
		if cell != absence {
			return true
		}
	}
	return false
}

func (c column) width() int {
	w := max(text.StringWidthWithoutEscSequences(c.head), text.StringWidthWithoutEscSequences(c.unit))
	for _, cell := range c.cells {
		w = max(w, text.StringWidthWithoutEscSequences(cell))
	}
	return w
}

// table writes columns, the first of which names the rows. What does not fit the width follows as further blocks that
// repeat the names, so that no line wraps and no number is lost.
func (p *page) table(columns []column) {
	if p.sink != nil {
		p.sink(columns)
		return
	}
	p.shorten(columns[:p.lead+1])
	for i, block := range p.split(columns) {
		if i > 0 {
			p.blank()
		}
		p.render(block)
	}
}

// split deals the columns out to blocks that fit the width. A block holds at least one column beside the names.
func (p *page) split(columns []column) [][]column {
	names, rest := columns[:p.lead+1:p.lead+1], columns[p.lead+1:]
	if p.Width <= 0 || p.Markdown || len(rest) == 0 {
		return [][]column{columns}
	}
	var blocks [][]column
	named := -gap
	for _, c := range names {
		named += gap + c.width()
	}
	block, used := names, named
	for len(rest) > 0 {
		n, wide := together(rest)
		if len(block) > len(names) && used+wide > p.Width {
			blocks = append(blocks, block)
			block, used = names, named
		}
		if used+wide > p.Width { // too wide even alone: part them after all
			n, wide = 1, gap+rest[0].width()
		}
		block, used = append(block, rest[:n]...), used+wide
		rest = rest[n:]
	}
	return append(blocks, block)
}

// together is how many of the first columns stay in one block, and how wide they are with the gaps before them.
func together(columns []column) (n, wide int) {
	for i, c := range columns {
		if i > 0 && !c.stay {
			break
		}
		n, wide = n+1, wide+gap+c.width()
	}
	return n, wide
}

// shorten cuts names that would take more than a third of a limited width, together: what one column leaves is the next one's.
func (p *page) shorten(names []column) {
	if p.Width <= 0 || p.Markdown {
		return
	}
	left := p.Width / 3
	for i := range names {
		limit := max(left/(len(names)-i), 8)
		short := make([]string, len(names[i].cells))
		for k, name := range names[i].cells {
			short[k] = text.Snip(name, limit, p.pick("…", "~"))
		}
		names[i].cells = short
		left -= min(names[i].width(), limit)
	}
}

func (p *page) render(columns []column) {
	t := table.NewWriter()
	t.SetStyle(p.style())
	rows := len(columns[0].cells)
	head := make(table.Row, len(columns))
	body := make([]table.Row, rows)
	for i, c := range columns {
		head[i] = strings.TrimSuffix(c.head+"\n"+c.unit, "\n")
		for r := range body {
			body[r] = append(body[r], c.cells[r])
		}
	}
	t.SetColumnConfigs(alignments(columns))
	if p.Markdown {
		p.markdown(t, head, body)
		return
	}
	t.AppendHeader(head)
	t.AppendRows(body)
	rule := p.pick("─", "-")
	for line := range strings.Lines(t.Render()) {
		line = strings.TrimRight(line, " \n")
		if strings.Trim(line, rule) == "" { // the rule runs on below the last column's padding
			line = strings.TrimSuffix(line, strings.Repeat(rule, gap))
		}
		p.out.WriteString(line + "\n")
	}
}

func alignments(columns []column) []table.ColumnConfig {
	var configs []table.ColumnConfig
	for i, c := range columns {
		align := text.AlignRight
		if c.left {
			align = text.AlignLeft
		}
		configs = append(configs, table.ColumnConfig{
			Number: i + 1, Align: align, AlignHeader: align, VAlignHeader: text.VAlignTop,
		})
	}
	return configs
}

// style is a rule under the head and blanks between columns: frames cost width and carry no meaning.
func (p *page) style() table.Style {
	style := table.StyleDefault
	style.Format = table.FormatOptions{}
	style.Options = table.Options{SeparateHeader: true}
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = strings.Repeat(" ", gap)
	style.Box.MiddleHorizontal = p.pick("─", "-")
	return style
}

// markdown renders a table for a page that renders Markdown, such as $GITHUB_STEP_SUMMARY.
func (p *page) markdown(t table.Writer, head table.Row, body []table.Row) {
	for _, row := range append([]table.Row{head}, body...) {
		for i, cell := range row {
			row[i] = inMarkdown.Replace(strings.ReplaceAll(cell.(string), "\n", " "))
		}
	}
	t.AppendHeader(head)
	t.AppendRows(body)
	p.out.WriteString(t.RenderMarkdown() + "\n\n")
}

// inMarkdown keeps a text from meaning anything in Markdown, links and mentions included: names and errors come from outside.
// The bar is the renderer's to escape.
var inMarkdown = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "#", `\#`, "!", `\!`, "~", `\~`,
	"http://", "http<span></span>://", "https://", "https<span></span>://", "@", "@<span></span>",
)

// line writes one paragraph, wrapped at words with later lines indented when the width is limited.
func (p *page) line(s string) {
	if p.Markdown {
		p.out.WriteString(inMarkdown.Replace(s) + "\n\n")
		return
	}
	if p.Width > 0 && text.StringWidthWithoutEscSequences(s) > p.Width {
		const indent = "    "
		s = text.WrapSoft(s, max(p.Width-len(indent), 8))
		s = strings.ReplaceAll(s, "\n", "\n"+indent)
	}
	for part := range strings.SplitSeq(s, "\n") {
		p.out.WriteString(strings.TrimRight(part, " ") + "\n")
	}
}

func (p *page) blank() {
	if !p.Markdown { // every block ends with a blank line there
		p.out.WriteString("\n")
	}
}

// show is a cell's final text.
func (p *page) show(v value) string {
	if v.mark == plain {
		return v.text
	}
	return p.mark(v.mark)
}

func (p *page) mark(m mark) string {
	switch m {
	case unresolved:
		return p.pick("·", ".")
	case failed:
		return p.paint(red, "failed")
	default:
		return "-"
	}
}

func (p *page) pick(unicode, ascii string) string {
	if p.Unicode {
		return unicode
	}
	return ascii
}

// The colours of verdicts. Written here because go-pretty's own look at the environment, which is the caller's to do.
const (
	bold  = "1"
	red   = "31"
	green = "32"
	amber = "33"
)

func (p *page) paint(code, s string) string {
	if !p.Color || p.Markdown {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
