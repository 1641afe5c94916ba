package htmltest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

type action = chromedp.Action[chromedp.Void]

// patience is how long a page may take: a deadline for a hung browser, not a claim.
const patience = 2 * time.Minute

// chromium starts the browser once for all tests.
var chromium = sync.OnceValues(func() (context.Context, context.CancelFunc) {
	ctx, stop := chromedp.NewContext(context.Background(),
		chromedp.WithAllocatorOptions(chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1240, 900)))
	if err := chromedp.Do(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "no Chromium:", err)
	}
	return ctx, stop
})

func TestMain(m *testing.M) {
	code := m.Run()
	_, stop := chromium()
	stop()
	os.Exit(code)
}

// tab is a page under test, with everything that it complained of or asked the network for.
type tab struct {
	*testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
}

// open shows one of the pages and waits until its charts are drawn.
func open(t *testing.T, name string, actions ...action) *tab {
	t.Helper()
	file, err := filepath.Abs(filepath.Join("pages", name+".html"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("%v: run `make test-html`, which writes it", err)
	}
	browser, _ := chromium()
	ctx, closeTab := chromedp.NewContext(browser)
	t.Cleanup(closeTab)
	ctx, cancel := context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	p := &tab{T: t, ctx: ctx}
	if err := chromedp.Listen(ctx, p.listen(file)); err != nil {
		t.Fatal(err)
	}
	p.do(command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{}))
	p.do(actions...)
	p.do(chromedp.Navigate("file://"+file), p.frame())
	t.Cleanup(p.quiet)
	return p
}

func (p *tab) listen(file string) func(any) {
	return func(event any) {
		switch e := event.(type) {
		case *runtime.EventConsoleAPICalled:
			p.complain("console %s: %v", e.Type, e.Args)
		case *runtime.EventExceptionThrown:
			p.complain("exception: %v", e.ExceptionDetails)
		case *log.EventEntryAdded:
			if !strings.Contains(e.Entry.Text, "willReadFrequently") { // these tests' own reading of canvases
				p.complain("log %s: %s", e.Entry.Level, e.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if !strings.HasSuffix(e.Request.URL, filepath.Base(file)) {
				p.complain("a request to %s", e.Request.URL)
			}
		}
	}
}

func (p *tab) complain(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, fmt.Sprintf(format, args...))
}

// quiet holds the page to its promise: nothing in the console, nothing from the network.
func (p *tab) quiet() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.complaints {
		p.Error(c)
	}
}

func (p *tab) do(actions ...action) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// command is an action of the protocol whose result is nothing.
func command[P any](c cdp.Command[P, cdp.Empty], params P) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// frame waits until what was asked for is on the canvas: uPlot draws in a microtask, a resize in the next frame.
func (p *tab) frame() action {
	return script(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))`)
}

func script(expression string) action {
	return chromedp.Evaluate[chromedp.Void](expression, chromedp.EvalAwaitPromise)
}

// value evaluates an expression, a promise too.
func value[T any](p *tab, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatal(err)
	}
	return v
}

// shoot keeps a screenshot of the whole page.
func (p *tab) shoot(name string) {
	p.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.Fatal(err)
	}
	p.keep(name+".png", png)
}

func (p *tab) keep(name string, file []byte) {
	p.Helper()
	if err := os.MkdirAll("screenshots", 0o755); err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("screenshots", name), file, 0o644); err != nil {
		p.Fatal(err)
	}
}

func prefers(theme string) action {
	return command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	})
}

func (p *tab) print() []byte {
	p.Helper()
	yes := true
	pdf, err := chromedp.Run(p.ctx, func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, t, page.PrintToPDF, page.PrintToPDFParams{PreferCSSPageSize: &yes, PrintBackground: &yes})
		return r.Data, err
	})
	if err != nil {
		p.Fatal(err)
	}
	return pdf
}
