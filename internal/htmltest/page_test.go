package htmltest

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// inked counts the pixels of each chart that something was drawn on, so that an empty canvas is no chart.
const inked = `charts.map(({u}) => {
	const data = u.ctx.getImageData(0, 0, u.ctx.canvas.width, u.ctx.canvas.height).data;
	let n = 0;
	for (let i = 3; i < data.length; i += 4) if (data[i] > 0) n++;
	return n;
})`

func TestEveryPageOpensAndDraws(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("pages", "*.html"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d pages, %v: run `make test-html`, which writes them", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".html")
		t.Run(name, func(t *testing.T) {
			p := open(t, name)
			if figures, drawn := value[int](p, `document.querySelectorAll("figure[data-chart]").length`), value[int](p, `charts.length`); figures != drawn {
				t.Errorf("%d of %d charts are drawn", drawn, figures)
			}
			for i, n := range value[[]int](p, inked) {
				if n < 500 {
					t.Errorf("chart %d has %d pixels", i, n)
				}
			}
			p.fits()
			p.shoot(name)
			p.do(chromedp.EmulateViewport(390, 844), p.frame())
			p.fits()
			p.shoot(name + "_narrow")
		})
	}
}

// fits: nothing makes the whole page scroll sideways.
func (p *tab) fits() {
	p.Helper()
	if over := value[int](p, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		p.Errorf("the page is %d pixels wider than its window", over)
	}
}

// TestHostileTextsRunNothing: a text of a run that got out of its place would have opened a dialog or added an image.
func TestHostileTextsRunNothing(t *testing.T) {
	p := open(t, "names")
	if n := value[int](p, `document.images.length`); n > 0 {
		t.Errorf("%d images", n)
	}
	if title := value[string](p, `document.querySelector(".banner li").textContent`); !strings.HasPrefix(title, "because </script><script>alert(") {
		t.Errorf("the reason reads %q", title)
	}
}

func move(x, y float64, options ...chromedp.MouseOption) action {
	return chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y, options...)
}

// over points at a place of a chart, as a share of its axes.
func (p *tab) over(chart int, x, y float64) {
	p.Helper()
	p.do(script(fmt.Sprintf(`charts[%d].u.root.scrollIntoView({block: "center", behavior: "instant"})`, chart)), p.frame())
	box := p.box(chart)
	p.do(move(box[0]+x*box[2], box[1]+y*box[3]), p.frame())
}

func (p *tab) box(chart int) []float64 {
	p.Helper()
	return value[[]float64](p, fmt.Sprintf(`(({x, y, width, height}) => [x, y, width, height])(charts[%d].u.over.getBoundingClientRect())`, chart))
}

// first is the index of the first chart over time.
func (p *tab) first() int {
	p.Helper()
	return value[int](p, `charts.findIndex((c) => c.spec.course)`)
}

const readouts = `charts.filter((c) => c.spec.course).map((c) => c.holder.parentElement.querySelector("output").textContent)`

func TestChartsOverTimeShareTheirCursor(t *testing.T) {
	p := open(t, "faults")
	p.over(p.first(), 0.8, 0.5)
	read := value[[]string](p, readouts)
	if len(read) < 5 {
		t.Fatalf("only %d charts over time", len(read))
	}
	time, _, _ := strings.Cut(read[0], " · ")
	for _, text := range read {
		if time == "" || !strings.HasPrefix(text, time+" · failures (faults) · ") {
			t.Errorf("at one cursor the charts read %q", read)
			break
		}
	}
	p.shoot("faults_hover")
	p.do(move(2, 2), p.frame())
	if read := value[[]string](p, readouts); strings.Join(read, "") != "" {
		t.Errorf("without a cursor the charts read %q", read)
	}
}

const ranges = `charts.filter((c) => c.spec.course).map((c) => [c.u.scales.x.min, c.u.scales.x.max])`

