package capacity

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// WriteSVG draws TTFT against rate, a point a probe, and marks the answer with its interval: the knee.
func (a Answer) WriteSVG(w io.Writer) error {
	p50, p99 := a.points(func(o Observation) float64 { return o.TTFTP50 }), a.points(func(o Observation) float64 { return o.TTFTP99 })
	if len(p50) == 0 {
		return errors.New("no probe has a time to first token to draw")
	}
	p := plot.New()
	p.Title.Text = "Time to first token against rate: " + a.SLO
	p.X.Label.Text, p.Y.Label.Text = "arrivals a second", "ms"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Legend.Top, p.Legend.Left = true, true
	blue, orange := color.RGBA{0x1f, 0x77, 0xb4, 255}, color.RGBA{0xd9, 0x5f, 0x02, 255}
	if e := a.Estimate; e != nil { // first, so that it hides no point
		if err := mark(p, e, slices.Concat(p50, p99)); err != nil {
			return err
		}
	}
	if err := addPoints(p, "p50", p50, blue, draw.CircleGlyph{}); err != nil {
		return err
	}
	if err := addPoints(p, "p99", p99, orange, draw.TriangleGlyph{}); err != nil {
		return err
	}
	out, err := p.WriterTo(8*vg.Inch, 5*vg.Inch, "svg")
	if err != nil {
		return err
	}
	_, err = out.WriteTo(w)
	return err
}

func (a Answer) points(of func(Observation) float64) (out plotter.XYs) {
	for _, o := range a.Probes {
		if v := of(o); v > 0 && o.Offered > 0 && o.Spoiled == "" {
			out = append(out, plotter.XY{X: o.Offered, Y: v / 1e6})
		}
	}
	return out
}

func addPoints(p *plot.Plot, name string, points plotter.XYs, c color.Color, shape draw.GlyphDrawer) error {
	if len(points) == 0 {
		return nil
	}
	s, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	s.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(3), Shape: shape}
	p.Add(s)
	p.Legend.Add("TTFT "+name, s)
	return nil
}

// mark draws the knee: the interval as a band, the answer as a line, over the height of the points.
func mark(p *plot.Plot, e *Estimate, points plotter.XYs) error {
	_, _, lo, hi := plotter.XYRange(points)
	band, err := plotter.NewPolygon(plotter.XYs{{X: e.Lo, Y: lo}, {X: e.Hi, Y: lo}, {X: e.Hi, Y: hi}, {X: e.Lo, Y: hi}})
	if err != nil {
		return err
	}
	band.Color, band.LineStyle.Width = color.RGBA{0xd8, 0xe8, 0xd8, 255}, 0
	line, err := plotter.NewLine(plotter.XYs{{X: e.Rate, Y: lo}, {X: e.Rate, Y: hi}})
	if err != nil {
		return err
	}
	line.LineStyle = draw.LineStyle{Color: color.RGBA{0x2c, 0x7d, 0x2c, 255}, Width: vg.Points(1.5)}
	p.Add(plotter.NewGrid(), band, line)
	p.Legend.Add(fmt.Sprintf("the knee: %s, %s binds", rateText(e.Rate), e.Binding), line)
	return nil
}
