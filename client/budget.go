package client

import "sync"

// retryReserve is how many retries a client begins with, and the most it saves
// up: enough for a few calls to have all of theirs.
const retryReserve = 100

// budget keeps retries from multiplying the load on a server that is failing.
type budget struct {
	mu    sync.Mutex
	share float64 // what each call earns; 0 is no budget
	left  float64
}

func newBudget(share float64) *budget { return &budget{share: share, left: retryReserve} }

func (b *budget) earn() {
	b.mu.Lock()
	b.left = min(b.left+b.share, retryReserve)
	b.mu.Unlock()
}

// spend takes one retry, if there is one.
func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.share == 0 {
		return true
	}
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}
