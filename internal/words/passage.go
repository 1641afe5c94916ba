package words

import (
	"crypto/sha256"
	_ "embed" // the text
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"sync"
)

// The Queries of Newton's Opticks, 1730, in the public domain: see opticks.md.
//
//go:embed opticks.txt
var opticks string

// running splits the text once, on first use; it is never changed.
var running = sync.OnceValue(func() []string { return strings.Fields(opticks) })

// Passage returns n successive words of a real text from a random place on, joined by one space; after its last word the
// text begins again. It is "" when n is not positive.
func Passage(r *rand.Rand, n int) string {
	words := running()
	at := r.IntN(len(words))
	var out strings.Builder
	for i := range n {
		if i > 0 {
			out.WriteByte(' ')
		}
		out.WriteString(words[(at+i)%len(words)])
	}
	return out.String()
}

// PassagesSHA256 identifies the text that passages are from.
func PassagesSHA256() string {
	sum := sha256.Sum256([]byte(opticks))
	return hex.EncodeToString(sum[:])
}
