package engine

import (
	"slices"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// BlockTokens is how many tokens a block of the prefix cache holds, as in vLLM.
const BlockTokens = 16

// A Prefix remembers which heads of prompts have been computed, as the hashes
// of blocks of BlockTokens tokens, each chained on the one before, so that a
// block counts only behind the same head. What was used longest ago is forgotten.
type Prefix struct {
	blocks *simplelru.LRU[uint64, struct{}]
}

// NewPrefix returns a cache of so many blocks, at least 1.
func NewPrefix(blocks int) *Prefix {
	lru, err := simplelru.NewLRU[uint64, struct{}](max(1, blocks), nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &Prefix{blocks: lru}
}

// match returns how many tokens at the head of a prompt of n tokens are cached.
// The last token never is: it must be computed to go on from.
func (p *Prefix) match(chain []uint64, n int) int {
	if p == nil {
		return 0
	}
	cached := 0
	for _, h := range chain {
		if _, ok := p.blocks.Get(h); !ok {
			break
		}
		cached += BlockTokens
	}
	if cached > 0 && cached >= n {
		cached -= BlockTokens
	}
	return cached
}

// store remembers a prompt. Tails are forgotten before their heads, without
// which they are of no use.
func (p *Prefix) store(chain []uint64) {
	if p == nil {
		return
	}
	for _, h := range slices.Backward(chain) {
		p.blocks.Add(h, struct{}{})
	}
}
