package alarm_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/llmload/llmload/internal/alarm"
)

func TestCallsOfAKernelsTimerKeepTheirDistance(t *testing.T) {
	const grain = 20 * time.Millisecond
	rang := make(chan struct{}, 1)
	a := alarm.New(true, grain, func() { rang <- struct{}{} })
	defer a.Close()
	begin := time.Now()
	for range 2 {
		a.Set(begin)
		<-rang
	}
	if gap := time.Since(begin); gap < grain {
		t.Errorf("two calls within %s, want %s between them", gap, grain)
	}
}

// The kernel gives a closed alarm's descriptor to the next that is made.
func TestAClosedAlarmDoesNotSetAnother(t *testing.T) {
	old := alarm.New(true, 0, func() {})
	old.Close()
	rang := make(chan struct{}, 1)
	next := alarm.New(true, 0, func() { rang <- struct{}{} })
	defer next.Close()
	next.Set(time.Now().Add(20 * time.Millisecond))
	old.Set(time.Now().Add(time.Hour))
	<-rang // for ever, if the hour holds
}

// The runtime looks at descriptors every 10 ms only, while it has goroutines to run.
func TestABusyProcessorKeepsNoAlarmWaiting(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var over atomic.Bool
	var busy sync.WaitGroup
	defer busy.Wait()
	defer over.Store(true)
	for range 2 {
		busy.Go(func() {
			for !over.Load() {
				runtime.Gosched()
			}
		})
	}
	timer := alarm.NewTimer(true)
	defer timer.Close()
	var late, others time.Duration
	const rounds = 20
	for range rounds {
		due := time.Now().Add(time.Millisecond)
		reference := make(chan time.Duration, 1)
		time.AfterFunc(time.Until(due), func() { reference <- time.Since(due) })
		timer.Set(due)
		<-timer.C
		late += time.Since(due)
		others += <-reference
	}
	if most := others + rounds*2*time.Millisecond; late > most {
		t.Errorf("%d rings were late by %s, where package time's were by %s", rounds, late, others)
	}
}
