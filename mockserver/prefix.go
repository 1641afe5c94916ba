package mockserver

import (
	"container/list"
	"slices"
	"strings"
	"sync"
)

const (
	blockTokens = 16     // tokens of a cache block, as in vLLM
	maxBlocks   = 32_768 // 524,288 tokens, about the KV memory of one large GPU
)

// A prefixCache remembers which heads of prompts it has seen, as the hashes of
// blocks chained from the first. It is pretended: it shows in usage, not in time.
type prefixCache struct {
	mu     sync.Mutex
	blocks *lru[uint64, struct{}]
}

func newPrefixCache() *prefixCache {
	return &prefixCache{blocks: newLRU[uint64, struct{}](maxBlocks)}
}

// lookup returns how many tokens at the head of a prompt of n tokens were
// cached, and remembers the prompt. The last token is never cached: it must be computed to
// go on from.
func (c *prefixCache) lookup(model string, prompt []string, n int) (cached int) {
	chain := blockChain(model, prompt)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range chain {
		if _, ok := c.blocks.get(h); !ok {
			break
		}
		cached += blockTokens
	}
	// Tails are forgotten before their heads, without which they are of no use.
	for _, h := range slices.Backward(chain) {
		c.blocks.put(h, struct{}{})
	}
	if cached > 0 && cached == n {
		cached -= blockTokens
	}
	return cached
}

// blockChain hashes the full blocks of a prompt, each on top of the one before,
// so that a block counts only behind the same head.
func blockChain(model string, prompt []string) []uint64 {
	var chain []uint64
	h, n := hashString(model), 0
	for _, part := range prompt {
		for word := range strings.FieldsSeq(part) {
			h = hashMore(hashMore(h, word), " ")
			if n++; n%blockTokens == 0 {
				chain = append(chain, h)
			}
		}
	}
	return chain
}

// An lru is a map of bounded size that forgets what was used longest ago.
type lru[K comparable, V any] struct {
	max   int
	items map[K]*list.Element
	order *list.List // newest in front
}

type lruItem[K comparable, V any] struct {
	key K
	val V
}

func newLRU[K comparable, V any](limit int) *lru[K, V] {
	return &lru[K, V]{max: limit, items: map[K]*list.Element{}, order: list.New()}
}

func (l *lru[K, V]) get(k K) (v V, ok bool) {
	e, ok := l.items[k]
	if !ok {
		return v, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruItem[K, V]).val, true
}

func (l *lru[K, V]) put(k K, v V) {
	if e, ok := l.items[k]; ok {
		e.Value.(*lruItem[K, V]).val = v
		l.order.MoveToFront(e)
		return
	}
	l.items[k] = l.order.PushFront(&lruItem[K, V]{k, v})
	if l.order.Len() > l.max {
		oldest := l.order.Back()
		delete(l.items, l.order.Remove(oldest).(*lruItem[K, V]).key)
	}
}
