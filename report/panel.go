package report

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plot turns a panel into gonum's plot. Values become places first, so that gonum's axes are always linear: its
// logarithmic scale panics at zero.
func (p *panel) plot() *plot.Plot {
	plt := plot.New()
	plt.Title.Text = p.Title
	plt.Title.TextStyle.Font = letters(10.5).Font
	plt.Title.Padding = 4
	p.ranges(plt)
	p.dress(&plt.X, p.X)
	p.dress(&plt.Y, p.Y)
	plt.Add(grid{p}, bands{p}, stacks{p})
	for _, s := range p.Series {
		plt.Add(curve{p, s})
	}
	plt.Add(labels{p})
	return plt
}

// dress gives an axis its words and lines.
func (p *panel) dress(to *plot.Axis, from axis) {
	to.Label.Text = from.Label
	to.Label.TextStyle.Font = letters(10).Font
	to.Label.Padding = 4
	to.Tick.Label.Font = letters(9).Font
	to.Tick.Marker = from
	to.Tick.Length = 4
	to.Padding = 0
	to.Color = color.Gray{0x66}
	to.Tick.Color = color.Gray{0x66}
	if from.Names != nil {
		to.Tick.Length = 0
		names := make([]string, len(from.Names))
		for i, name := range from.Names {
			names[i] = fit(letters(9), name, width/4)
		}
		from.Names = names
		to.Tick.Marker = from
	}
}

// ranges makes room for everything that the panel shows.
func (p *panel) ranges(plt *plot.Plot) {
	if n := len(p.Bars); n > 0 {
		plt.X.Min, plt.X.Max = 0, 130 // the notes stand right of 100%
		plt.Y.Min, plt.Y.Max = 0.5-float64(n), 0.5
		return
	}
	var xs, ys []float64
	for _, s := range p.Series {
		for _, pt := range s.Points {
			if finite(pt.X) && (pt.Failed || finite(pt.Y)) {
				xs, ys = append(xs, pt.X), append(ys, pt.Y)
			}
		}
	}
	for _, s := range p.Spans {
		xs = append(xs, s.From, s.To)
	}
	plt.X.Min, plt.X.Max = p.X.reach(xs)
	plt.Y.Min, plt.Y.Max = p.Y.reach(ys)
	if len(p.Spans) > 0 || anyFailed(p.Series) { // headroom for names and crosses
		plt.Y.Max += 0.08 * (plt.Y.Max - plt.Y.Min)
	}
}

func anyFailed(all []series) bool {
	for _, s := range all {
		for _, pt := range s.Points {
			if pt.Failed {
				return true
			}
		}
	}
	return false
}

// grid is the pale lines behind the data.
type grid struct{ *panel }

