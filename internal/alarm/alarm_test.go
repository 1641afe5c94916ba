package alarm_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/llmload/llmload/internal/alarm"
)

// Both kinds keep the same promises; how late they are is the machine's affair.
func TestAnAlarmRingsAtOrAfterItsTime(t *testing.T) {
	for name, kernel := range map[string]bool{"the kernel's": true, "package time's": false} {
		t.Run(name, func(t *testing.T) {
			timer := alarm.NewTimer(kernel)
			defer timer.Close()
			for _, after := range []time.Duration{-time.Hour, 0, 300 * time.Microsecond, 5 * time.Millisecond} {
				due := time.Now().Add(after)
				timer.Set(due)
				<-timer.C
				if now := time.Now(); now.Before(due) {
					t.Errorf("set to ring after %s, it rang %s too early", after, due.Sub(now))
				}
			}
		})
	}
}

func TestSettingItAgainReplacesWhatWasSet(t *testing.T) {
	for name, kernel := range map[string]bool{"the kernel's": true, "package time's": false} {
		t.Run(name, func(t *testing.T) {
			timer := alarm.NewTimer(kernel)
			defer timer.Close()
			timer.Set(time.Now().Add(time.Hour))
			timer.Set(time.Now().Add(time.Millisecond))
			<-timer.C // the test's own time limit is what a lost ring would meet
		})
	}
}

func TestWithoutTheKernelItKnowsABubblesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		timer := alarm.NewTimer(false)
		defer timer.Close()
		timer.Set(begin.Add(time.Hour))
		<-timer.C
		if got := time.Since(begin); got != time.Hour {
			t.Errorf("rang after %s, want 1h0m0s exactly", got)
		}
	})
}
