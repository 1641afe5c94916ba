package engine_test

import (
	"testing"
	"time"

	"github.com/llmload/llmload/mockserver/engine"
)

// blocks are the hashes of n blocks of a prompt that begins like no other.
func blocks(prompt uint64, n int) []uint64 {
	out := make([]uint64, n)
	for i := range out {
		out[i] = prompt<<32 | uint64(i)
	}
	return out
}

const block = engine.BlockTokens

// cachedOf runs a sequence of so many blocks and one token more, to its end.
func cachedOf(t *testing.T, e engine.Engine, at time.Duration, chain []uint64) int {
	t.Helper()
	s := &engine.Seq{In: block*len(chain) + 1, Out: 2, Blocks: chain}
	submit(t, e, at, s)
	end(e)
	return s.Cached()
}

func cached() *engine.Step {
	return &engine.Step{C0: 10 * ms, Prefill: ms, MaxQueue: 100, Prefix: engine.NewPrefix(1000)}
}

func TestWhatIsCachedIsNotComputedAgain(t *testing.T) {
	e, chain := cached(), blocks(1, 4)
	a := &engine.Seq{In: 65, Out: 1, Blocks: chain}
	b := &engine.Seq{In: 65, Out: 1, Blocks: chain}
	submit(t, e, 0, a)
	submit(t, e, time.Second, b)
	end(e)
	wantDues(t, "the first", a, 75*ms)
	wantDues(t, "the second", b, time.Second+11*ms)
	if b.Cached() != 64 {
		t.Errorf("%d tokens are cached", b.Cached())
	}
}

func TestWhatCountsAsCached(t *testing.T) {
	one := blocks(1, 4)
	for _, c := range []struct {
		name  string
		in    int
		chain []uint64
		want  int
	}{
		{"the same prompt", 65, one, 64},
		{"its last token must be computed", 64, one, 48},
		{"its head", 33, one[:2], 32},
		{"its head, and then another", 65, append(one[:2:2], blocks(2, 2)...), 32},
		{"another", 65, blocks(2, 4), 0},
		{"the same blocks behind another head", 65, append(blocks(2, 1), one[1:]...), 0},
		{"no blocks", 65, nil, 0},
		{"a chain that is longer than its prompt", 20, one, 16},
		{"no prompt", 0, one, 0},
	} {
		for _, e := range []engine.Engine{cached(), &engine.Fixed{Prefix: engine.NewPrefix(1000)}} {
			cachedOf(t, e, 0, one)
			s := &engine.Seq{In: c.in, Out: 1, Blocks: c.chain}
			submit(t, e, time.Hour, s)
			if s.Cached() != c.want {
				t.Errorf("%s, %T: %d tokens, want %d", c.name, e, s.Cached(), c.want)
			}
		}
	}
}

func TestBlocksOfARunningSequenceAreSharedAndCountOnce(t *testing.T) {
	e, chain := cached(), blocks(1, 4)
	e.KVTokens = 110
	a := &engine.Seq{In: 65, Out: 20, Blocks: chain} // 85 tokens
	b := &engine.Seq{In: 65, Out: 20, Blocks: chain} // 21 of its own: without sharing it would have to wait
	submit(t, e, 0, a)
	submit(t, e, 80*ms, b)
	e.Advance(100 * ms)
	if got := e.Load(); got.Running != 2 || got.KVUsed != 85+21 || b.Cached() != 64 {
		t.Errorf("%+v, %d cached", got, b.Cached())
	}
	e.Cancel(100*ms, a)
	if got := e.Load(); got.KVUsed != 85 {
		t.Errorf("when the first has left: %+v", got)
	}
	end(e)
	if got := e.Load(); got.KVUsed != 0 {
		t.Errorf("at the end: %+v", got)
	}
}

func TestIdleBlocksGiveWayToRunningSequencesTheOldestFirst(t *testing.T) {
	e := cached()
	e.KVTokens = 12 * block
	cachedOf(t, e, 0, blocks(1, 4))
	cachedOf(t, e, time.Second, blocks(2, 4)) // 8 blocks are kept
	big := &engine.Seq{In: 6*block + 1, Out: block - 1}
	submit(t, e, 2*time.Second, big) // needs 7 of 12: 5 are left, all of the second and the head of the first
	end(e)
	if got := cachedOf(t, e, 3*time.Second, blocks(2, 4)); got != 4*block {
		t.Errorf("of the prompt used last %d tokens are cached", got)
	}
	if got := cachedOf(t, e, 4*time.Second, blocks(1, 4)); got != block {
		t.Errorf("of the older prompt %d tokens are cached", got)
	}
}

func TestBlocksThatGoIdleHaveTheRoomOfTheirSequence(t *testing.T) {
	for _, c := range []struct {
		name        string
		memory      int // in blocks; a sequence of cachedOf takes one more than its prompt has
		first, then int // blocks of two prompts that run one after the other
		want        int // of the first that are still there
	}{
		{"a sequence that fills the memory", 5, 4, 0, 4},
		{"two that have room side by side", 10, 4, 5, 4},
		{"what has no room beside the second goes, tails first", 8, 4, 5, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := cached()
			e.KVTokens = c.memory * block
			cachedOf(t, e, 0, blocks(1, c.first))
			if c.then > 0 {
				cachedOf(t, e, time.Second, blocks(2, c.then))
			}
			if got := cachedOf(t, e, 2*time.Second, blocks(1, c.first)); got != c.want*block {
				t.Errorf("%d tokens are cached, want %d", got, c.want*block)
			}
		})
	}
}

func TestWithoutKVMemoryTheCacheHasASizeOfItsOwn(t *testing.T) {
	e := cached()
	e.Prefix = engine.NewPrefix(4)
	cachedOf(t, e, 0, blocks(1, 4))
	cachedOf(t, e, time.Second, blocks(2, 3))
	if got := cachedOf(t, e, 2*time.Second, blocks(1, 4)); got != block {
		t.Errorf("%d tokens, want the head alone", got)
	}
}

func TestAPromptIsThereWhenItsComputationIsOver(t *testing.T) {
	e, chain := cached(), blocks(1, 4)
	a, b, c := &engine.Seq{In: 65, Out: 1, Blocks: chain}, &engine.Seq{In: 65, Out: 1, Blocks: chain}, &engine.Seq{In: 65, Out: 1, Blocks: chain}
	submit(t, e, 0, a, b) // computed side by side, each in full
	e.Cancel(ms, a)
	submit(t, e, ms, c)
	end(e)
	if a.Cached() != 0 || b.Cached() != 0 || c.Cached() != 64 {
		t.Errorf("%d, %d, %d", a.Cached(), b.Cached(), c.Cached())
	}
	d := cached()
	submit(t, d, 0, a)
	d.Cancel(ms, a)
	if got := cachedOf(t, d, time.Second, chain); got != 0 {
		t.Errorf("a computation that was given up left %d tokens", got)
	}
}
