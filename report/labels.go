package report

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// labels writes the points' labels after everything else, each where it covers neither mark nor line nor label; a
// label for which there is no such place is left out.
type labels struct{ *panel }

func (l labels) Plot(c draw.Canvas, plt *plot.Plot) {
	taken := l.obstacles(c, plt)
	sty := letters(9)
	x, y := plt.Transforms(&c)
	for _, s := range l.Series {
		sty.Color = s.Style.Color
		for _, pt := range s.Points {
			px, py := l.X.place(pt.X), l.Y.place(pt.Y)
			if pt.Label == "" || !finite(px) || !finite(py) {
				continue
			}
			size := vg.Point{X: sty.Width(pt.Label), Y: sty.Font.Size}
			if box, ok := free(vg.Point{X: x(px), Y: y(py)}, size, c.Rectangle, taken); ok {
				c.FillText(sty, vg.Point{X: box.Min.X, Y: box.Min.Y + 1.5}, pt.Label)
				taken = append(taken, box)
			}
		}
	}
}

// obstacles is boxes over every mark and along every line.
func (l labels) obstacles(c draw.Canvas, plt *plot.Plot) []vg.Rectangle {
	const around = 3.5
	var boxes []vg.Rectangle
	for _, s := range l.Series {
		for _, run := range (curve{l.panel, s}).places(c, plt) {
			for i, at := range run {
				boxes = append(boxes, boxAround(at, around))
				if i == 0 || !s.Style.Line {
					continue
				}
				const steps = 24
				step := at.Sub(run[i-1]).Scale(1.0 / steps)
				for k := 1; k < steps; k++ {
					boxes = append(boxes, boxAround(run[i-1].Add(step.Scale(vg.Length(k))), 1))
				}
			}
		}
	}
	return boxes
}

func boxAround(at vg.Point, r vg.Length) vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: at.X - r, Y: at.Y - r}, Max: vg.Point{X: at.X + r, Y: at.Y + r}}
}

// free finds the nearest clear place for a label of this size beside a point, the upper right first.
func free(at, size vg.Point, inside vg.Rectangle, taken []vg.Rectangle) (vg.Rectangle, bool) {
	for _, off := range []vg.Length{6, 10, 16} {
		for _, d := range []vg.Point{{X: 1, Y: 1}, {X: 1, Y: 0}, {X: 1, Y: -1}, {X: 0, Y: 1}, {X: 0, Y: -1}, {X: -1, Y: 1}, {X: -1, Y: 0}, {X: -1, Y: -1}} {
			center := vg.Point{X: at.X + d.X*(off+size.X/2), Y: at.Y + d.Y*(off+size.Y/2)}
			box := vg.Rectangle{Min: center.Sub(size.Scale(0.5)), Max: center.Add(size.Scale(0.5))}
			if within(box, inside) && unobstructed(box, taken) {
				return box, true
			}
		}
	}
	return vg.Rectangle{}, false
}

func within(box, outer vg.Rectangle) bool {
	return box.Min.X >= outer.Min.X && box.Max.X <= outer.Max.X && box.Min.Y >= outer.Min.Y && box.Max.Y <= outer.Max.Y
}

func unobstructed(box vg.Rectangle, taken []vg.Rectangle) bool {
	for _, t := range taken {
		if box.Min.X < t.Max.X && t.Min.X < box.Max.X && box.Min.Y < t.Max.Y && t.Min.Y < box.Max.Y {
			return false
		}
	}
	return true
}