func TestChartsOverTimeZoomTogether(t *testing.T) {
	p := open(t, "sweep")
	before := value[[][]float64](p, ranges)
	first := p.first()
	p.over(first, 0.2, 0.5)
	box := p.box(first)
	left, right, y := box[0]+0.2*box[2], box[0]+0.5*box[2], box[1]+0.5*box[3]
	p.do(
		chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, left, y, chromedp.ButtonLeft, chromedp.ClickCount(1)),
		move(right, y, chromedp.ButtonLeft), p.frame(),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, right, y, chromedp.ButtonLeft, chromedp.ClickCount(1)), p.frame(),
	)
	zoomed := value[[][]float64](p, ranges)
	for _, r := range zoomed {
		if r[0] != zoomed[0][0] || r[1] != zoomed[0][1] || r[1]-r[0] > 0.5*(before[0][1]-before[0][0]) {
			t.Errorf("after the drag the axes span %v, before %v", zoomed, before)
			break
		}
	}
	p.do(chromedp.MouseClickXY((left+right)/2, y, chromedp.ClickCount(2)), p.frame())
	if after := value[[][]float64](p, ranges); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("after the double click the axes span %v, at first %v", after, before)
	}
}

func TestAPointTellsWhatItIs(t *testing.T) {
	p := open(t, "sweep")
	at := value[[]float64](p, `(() => {
		const {u, spec} = charts[0], s = spec.series[0];
		return [u.valToPos(s.x[3], "x") / u.over.clientWidth, u.valToPos(s.y[3], "y") / u.over.clientHeight];
	})()`)
	p.over(0, at[0], at[1])
	if tip := value[string](p, `[...document.querySelectorAll(".tip")].filter((t) => !t.hidden).map((t) => t.textContent).join()`); !strings.Contains(tip, "c=8: ") {
		t.Errorf("the tip says %q", tip)
	}
}

func TestTheLegendSwitchesLines(t *testing.T) {
	p := open(t, "overlay")
	shown := `charts.filter((c) => c.spec.course).flatMap(({u, spec}) => spec.series.map((s, i) => [s.name, u.series[i + 1].show])).filter((s) => s[0] === "base").map((s) => s[1])`
	if before := value[[]bool](p, shown); len(before) == 0 || slices.Contains(before, false) {
		t.Fatalf("at first: %v", before)
	}
	p.do(chromedp.Click(chromedp.CSS(`#course .legend li[data-name="base"]`)), p.frame())
	if after := value[[]bool](p, shown); slices.Contains(after, true) {
		t.Errorf("switched off: %v", after)
	}
}

func TestTheSlowestOfAStage(t *testing.T) {
	p := open(t, "faults")
	visible := `[...document.querySelectorAll(".slow details")].filter((d) => d.checkVisibility()).map((d) => d.querySelector(".what").textContent)`
	if all := value[[]string](p, visible); len(all) != 10 {
		t.Errorf("at first %q", all)
	}
	p.do(script(`(() => {
		const select = document.querySelector(".slow select");
		select.value = [...select.options].find((o) => o.textContent === "calm").value;
		select.dispatchEvent(new Event("change"));
	})()`))
	calm := value[[]string](p, visible)
	if len(calm) != 10 || slices.ContainsFunc(calm, func(s string) bool { return !strings.HasPrefix(s, "calm #") }) {
		t.Errorf("of one stage %q", calm)
	}
	width := value[float64](p, `(() => {
		const row = [...document.querySelectorAll(".slow details")].find((d) => !d.hidden).querySelector("svg");
		const last = [...row.querySelectorAll("rect")].at(-1);
		return (last.x.baseVal.value + last.width.baseVal.value) / row.viewBox.baseVal.width;
	})()`)
	if width < 0.99 || width > 1.01 {
		t.Errorf("the slowest fills %g of the width", width)
	}
}

