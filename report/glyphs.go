package report

import (
	"strings"

	"golang.org/x/image/font/sfnt"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// lettered is a PNG canvas that draws a question mark for a character that the embedded font lacks, such as Chinese:
// the canvas alone would draw nothing, and a legend without a name. A reader of the SVG has fonts of their own.
type lettered struct{ vgimg.PngCanvas }

// FillString implements vg.Canvas.
func (c lettered) FillString(face font.Face, at vg.Point, s string) {
	c.PngCanvas.FillString(face, at, withGlyphs(face, s))
}

func withGlyphs(face font.Face, s string) string {
	var buffer sfnt.Buffer
	return strings.Map(func(r rune) rune {
		if glyph, err := face.Face.GlyphIndex(&buffer, r); err != nil || glyph == 0 {
			return '?'
		}
		return r
	}, s)
}

// undrawable reports whether any name in the figure has characters that the font lacks.
func (f figure) undrawable() bool {
	sty := letters(9)
	face := sty.Handler.Cache().Lookup(sty.Font, sty.Font.Size)
	names := []string{f.Note}
	for _, k := range f.Keys {
		names = append(names, k.Name)
	}
	for p := range f.panels {
		names = append(names, p.Y.Names...)
		for _, s := range p.Spans {
			names = append(names, s.Name)
		}
	}
	all := strings.Join(names, "")
	return withGlyphs(face, all) != all
}
