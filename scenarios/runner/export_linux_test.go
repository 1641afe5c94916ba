package runner

import "slices"

// WokenInTurns lets a loop wake so many readers that are due, for tests, and returns how many each turn woke.
func WokenInTurns(readers int) (turns []int) {
	l := &gatherLoop{}
	for range readers {
		l.due = append(l.due, &gatherer{readable: make(chan struct{}, 1)})
	}
	due := slices.Clone(l.due)
	woken := 0
	for len(l.due) > 0 && len(turns) < readers {
		l.wake()
		now := 0
		for _, g := range due {
			now += len(g.readable)
		}
		turns = append(turns, now-woken)
		woken = now
	}
	return turns
}
