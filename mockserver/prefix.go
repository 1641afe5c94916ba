package mockserver

import (
	"strings"

	"github.com/llmload/llmload/mockserver/engine"
)

// blockChain hashes the full blocks of a prompt, each on top of the one before,
// so that a block counts only behind the same head.
func blockChain(model string, prompt []string) []uint64 {
	var chain []uint64
	h, n := hashString(model), 0
	for _, part := range prompt {
		for word := range strings.FieldsSeq(part) {
			h = hashWord(h, word)
			if n++; n%engine.BlockTokens == 0 {
				chain = append(chain, h)
			}
		}
	}
	return chain
}
