package engine

import (
	"slices"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// BlockTokens is how many tokens a block of the prefix cache holds, as in vLLM.
const BlockTokens = 16

// A Prefix remembers which heads of prompts have been computed, as the hashes
// of blocks of BlockTokens tokens, each chained on the one before, so that a
// block counts only behind the same head. It follows vLLM's block manager: a
// block that a running sequence holds is there for all and is held by all who
// use it; one that nobody holds stays until its memory is needed, and then what
// was used longest ago is forgotten first.
//
// Answers are not remembered, only prompts; nor is a prompt whose computation
// was not finished.
type Prefix struct {
	held map[uint64]int // how many running sequences hold a block
	idle *simplelru.LRU[uint64, struct{}]
}

// NewPrefix returns a cache that keeps so many blocks, at least 1, beside those
// held. An engine with KV memory of its own overrules the number: there, blocks
// that nobody holds have what the running sequences leave over.
func NewPrefix(blocks int) *Prefix {
	lru, err := simplelru.NewLRU[uint64, struct{}](max(1, blocks), nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &Prefix{map[uint64]int{}, lru}
}

// match returns how many blocks at the head of a prompt of n tokens are there,
// and how many of those are held. The last token never is: it must be computed
// to go on from.
func (p *Prefix) match(chain []uint64, n int) (found, held int) {
	if p == nil {
		return 0, 0
	}
	chain = chain[:min(len(chain), max(n-1, 0)/BlockTokens)]
	for found < len(chain) && p.has(chain[found]) {
		if p.held[chain[found]] > 0 {
			held++
		}
		found++
	}
	return found, held
}

func (p *Prefix) has(h uint64) bool { return p.held[h] > 0 || p.idle.Contains(h) }

// hold takes blocks that are there, and returns how many of them nobody held.
func (p *Prefix) hold(chain []uint64) (woken int) {
	for _, h := range chain {
		if p.held[h]++; p.held[h] == 1 {
			p.idle.Remove(h)
			woken++
		}
	}
	return woken
}

// adopt remembers blocks that their sequence computed and holds, and returns
// those that it now shares. A block that another sequence computed meanwhile
// stays that one's; the double is memory that nobody else finds.
func (p *Prefix) adopt(chain []uint64) (shared []uint64) {
	for _, h := range chain {
		if p.held[h] == 0 {
			p.idle.Remove(h)
			p.held[h] = 1
			shared = append(shared, h)
		}
	}
	return shared
}

// release lets blocks go, and returns how many nobody holds now. Tails are
// forgotten before their heads, without which they are of no use.
func (p *Prefix) release(chain []uint64) (idle int) {
	for _, h := range slices.Backward(chain) {
		if p.held[h]--; p.held[h] == 0 {
			delete(p.held, h)
			p.idle.Add(h, struct{}{})
			idle++
		}
	}
	return idle
}

// fit forgets what does not fit into memory for so many idle blocks.
func (p *Prefix) fit(blocks int) {
	if p != nil {
		p.idle.Resize(max(0, blocks))
	}
}

// store remembers a prompt that nobody holds, where memory is not modelled.
func (p *Prefix) store(chain []uint64) {
	if p != nil {
		p.release(p.adopt(chain))
	}
}
