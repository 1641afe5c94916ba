package alarm_test

import (
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
