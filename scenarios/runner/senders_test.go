package runner_test

import (
	"bytes"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/llmload/llmload/scenarios/runner"
)

func TestASenderThatIsFreeTakesTheNextRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running sync.WaitGroup
		send, dismiss := runner.Senders(&running)
		who := make(chan string, 3)
		hold := make(chan struct{})
		send(func() { who <- goroutine(); <-hold })
		first := <-who
		send(func() { who <- goroutine() }) // the first is at work
		second := <-who
		synctest.Wait()
		send(func() { who <- goroutine() })
		if third := <-who; first == second || third != second {
			t.Errorf("%s, %s and %s sent: want another one while the first is at work, and the same again once it is free", first, second, third)
		}
		close(hold)
		dismiss()
		running.Wait() // for ever, if one stayed: the bubble would report it
	})
}

// goroutine names the goroutine that calls it.
func goroutine() string {
	trace := make([]byte, 64)
	name, _, _ := bytes.Cut(trace[:runtime.Stack(trace, false)], []byte(" ["))
	return string(name)
}