// colours is the background, and the colour of the first chart where its first mark is.
const colours = `[getComputedStyle(document.body).backgroundColor, (() => {
	const {u, spec} = charts[0], s = spec.series[0];
	const at = [u.valToPos(s.x[0], "x", true), u.valToPos(s.y[0], "y", true)];
	return [...u.ctx.getImageData(Math.round(at[0]), Math.round(at[1]), 1, 1).data].join();
})()]`

func TestThemes(t *testing.T) {
	p := open(t, "sweep", prefers("light"))
	light := value[[]string](p, colours)
	p.shoot("sweep_light")
	p.do(chromedp.Click(chromedp.CSS("#theme")), p.frame())
	toggled := value[[]string](p, colours)
	p.shoot("sweep_dark")
	if toggled[0] == light[0] || toggled[1] == light[1] {
		t.Errorf("the button leaves %q as %q", light, toggled)
	}
	q := open(t, "sweep", prefers("dark"))
	if dark := value[[]string](q, colours); !slices.Equal(dark, toggled) {
		t.Errorf("a dark system has %q, the button gives %q", dark, toggled)
	}
	q.do(prefers("light"), q.frame())
	if after := value[[]string](q, colours); !slices.Equal(after, light) {
		t.Errorf("when the system turns light the page has %q, want %q", after, light)
	}
	open(t, "faults", prefers("dark")).shoot("faults_dark")
	open(t, "invalid", prefers("dark")).shoot("invalid_dark")
}

func TestPrint(t *testing.T) {
	const sizes = `JSON.stringify(charts.map(({u}) => [u.width, u.height]))`
	for _, name := range []string{"sweep", "faults", "invalid", "overlay"} {
		p := open(t, name, prefers("dark"))
		before := value[string](p, sizes)
		p.do(script(`addEventListener("beforeprint", () => { window.printed = document.documentElement.dataset.theme; })`))
		pdf := p.print()
		if !bytes.HasPrefix(pdf, []byte("%PDF")) {
			t.Errorf("%s: %d bytes that are no PDF", name, len(pdf))
		}
		p.keep(name+".pdf", pdf)
		p.do(p.frame())
		if theme := value[string](p, `window.printed || "none"`); theme != "light" {
			t.Errorf("%s: printed in the theme %q", name, theme)
		}
		if after := value[string](p, sizes); after != before {
			t.Errorf("%s: before printing the charts are %s, after it %s", name, before, after)
		}
		if theme := value[string](p, `document.documentElement.dataset.theme || ""`); theme != "" {
			t.Errorf("%s: printing left the theme %q", name, theme)
		}
	}
}

// hanging is a cap, in milliseconds, for a drawing that is broken. The figure itself is printed.
const hanging = 5000.0

func TestTwentyThousandPointsAreDrawn(t *testing.T) {
	p := open(t, "twenty_thousand")
	points := value[int](p, `charts[0].spec.series[0].x.length`)
	if points < 19000 {
		t.Fatalf("only %d points", points)
	}
	took := value[[]float64](p, `(async () => {
		const all = [];
		for (let i = 0; i < 9; i++) {
			const start = performance.now();
			charts[0].u.redraw(true, true);
			await null;
			charts[0].u.ctx.getImageData(0, 0, 1, 1);
			all.push(performance.now() - start);
		}
		return all.sort((a, b) => a - b);
	})()`)
	t.Logf("a chart of %d points draws in %.1f ms (median of %d, %.1f to %.1f)", points, took[len(took)/2], len(took), took[0], took[len(took)-1])
	whole := value[[]float64](p, `performance.getEntriesByName("drawn").map((e) => e.duration)`)
	if len(whole) != 1 {
		t.Fatalf("the page measured %d times how long it drew", len(whole))
	}
	t.Logf("the page of %d charts and %d points drew in %.1f ms", value[int](p, `charts.length`), value[int](p, `charts.reduce((n, c) => n + c.spec.series.reduce((m, s) => m + s.x.length, 0), 0)`), whole[0])
	if took[0] > hanging {
		t.Error("that is not drawing but hanging")
	}
}
