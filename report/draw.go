package report

import (
	"image/color"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The page of a plot, in points: 900 x 540 pixels at the 96 a inch of both formats.
const (
	width      = 675 * vg.Length(1)
	baseHeight = 405 * vg.Length(1)
	barHeight  = 16 * vg.Length(1)
	margin     = 10 * vg.Length(1)
	gutter     = 14 * vg.Length(1)
	keyHeight  = 14 * vg.Length(1)
	keyIcon    = 24 * vg.Length(1)
	maxLegend  = 190 * vg.Length(1)
)

// height grows where bars or keys would otherwise be squeezed.
func (f figure) height() vg.Length {
	h := max(baseHeight, 80+keyHeight*vg.Length(len(f.Keys)))
	for p := range f.panels {
		h = max(h, 100+barHeight*vg.Length(len(p.Bars)))
	}
	return h
}

// draw puts the title on top, the legend to the right of everything, where it can cover no data, and the panels in what
// is left.
func (f figure) draw(c draw.Canvas) {
	c.SetColor(color.White)
	c.Fill(c.Path())
	c = draw.Crop(c, margin, -margin, margin, -margin)
	heading := letters(13)
	heading.Font.Weight = xfont.WeightBold
	heading.YAlign = draw.YTop
	c.FillText(heading, vg.Point{X: c.Min.X, Y: c.Max.Y}, fit(heading, f.Title, c.Size().X))
	c.Max.Y -= 18
	if f.Note != "" {
		small := letters(9)
		small.YAlign, small.Color = draw.YTop, color.Gray{0x55}
		c.FillText(small, vg.Point{X: c.Min.X, Y: c.Max.Y}, fit(small, f.Note, c.Size().X))
		c.Max.Y -= 13
	}
	c.Max.Y -= 6
	if len(f.Keys) > 0 {
		w := f.legendWidth()
		f.drawLegend(draw.Crop(c, c.Size().X-w, 0, 0, 0))
		c.Max.X -= w + gutter
	}
	f.drawPanels(c)
}

func (f figure) drawPanels(c draw.Canvas) {
	rows := vg.Length(len(f.Panels))
	for r, row := range f.Panels {
		high := (c.Size().Y - gutter*(rows-1)) / rows
		top := c.Max.Y - vg.Length(r)*(high+gutter)
		columns := vg.Length(len(row))
		wide := (c.Size().X - gutter*(columns-1)) / columns
		for i, p := range row {
			left := c.Min.X + vg.Length(i)*(wide+gutter)
			cell := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
				Min: vg.Point{X: left, Y: top - high},
				Max: vg.Point{X: left + wide, Y: top},
			}}
			p.plot().Draw(cell)
		}
	}
}

// letters is the one typeface of all plots.
func letters(size vg.Length) text.Style {
	return text.Style{
		Color:   color.Black,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: size},
		Handler: plot.DefaultTextHandler,
	}
}

// lift puts the middle of small letters, which is lower than that of their line, at the height of a mark.
const lift = 1.2

// fit shortens a text that is wider than w in its middle: names of stages often differ only at their ends.
func fit(sty text.Style, s string, w vg.Length) string {
	if sty.Width(s) <= w {
		return s
	}
	const longest = 250 // no plot is wider than so many letters; to measure more of them takes time
	runes := []rune(s)
	for keep := min(len(runes)-1, longest); keep > 0; keep-- {
		short := string(runes[:(keep+1)/2]) + "…" + string(runes[len(runes)-keep/2:])
		if sty.Width(short) <= w {
			return short
		}
	}
	return "…"
}

func (f figure) legendWidth() vg.Length {
	widest := vg.Length(0)
	for _, k := range f.Keys {
		widest = max(widest, k.indent()+letters(9).Width(k.Name))
	}
	return min(widest+2, maxLegend)
}

// indent is the room of a key's sample; a key that is words alone has none.
func (k key) indent() vg.Length {
	if k.Style == (style{}) {
		return 0
	}
	return keyIcon + 5
}

func (f figure) drawLegend(c draw.Canvas) {
	sty := letters(9)
	sty.YAlign = draw.YCenter
	y := c.Max.Y - keyHeight/2
	for _, k := range f.Keys {
		k.Style.sample(&c, vg.Point{X: c.Min.X, Y: y})
		at := vg.Point{X: c.Min.X + k.indent(), Y: y + lift}
		c.FillText(sty, at, fit(sty, k.Name, c.Max.X-at.X))
		y -= keyHeight
	}
}

// sample draws a style as it looks in the plot.
func (s style) sample(c *draw.Canvas, left vg.Point) {
	center := vg.Point{X: left.X + keyIcon/2, Y: left.Y}
	if s.Box {
		const half = 5
		c.FillPolygon(s.Color, []vg.Point{
			{X: center.X - half, Y: center.Y - half},
			{X: center.X + half, Y: center.Y - half},
			{X: center.X + half, Y: center.Y + half},
			{X: center.X - half, Y: center.Y + half},
		})
		return
	}
	if s.Line {
		c.StrokeLine2(s.lineStyle(), left.X, left.Y, left.X+keyIcon, left.Y)
	}
	s.mark(c, center)
}
