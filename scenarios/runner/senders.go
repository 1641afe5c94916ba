package runner

import "sync"

// senders are the goroutines of an open loop. Who has sent his request waits for another: the stack of a new goroutine has to
// grow, which took 6% of the CPU that a plain request costs. There are as many as requests were in flight at once.
type senders struct {
	running *sync.WaitGroup
	tasks   chan func()
}

func newSenders(running *sync.WaitGroup) *senders {
	return &senders{running, make(chan func())}
}

// Go calls send at once, on a goroutine that is free or on a new one.
func (s *senders) Go(send func()) {
	select {
	case s.tasks <- send:
	default:
		s.running.Go(func() {
			send()
			s.work()
		})
	}
}

func (s *senders) work() {
	for send := range s.tasks {
		send()
	}
}

// dismiss lets all go who are free, and the others when they are.
func (s *senders) dismiss() { close(s.tasks) }