func (g grid) Plot(c draw.Canvas, plt *plot.Plot) {
	pale := draw.LineStyle{Color: color.Gray{0xE4}, Width: 0.6}
	x, y := plt.Transforms(&c)
	for _, t := range g.X.Ticks(plt.X.Min, plt.X.Max) {
		if t.Value >= plt.X.Min && t.Value <= plt.X.Max {
			c.StrokeLine2(pale, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
		}
	}
	if g.Y.Names != nil {
		return
	}
	for _, t := range g.Y.Ticks(plt.Y.Min, plt.Y.Max) {
		if t.Value >= plt.Y.Min && t.Value <= plt.Y.Max {
			c.StrokeLine2(pale, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		}
	}
}

// bands shades the spans and names them where there is room.
type bands struct{ *panel }

func (b bands) Plot(c draw.Canvas, plt *plot.Plot) {
	sty := letters(8.5)
	sty.XAlign, sty.YAlign, sty.Color = draw.XCenter, draw.YTop, color.Gray{0x33}
	x, _ := plt.Transforms(&c)
	taken := c.Min.X
	for i, s := range b.Spans {
		from, to := x(s.From), x(s.To)
		shade := color.NRGBA{0x00, 0x72, 0xB2, 0x16}
		if i%2 == 1 {
			shade = color.NRGBA{0x00, 0x00, 0x00, 0x0E}
		}
		c.FillPolygon(shade, []vg.Point{{X: from, Y: c.Min.Y}, {X: to, Y: c.Min.Y}, {X: to, Y: c.Max.Y}, {X: from, Y: c.Max.Y}})
		half := sty.Width(s.Name) / 2
		if middle := (from + to) / 2; middle-half > taken && middle+half < c.Max.X {
			c.FillText(sty, vg.Point{X: middle, Y: c.Max.Y - 2}, s.Name)
			taken = middle + half + 2
		}
	}
}

// stacks draws the bars, the first stage on top.
type stacks struct{ *panel }

func (b stacks) Plot(c draw.Canvas, plt *plot.Plot) {
	sty := letters(9)
	sty.YAlign = draw.YCenter
	x, y := plt.Transforms(&c)
	for i, row := range b.Bars {
		const thickest = 12
		middle := y(-float64(i))
		half := min(0.36*(middle-y(-float64(i)-1)), thickest)
		top, bottom := middle+half, middle-half
		at := 0.0
		for _, part := range row.Parts {
			from, to := x(at), x(at+100*part.Share)
			c.FillPolygon(part.Color, []vg.Point{{X: from, Y: bottom}, {X: to, Y: bottom}, {X: to, Y: top}, {X: from, Y: top}})
			at += 100 * part.Share
		}
		c.FillText(sty, vg.Point{X: x(100) + 5, Y: middle + lift}, fit(sty, row.Note, c.Max.X-x(100)-5))
	}
}

// curve draws one series: its line with gaps, its marks, and crosses at the top where values are failures.
type curve struct {
	*panel
	series
}

func (s curve) Plot(c draw.Canvas, plt *plot.Plot) {
	runs := s.places(c, plt)
	for _, run := range runs {
		if s.Style.Line {
			c.StrokeLines(s.Style.lineStyle(), run)
		}
	}
	for _, run := range runs {
		for _, at := range run {
			s.Style.mark(&c, at)
		}
	}
	x, y := plt.Transforms(&c)
	for i, pt := range s.Points {
		if !pt.Failed || !finite(s.X.place(pt.X)) {
			continue
		}
		top := vg.Point{X: x(s.X.place(pt.X)), Y: c.Max.Y - 5}
		s.Style.with(cross).mark(&c, top)
		if before := s.Y.place(s.Points[max(i-1, 0)].Y); s.Style.Rise && finite(before) {
			c.StrokeLine2(s.Style.lineStyle(), top.X, y(before), top.X, top.Y)
		}
	}
}

// places is the points on the canvas, cut where a value is missing.
func (s curve) places(c draw.Canvas, plt *plot.Plot) [][]vg.Point {
	x, y := plt.Transforms(&c)
	var runs [][]vg.Point
	var run []vg.Point
	for _, pt := range s.Points {
		px, py := s.X.place(pt.X), s.Y.place(pt.Y)
		if finite(px) && finite(py) {
			run = append(run, vg.Point{X: x(px), Y: y(py)})
			continue
		}
		runs, run = append(runs, run), nil
	}
	return append(runs, run)
}

// with is the same style with other marks.
func (s style) with(m markShape) style {
	s.Marks, s.Hollow = m, false
	return s
}

func (s style) lineStyle() draw.LineStyle {
	dashes := [...][]vg.Length{nil, {6, 3}, {2, 2}, {8, 3, 2, 3}}
	return draw.LineStyle{Color: s.Color, Width: 1.4, Dashes: dashes[s.Dash%len(dashes)]}
}

// mark draws the style's mark. A hollow one is filled white, lest the line shine through.
func (s style) mark(c *draw.Canvas, at vg.Point) {
	const radius, rim = 3.4, 1.2
	var shape draw.GlyphDrawer
	switch s.Marks {
	case disc:
		shape = draw.CircleGlyph{}
	case square:
		shape = draw.BoxGlyph{}
	case triangle:
		shape = draw.PyramidGlyph{}
	case cross:
		stroke := draw.LineStyle{Color: s.Color, Width: rim}
		c.StrokeLine2(stroke, at.X-radius, at.Y-radius, at.X+radius, at.Y+radius)
		c.StrokeLine2(stroke, at.X-radius, at.Y+radius, at.X+radius, at.Y-radius)
		return
	default:
		return
	}
	c.DrawGlyphNoClip(draw.GlyphStyle{Color: s.Color, Radius: radius, Shape: shape}, at)
	if s.Hollow {
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: color.White, Radius: radius - rim, Shape: shape}, at)
	}
}
