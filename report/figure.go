package report

import (
	"image/color"
	"math"
)

// figure is one plot before it is drawn: data, words and styles, no coordinates.
type figure struct {
	Name   string // of its files
	Title  string
	Note   string     // small, below the title: what the reader must know to read it right
	Panels [][]*panel // rows of panels side by side
	Keys   []key
}

// panel is one pair of axes with what is drawn on them.
type panel struct {
	Title  string
	X, Y   axis
	Series []series
	Spans  []span
	Bars   []bar
}

// series is points of one colour, joined when they are stages of one kind.
type series struct {
	Name   string
	Points []point
	Style  style
}

// point is one value. Y is NaN where there is none, which leaves a gap in the line; Failed marks such a place at the
// top edge, since what failed ranks above every value.
type point struct {
	X, Y   float64
	Label  string
	Failed bool
}

// span is a stretch of time with a name.
type span struct {
	From, To float64
	Name     string
}

// bar is one stage's row of parts that add up to at most 1.
type bar struct {
	Name  string
	Note  string // to the right of the bar
	Parts []part
}

type part struct {
	Share float64
	Color color.Color
}

// key is a line of the legend.
type key struct {
	Name  string
	Style style
}

// style is how a series looks. Marks is what stands at each point.
type style struct {
	Color  color.Color
	Line   bool
	Dash   int // 0 is solid
	Marks  markShape
	Hollow bool // marks are outlines
	Rise   bool // a line that comes to failures rises to the top edge
	Box    bool // legend only: a filled square
}

type markShape int

const (
	noMark markShape = iota
	disc
	square
	triangle
	cross
)

// The palette of Okabe and Ito (2008), told apart by people with any common colour blindness; yellow is left to areas,
// being too pale for a line on white.
var (
	blue       = color.NRGBA{0x00, 0x72, 0xB2, 0xFF}
	vermillion = color.NRGBA{0xD5, 0x5E, 0x00, 0xFF}
	green3     = color.NRGBA{0x00, 0x9E, 0x73, 0xFF}
	purple     = color.NRGBA{0xCC, 0x79, 0xA7, 0xFF}
	orange     = color.NRGBA{0xE6, 0x9F, 0x00, 0xFF}
	sky        = color.NRGBA{0x56, 0xB4, 0xE9, 0xFF}
	yellow     = color.NRGBA{0xF0, 0xE4, 0x42, 0xFF}
	black      = color.NRGBA{0x22, 0x22, 0x22, 0xFF}
	grey       = color.NRGBA{0xB0, 0xB0, 0xB0, 0xFF}
)

// lineColors are told apart best in this order.
var lineColors = [...]color.Color{blue, vermillion, green3, purple, orange, sky, black}

// styleOf gives the n-th thing its look. Seven colours and three marks share no divisor, so neighbours differ in both
// and maxLines things in at least one; the dash changes when the colours begin again.
func styleOf(n int) style {
	marks := [...]markShape{disc, square, triangle}
	return style{Color: lineColors[n%len(lineColors)], Dash: n / len(lineColors), Marks: marks[n%len(marks)]}
}

// maxLines is how many styles can be told apart, and how many lines of legend fit beside a plot.
const maxLines = 21

// panels yields every panel.
func (f figure) panels(yield func(*panel) bool) {
	for _, row := range f.Panels {
		for _, p := range row {
			if !yield(p) {
				return
			}
		}
	}
}

// drawable reports whether any panel has something on it.
func (f figure) drawable() bool {
	for p := range f.panels {
		if p.drawable() {
			return true
		}
	}
	return false
}

// markFailures explains the crosses, where there are any.
func (f *figure) markFailures() {
	for p := range f.panels {
		for _, s := range p.Series {
			for _, pt := range s.Points {
				if pt.Failed {
					f.Keys = append(f.Keys, key{Name: "lands on failures", Style: style{Color: black, Marks: cross}})
					return
				}
			}
		}
	}
}

func (p *panel) drawable() bool {
	for _, s := range p.Series {
		if s.drawable() {
			return true
		}
	}
	return len(p.Bars) > 0
}

func (s series) drawable() bool {
	for _, pt := range s.Points {
		if finite(pt.X) && finite(pt.Y) {
			return true
		}
	}
	return false
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
