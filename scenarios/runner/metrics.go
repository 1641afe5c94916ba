package runner

import (
	"context"
	"sync"
	"time"

	"github.com/llmload/llmload/internal/promscrape"
)

// Metrics is where a server tells of itself. A look ends by itself, soon, whatever is asked.
type Metrics interface {
	Look(ctx context.Context) promscrape.Look
}

// The times of looks. A page of metrics costs the server some milliseconds, in which it may answer nobody.
const (
	lookEvery = time.Second
	// settle is how long the last look may be put off for a server that counts an answer a moment after it has sent it.
	settle = time.Second
)

// watch looks at a server's metrics while a stage runs. A nil watch is of a server that is not asked.
type watch struct {
	metrics Metrics
	course  promscrape.Course // of the goroutine, until it has ended
	quit    context.CancelFunc
	ended   sync.WaitGroup
}

// startWatch takes the first look before it returns, so that counts are of the whole stage. Where the stage's start is agreed
// with other machines it cannot wait for that: a slow page would make its requests late. Their counts are of all machines'
// requests in any case.
func startWatch(ctx context.Context, m Metrics, agreed bool) *watch {
	if m == nil {
		return nil
	}
	w := &watch{metrics: m}
	look := func() { w.course.Add(m.Look(ctx)) }
	running, quit := context.WithCancel(context.WithoutCancel(ctx))
	w.quit = quit
	if !agreed {
		look()
		look = func() {}
	}
	w.ended.Go(func() {
		look()
		w.run(running)
	})
	return w
}

// run looks in the middle of each second, so that a short stage, too, is looked at while it runs.
func (w *watch) run(ctx context.Context) {
	first := time.NewTimer(lookEvery / 2)
	defer first.Stop()
	select {
	case <-first.C:
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if l := w.metrics.Look(ctx); ctx.Err() == nil {
			w.course.Add(l)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// stop ends the looking.
func (w *watch) stop() {
	if w != nil {
		w.quit()
		w.ended.Wait()
	}
}

// end takes the last look, when all requests have ended: at first tokens counted, the server's may lag a moment behind.
func (w *watch) end(ctx context.Context, firstTokens int64) {
	if w == nil {
		return
	}
	w.stop()
	wait := 5 * time.Millisecond
	for late := time.Now().Add(settle); ; wait *= 2 {
		l := w.metrics.Look(ctx)
		if !w.course.Lacks(l, firstTokens) || time.Now().Add(wait).After(late) {
			w.course.Add(l)
			return
		}
		time.Sleep(wait)
	}
}

func (w *watch) warnings() []string {
	if w == nil {
		return nil
	}
	return w.course.Warnings()
}
