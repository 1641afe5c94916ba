package report

// What the tests look at below the files: a figure's data before it is drawn.
type (
	Figure = figure
	Point  = point
	Key    = key
)

var (
	Figures = figures
	Digits  = digits
	Percent = percent
	Count   = count
)

// SVG and PNG draw a figure without writing it.
func SVG(f Figure) ([]byte, error) { return f.svg() }

func PNG(f Figure) ([]byte, error) { return f.png() }

// NiceTicks and the others give the labels of an axis over a range of values.
func NiceTicks(lo, hi float64) []string { return tickTexts(axis{}, lo, hi) }

func TailTicks(lo, hi float64) []string { return tickTexts(axis{Scale: tail}, lo, hi) }

func LogTicks(lo, hi float64) []string { return tickTexts(axis{Scale: log10}, lo, hi) }

func tickTexts(a axis, lo, hi float64) []string {
	var texts []string
	for _, t := range a.Ticks(a.place(lo), a.place(hi)) {
		texts = append(texts, t.Label)
	}
	return texts
}
