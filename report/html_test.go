package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/llmload/llmload/report"
	"github.com/llmload/llmload/results"
)

var pagesDir = flag.String("pages", "", "write the pages of TestPages into this folder, for a browser")

func page(t *testing.T, runs ...report.Run) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := report.WriteHTML(&out, runs...); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func parsePage(t *testing.T, file []byte) *html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// elements yields every element of a page.
func elements(root *html.Node) (all []*html.Node) {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

var blanks = regexp.MustCompile(`\s+`)

// words is what a reader sees without opening anything or running a script, each stretch of blanks as one.
func words(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		switch {
		case n.Type == html.ElementNode && slices.Contains([]string{"script", "style", "noscript"}, n.Data):
			return
		case n.Type == html.TextNode:
			b.WriteString(n.Data)
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
		if n.Type == html.ElementNode && !slices.Contains([]string{"b", "span", "i", "a", "small", "path", "strong"}, n.Data) {
			b.WriteString(" ")
		}
	}
	walk(n)
	return strings.TrimSpace(blanks.ReplaceAllString(b.String(), " "))
}

func find(t *testing.T, root *html.Node, tag string) *html.Node {
	t.Helper()
	for _, n := range elements(root) {
		if n.Data == tag {
			return n
		}
	}
	t.Fatalf("no %s", tag)
	return nil
}

func TestPages(t *testing.T) {
	for _, c := range pageCases {
		t.Run(c.name, func(t *testing.T) {
			file := page(t, c.runs()...)
			if *pagesDir != "" {
				if err := errors.Join(os.MkdirAll(*pagesDir, 0o755), os.WriteFile(filepath.Join(*pagesDir, c.name+".html"), file, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			root := parsePage(t, file)
			text := words(find(t, root, "main"))
			if !strings.HasPrefix(text, c.says[0]) {
				t.Errorf("%s\nthe page begins with %.200q, want %q", c.what, text, c.says[0])
			}
			for _, want := range c.says[1:] {
				if !strings.Contains(text, want) {
					t.Errorf("%s\nthe page does not say %q", c.what, want)
				}
			}
			for _, not := range append(c.lacks, "NaN", "Inf", "<nil>", "ZgotmplZ", "%!") {
				if strings.Contains(text, not) {
					t.Errorf("%s\nthe page says %q", c.what, not)
				}
			}
			loadsNothing(t, root)
			obeysItsPolicy(t, root)
		})
	}
}

// loadsNothing: what names an address must name a place on the page itself.
func loadsNothing(t *testing.T, root *html.Node) {
	t.Helper()
	scripts := 0
	for _, n := range elements(root) {
		switch n.Data {
		case "script":
			scripts++
		case "img", "iframe", "link", "object", "embed", "base", "form", "video", "audio", "use", "image":
			t.Errorf("the page has an element %s", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src", a.Key == "srcset", a.Key == "action":
				t.Errorf("%s has an attribute %s=%q", n.Data, a.Key, a.Val)
			case a.Key == "href" && !strings.HasPrefix(a.Val, "#"):
				t.Errorf("%s leads to %q", n.Data, a.Val)
			}
		}
	}
	if scripts != 2 {
		t.Errorf("%d scripts, want the data and the page's own", scripts)
	}
	if style := find(t, root, "style").FirstChild.Data; strings.Contains(style, "url(") || strings.Contains(style, "@import") {
		t.Error("the style loads something")
	}
}

// obeysItsPolicy: the page's own script and style are the only ones that its policy lets run.
func obeysItsPolicy(t *testing.T, root *html.Node) {
	t.Helper()
	policy, hashes := "", map[string]string{}
	for _, n := range elements(root) {
		if attribute(n, "http-equiv") == "Content-Security-Policy" {
			policy = attribute(n, "content")
		}
		if (n.Data == "script" || n.Data == "style") && attribute(n, "type") == "" {
			sum := sha256.Sum256([]byte(n.FirstChild.Data))
			hashes[n.Data] = "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
		}
	}
	want := "default-src 'none'; base-uri 'none'; form-action 'none'; script-src " + hashes["script"] + "; style-src " + hashes["style"]
	if policy != want {
		t.Errorf("the policy is\n%s\nwant\n%s", policy, want)
	}
}

func TestPageEmbedsTheLicenceOfItsCharts(t *testing.T) {
	text := string(page(t, few(1).Run))
	for _, want := range []string{"The MIT License (MIT)", "Copyright (c) 2022 Leon Sorokin", "THE SOFTWARE IS PROVIDED"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestPageIsTheSameTwice(t *testing.T) {
	runs := faultyRuns()
	if !bytes.Equal(page(t, runs...), page(t, runs...)) {
		t.Error("two pages of one run differ")
	}
}

func TestPageNeedsARun(t *testing.T) {
	if err := report.WriteHTML(new(bytes.Buffer), report.Run{}); err == nil {
		t.Error("a page of nothing")
	}
}

func TestPageSaysThatItCannotBeWritten(t *testing.T) {
	if err := report.WriteHTML(fullDisk{}, few(1).Run); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

var errFull = errors.New("no space left on device")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// chartData is what the page's script draws.
type chartData struct {
	Title  string
	Course bool
	X, Y   struct {
		Label, Scale string
		Lo, Hi       float64
	}
	Series []struct {
		Name   string
		X, Y   []*float64
		Failed []float64
		Marks  string
	}
	Spans []struct {
		From, To float64
		Name     string
		Faults   int
	}
}

func charts(t *testing.T, runs ...report.Run) map[string]chartData {
	t.Helper()
	for _, n := range elements(parsePage(t, page(t, runs...))) {
		if attribute(n, "id") != "data" {
			continue
		}
		var all []chartData
		if err := json.Unmarshal([]byte(n.FirstChild.Data), &all); err != nil {
			t.Fatal(err)
		}
		byTitle := map[string]chartData{}
		for _, c := range all {
			byTitle[c.Title] = c
		}
		return byTitle
	}
	t.Fatal("no data")
	return nil
}

func TestChartsHoldWhatWasMeasured(t *testing.T) {
	runs := faultyRuns()
	all := charts(t, runs...)
	dots, failed := 0, 0
	for _, s := range all["Time to the end of each request"].Series {
		if s.Marks == "cross" {
			failed += len(s.Y)
		} else {
			dots += len(s.Y)
		}
	}
	r := runs[0].Summary.Stages[1].Requests
	if int64(dots) != 320+r.Succeeded || int64(failed) != r.Failed+r.TimedOut || failed == 0 {
		t.Errorf("%d dots and %d crosses of %d and %d requests", dots, failed, 320+r.Succeeded, r.Failed+r.TimedOut)
	}
	output := all["Output"]
	if spans := output.Spans; len(spans) != 2 || spans[0].Name != "calm" || spans[0].Faults != 0 || spans[1].Faults != 4 {
		t.Errorf("stages behind the course: %+v", spans)
	}
	peak := 0.0
	for _, y := range output.Series[0].Y {
		if y != nil {
			peak = max(peak, *y)
		}
	}
	if want := peakOf(runs[0].Summary); peak < want*0.99 || peak > want*1.01 {
		t.Errorf("the peak drawn is %g tok/s, measured %g", peak, want)
	}
	for name, c := range all {
		if c.Course && (c.X.Lo != output.X.Lo || c.X.Hi != output.X.Hi) {
			t.Errorf("%s has an axis of its own", name)
		}
	}
}

// peakOf leaves out each stage's first and last interval, which it covers in part.
func peakOf(s *results.Summary) (peak float64) {
	for _, stage := range s.Stages {
		for _, p := range stage.Series[1 : len(stage.Series)-1] {
			peak = max(peak, p.OutputTokensPerS)
		}
	}
	return peak
}

func TestSeriesOfOneAxisShareItInTheFile(t *testing.T) {
	requests := charts(t, sweepOf("sweep", 5, 1, 4).Run)["Requests that ended"]
	if len(requests.Series) != 2 || requests.Series[0].X == nil || requests.Series[1].X != nil {
		t.Error("the times of an interval are written twice")
	}
}

func TestLatencyAgainstLoadHasAllThree(t *testing.T) {
	all := charts(t, sweepOf("sweep", 5, 1, 4, 16).Run)
	for _, title := range []string{"Time to first token", "Time per output token", "End to end"} {
		if c, ok := all[title]; !ok || len(c.Series) == 0 {
			t.Errorf("no chart %s", title)
		}
	}
}

func TestServerMetricsAreDrawnOverTime(t *testing.T) {
	all := charts(t, watched().Run)
	for _, title := range []string{"Server: requests running", "Server: KV memory in use"} {
		if c := all[title]; !c.Course || len(c.Series) != 1 || len(c.Spans) != 2 {
			t.Errorf("%s: %d series", title, len(c.Series))
		}
	}
	if _, ok := all["Server: power"]; ok {
		t.Error("a chart of what the server did not say")
	}
}

// TestMillionsOfRequestsTakeNoMoreMemoryThanThousands fills a digest with records that it may not keep.
func TestMillionsOfRequestsTakeNoMoreMemoryThanThousands(t *testing.T) {
	few, many := new(report.Digest), new(report.Digest)
	before := heap()
	bulk(few, 50_000)
	small := heap() - before
	bulk(many, 5_000_000)
	large := heap() - before - small
	t.Logf("a digest of 50,000 requests holds %d KB, of 5,000,000 %d KB", small/1024, large/1024)
	if large > 2*small+64*1024 {
		t.Errorf("5,000,000 requests take %d bytes, 50,000 take %d", large, small)
	}
	w := newWorld("large")
	w.stage("c=4", closed(4), 320, 20, 5)
	w.Requests = many
	if size := len(page(t, w.Run)); size > 2<<20 {
		t.Errorf("the page has %d bytes", size)
	}
	runtime.KeepAlive(few)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestTheKneeLiesBehindTheRates(t *testing.T) {
	w := newWorld("searched")
	w.stage("rate=10/s", open(10), 60, 10, 1)
	w.stage("rate=20/s", open(20), 60, 10, 1)
	w.stage("c=1", closed(1), 60, 10, 1)
	w.stage("c=2", closed(2), 60, 10, 1)
	w.Knee = &report.Knee{SLO: "ttft.p90=25ms", Rate: 15, Lo: 14, Hi: 16}
	marked := 0
	for title, c := range charts(t, w.Run) {
		for _, span := range c.Spans {
			if span.Name == "capacity" {
				marked++
				if c.X.Label != "arrivals/s" || span.From != 14 || span.To != 16 {
					t.Errorf("%s, over %s: %+v", title, c.X.Label, span)
				}
			}
		}
	}
	if marked == 0 {
		t.Error("no chart has it")
	}
}
